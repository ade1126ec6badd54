// linux/kernel_origins.hpp: a kernel's profile, and where each of its values comes from.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "linux/kernel_profile.hpp"

namespace quarry::lnx {

struct ValueOrigin {
  enum class Kind { told, assumed };  // told: of this very build
  Kind kind = Kind::told;
  std::string words;  // "symbols", "struct page, BTF", "Debian's 6.1 kernels of x86_64"
};

struct SourcedKernel {
  KernelProfile profile;
  // By the keys of docs/kernels.md: "release", "symbols", "config", "sizes.page".
  std::map<std::string, ValueOrigin, std::less<>> origins;
  std::string name;    // of the file that was read, without its folder
  std::string format;  // what it is: "a bzImage (xz)"
};

}  // namespace quarry::lnx
