// kernel/unit_tests.hpp: the library's own unit tests, here.
#pragma once

#include "tests/test.hpp"

namespace kernel {

// Runs all that are linked into the image, and prints where one fails.
quarry::test::Run run_unit_tests() noexcept;

}  // namespace kernel
