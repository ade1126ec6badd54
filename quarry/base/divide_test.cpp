#include "quarry/base/divide.hpp"

#include "tests/test.hpp"

namespace quarry {

TEST(divide_divides_as_the_machine_does) {
  constexpr std::uint32_t dividends[] = {0, 1, 9, 255, 256, 65537, 4000000000};
  constexpr std::uint32_t divisors[] = {1, 3, 10, 256, 65536, 4294967295};
  for (const std::uint32_t a : dividends)
    for (const std::uint32_t b : divisors) {
      const std::uint64_t q = divide(a, b);  // as `/` would say, which calls libgcc on arm
      expect(q * b <= a && a - q * b < b);
    }
  expect_equal(divide(100, 7), 14u);
  expect_equal(divide(5, 9), 0u);
  expect_equal(divide(UINT64_MAX, 1), UINT64_MAX);
  expect_equal(divide(UINT64_MAX, UINT64_MAX), 1u);
  expect_equal(divide(UINT64_MAX, std::uint64_t{1} << 63), 1u);
}

}  // namespace quarry
