// kernel/unit_tests.hpp: the library's own unit tests, here.
#pragma once

#include <cstdint>

namespace kernel {

struct TestRun {
  std::uint64_t passed = 0, failed = 0;
};
// Runs all that are linked into the image, and prints where one fails.
TestRun run_unit_tests() noexcept;

}  // namespace kernel
