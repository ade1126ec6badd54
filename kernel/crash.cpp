#include "kernel/crash.hpp"

#include "kernel/cores.hpp"
#include "quarry/base/check.hpp"

namespace kernel {
namespace {

// The optimiser must not know that these lead nowhere.
volatile std::uintptr_t nowhere = 0x10;

// Ends when `nowhere` becomes 0, which it does not.
[[gnu::noinline]] unsigned run_out_of_stack(unsigned depth) noexcept {
  volatile unsigned frame[256];
  frame[depth % 256] = depth;
  return nowhere == 0 ? depth : run_out_of_stack(depth + 1) + frame[0];
}

// Counts on other cores, with interrupts disabled, for good; core 0 stops them and sees whether they count on.
void stop_the_deaf(void* self, unsigned core) noexcept {
  auto& counter = *static_cast<volatile std::uint64_t*>(self);
  const auto wait = [] {
    for (unsigned i = 0; i < 5'000'000; ++i) quarry::relax_core();
  };
  if (core != 0) {
    static_cast<void>(arch::disable_interrupts());
    for (;;) counter = counter + 1;
  }
  // The emulator gives cores their turn when it likes: each step waits for what it is about, for a while.
  constexpr unsigned patience = 100, long_enough = 3;
  for (unsigned i = 0; counter == 0 && i < patience; ++i) wait();
  quarry::check(counter != 0, "cores that should count do not");
  arch::stop_other_cores();
  for (unsigned i = 0, still = 0; still < long_enough && i < patience; ++i) {
    const std::uint64_t before = counter;
    wait();
    still = counter == before ? still + 1 : 0;
    quarry::check(still < long_enough, "cores that were deaf to interrupts stand still");
  }
  quarry::check(false, "cores that are deaf to interrupts count on");
}

}  // namespace

void crash(quarry::TextView what) noexcept {
  if (what == "null") static_cast<void>(*reinterpret_cast<const volatile unsigned*>(nowhere));
  if (what == "code")
    *reinterpret_cast<volatile unsigned char*>(reinterpret_cast<std::uintptr_t>(&crash)) = 0;
  if (what == "stack") nowhere = run_out_of_stack(0);
  if (what == "check") quarry::check(nowhere == 0, "a promise that is broken on purpose");
  static volatile std::uint64_t counter = 0;
  if (what == "deaf") run_on_cores(running_cores(), &stop_the_deaf, const_cast<std::uint64_t*>(&counter));
  if (what == "core")
    run_on_cores(
        running_cores(),
        [](void*, unsigned core) noexcept { quarry::check(core == 0, "a promise that another core breaks"); },
        nullptr);
}

}  // namespace kernel
