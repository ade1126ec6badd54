// kernel/aarch64/arch_inline.hpp: the few instructions that the shared part wants in line.
#pragma once

#include <cstdint>

#include "quarry/base/text.hpp"
#include "quarry/vm/format_arm.hpp"

namespace kernel::arch {

inline constexpr quarry::TextView kName{"aarch64"};
// The upper half of the address space begins here. The image is linked in the middle of it; below is the direct map.
inline constexpr std::uint64_t kDirectMap = 0xffff'0000'0000'0000;
// Behind the image.
inline constexpr std::uint64_t kVmalloc = 0xffff'a000'0000'0000;
inline constexpr std::uint64_t kVmallocBytes = std::uint64_t{8} << 40;

using TableFormat = quarry::vm::Arm64<48, quarry::vm::Half::upper>;

using IrqState = std::uint64_t;  // DAIF

inline IrqState disable_interrupts() noexcept {
  IrqState before = 0;
  asm volatile("mrs %0, daif; msr daifset, #2" : "=r"(before)::"memory");
  return before;
}
inline void restore_interrupts(IrqState state) noexcept {
  asm volatile("msr daif, %0" ::"r"(state) : "memory");
}
inline void enable_interrupts() noexcept { asm volatile("msr daifclr, #2" ::: "memory"); }
// An interrupt that is pending ends the wait although it is masked, and is taken in between.
inline void wait_for_interrupt() noexcept {
  asm volatile("dsb sy; wfi; msr daifclr, #2; isb; msr daifset, #2" ::: "memory");
}

// What tables say now is seen by all cores that walk them.
inline void publish_tables() noexcept { asm volatile("dsb ishst; isb" ::: "memory"); }
// The processor tells all others.
inline constexpr bool kForgetsEverywhere = true;
inline void forget(std::uint64_t begin, std::uint64_t end) noexcept {
  constexpr std::uint64_t page_bits = 12, most_pages = 512, number_bits = 44;
  asm volatile("dsb ishst" ::: "memory");
  if ((end - begin) >> page_bits > most_pages)
    asm volatile("tlbi vmalle1is" ::: "memory");
  else
    for (std::uint64_t at = begin; at < end; at += std::uint64_t{1} << page_bits)
      asm volatile("tlbi vaae1is, %0" ::"r"(at >> page_bits & ((std::uint64_t{1} << number_bits) - 1))
                   : "memory");
  asm volatile("dsb ish; isb" ::: "memory");
}

// The core's own tables are where TPIDR_EL1 says: its number, how many guards there are, and whether something is due.
inline volatile unsigned* core_words() noexcept {
  std::uint64_t tables = 0;
  asm volatile("mrs %0, tpidr_el1" : "=r"(tables));
  return reinterpret_cast<volatile unsigned*>(tables);
}
inline unsigned this_core() noexcept { return core_words()[0]; }
inline std::size_t this_core_line() noexcept { return std::size_t{64} * this_core(); }
// An interrupt leaves the count as it found it, and what it puts off is looked for when the count is down.
inline void enter_guard() noexcept {
  volatile unsigned* const words = core_words();
  words[1] = words[1] + 1;
  asm volatile("" ::: "memory");
}
inline bool leave_guard() noexcept {
  asm volatile("" ::: "memory");
  volatile unsigned* const words = core_words();
  const unsigned left = words[1] - 1;
  words[1] = left;
  return left == 0 && words[2] != 0;
}
inline void begin_due() noexcept {
  enter_guard();
  core_words()[2] = 0;
}
inline bool put_off() noexcept {
  volatile unsigned* const words = core_words();
  if (words[1] == 0) return false;
  words[2] = 1;
  return true;
}
// The generic timer's: the same on all cores.
inline std::uint64_t ticks() noexcept {
  std::uint64_t count = 0;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(count)::"memory");
  return count;
}

}  // namespace kernel::arch
