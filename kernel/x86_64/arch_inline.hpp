// kernel/x86_64/arch_inline.hpp: the few instructions that the shared part wants in line.
#pragma once

#include <cstdint>

#include "quarry/base/text.hpp"
#include "quarry/vm/format_x86_64.hpp"

namespace kernel::arch {

inline constexpr quarry::TextView kName{"x86_64"};
// The upper half begins here: 112 TiB of direct map, and behind it vmalloc's addresses. The image is in the lower half.
inline constexpr std::uint64_t kDirectMap = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t kVmalloc = 0xffff'f000'0000'0000;
inline constexpr std::uint64_t kVmallocBytes = std::uint64_t{8} << 40;

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
  std::uint64_t index;
  asm volatile("movl %%gs:0, %k0" : "=r"(index));
  if (index > UINT32_MAX) __builtin_unreachable();  // a move of 32 bits clears the upper ones
  return static_cast<unsigned>(index);
}
// 64 * this_core(), for who finds something of its own in a row of cache lines.
inline std::size_t this_core_line() noexcept {
  std::size_t line;
  asm volatile("movq %%gs:8, %0" : "=r"(line));
  return line;
}
// In the word behind it, how many guards there are, and in the topmost bit that nothing waits for the end of the last one: so
// one instruction counts down and says whether to look after it, and no interrupt comes in between.
inline constexpr std::uint32_t kNothingDue = 0x8000'0000;
inline void enter_guard() noexcept { asm volatile("incl %%gs:4" ::: "cc", "memory"); }
inline bool leave_guard() noexcept {
  bool is_due;
  asm volatile("decl %%gs:4" : "=@ccz"(is_due)::"memory");
  return is_due;
}
inline void begin_due() noexcept { asm volatile("movl %0, %%gs:4" ::"i"(kNothingDue + 1) : "memory"); }
inline bool put_off() noexcept {
  std::uint32_t word;
  asm volatile("movl %%gs:4, %0" : "=r"(word)::"memory");
  if ((word & ~kNothingDue) == 0) return false;
  asm volatile("andl %0, %%gs:4" ::"i"(~kNothingDue) : "cc", "memory");
  return true;
}
inline std::uint64_t ticks() noexcept {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return std::uint64_t{high} << 32 | low;
}

}  // namespace kernel::arch
