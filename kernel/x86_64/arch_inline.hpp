// kernel/x86_64/arch_inline.hpp: the few instructions that the shared part wants in line.
#pragma once

#include <cstdint>

#include "quarry/base/text.hpp"
#include "quarry/vm/format_x86_64.hpp"

namespace kernel::arch {

inline constexpr quarry::TextView kName{"x86_64"};
// The upper half begins here: all of it below the image, up to the middle, is the direct map.
inline constexpr std::uint64_t kDirectMap = 0xffff'8000'0000'0000;

using TableFormat = quarry::vm::X86<4>;

using IrqState = std::uint64_t;  // RFLAGS

inline IrqState disable_interrupts() noexcept {
  IrqState flags;
  asm volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
  return flags;
}
inline void restore_interrupts(IrqState state) noexcept {
  constexpr IrqState interrupts_on = 1u << 9;
  if ((state & interrupts_on) != 0) asm volatile("sti" ::: "memory");
}
inline void enable_interrupts() noexcept { asm volatile("sti" ::: "memory"); }
inline void relax() noexcept { asm volatile("pause" ::: "memory"); }
// After sti the next instruction still runs undisturbed, so that no interrupt slips in before hlt.
inline void wait_for_interrupt() noexcept { asm volatile("sti; hlt; cli" ::: "memory"); }

// The core's own tables are where GS says, its number first.
inline unsigned this_core() noexcept {
  unsigned index;
  asm volatile("movl %%gs:0, %0" : "=r"(index));
  return index;
}
inline std::uint64_t ticks() noexcept {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return std::uint64_t{high} << 32 | low;
}

}  // namespace kernel::arch
