#include "kernel/unit_tests.hpp"

#include "kernel/console.hpp"
#include "tests/test.hpp"

namespace kernel {

TestRun run_unit_tests() noexcept {
  TestRun run;
  for (auto test = quarry::test::kFirstTest; test != quarry::test::kLastTest; ++test) {
    quarry::test::checks = quarry::test::failures = 0;
    (*test)->body();
    const bool is_good = quarry::test::checks != 0 && quarry::test::failures == 0;
    ++(is_good ? run.passed : run.failed);
    if (!is_good) console().put("test failed: ").put((*test)->name).put('\n');
  }
  return run;
}

}  // namespace kernel

void quarry::test::put(const char* text) noexcept { kernel::console().put(text); }
void quarry::test::put(std::uint64_t number) noexcept {
  if (number < 0x1000)
    kernel::console().dec(number);
  else
    kernel::console().put("0x").hex(number);
}
