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
// After sti the next instruction still runs undisturbed, so that no interrupt slips in before hlt.
inline void wait_for_interrupt() noexcept { asm volatile("sti; hlt; cli" ::: "memory"); }

// A walk sees what was written before, without more.
inline void publish_tables() noexcept {}
// On this core alone.
inline constexpr bool kForgetsEverywhere = false;
inline void forget(std::uint64_t begin, std::uint64_t end) noexcept {
  constexpr std::uint64_t page_bits = 12, most_pages = 512, global_pages = 1u << 7;
  if ((end - begin) >> page_bits <= most_pages) {
    for (std::uint64_t at = begin; at < end; at += std::uint64_t{1} << page_bits)
      asm volatile("invlpg (%0)" ::"r"(at) : "memory");
    return;
  }
  std::uint64_t control = 0;
  asm volatile("movq %%cr4, %0" : "=r"(control));
  asm volatile("movq %0, %%cr4; movq %1, %%cr4" ::"r"(control ^ global_pages), "r"(control) : "memory");
}

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
