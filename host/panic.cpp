// host/panic.cpp: where a broken promise ends a hosted program. Programs with their own way define panic first.
#include <cstdio>
#include <cstdlib>

#include "quarry/base/check.hpp"

namespace quarry {

void panic(const char* what, Site site) noexcept {
  std::fprintf(stderr, "%s:%u: %s\n", site.file, site.line, what);
  std::abort();
}

}  // namespace quarry
