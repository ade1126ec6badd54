#include "kernel/unit_tests.hpp"

#include "kernel/console.hpp"

namespace kernel {

quarry::test::Run run_unit_tests() noexcept {
  return quarry::test::run_each(
      [](const char* name) noexcept { console().put("test failed: ").put(name).put('\n'); });
}

}  // namespace kernel

void quarry::test::put(const char* text) noexcept { kernel::console().put(text); }
void quarry::test::put(std::uint64_t number) noexcept {
  if (number < 0x1000)
    kernel::console().dec(number);
  else
    kernel::console().put("0x").hex(number);
}
