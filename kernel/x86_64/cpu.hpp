// kernel/x86_64/cpu.hpp: single instructions and numbers of the architecture.
//
// Source    Intel SDM, volume 2 (instructions), volume 4 (MSRs); AMD64 APM, volume 2.
#pragma once

#include <cstdint>

namespace kernel::x86 {

inline void out8(std::uint16_t port, std::uint8_t value) noexcept {
  asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
inline void out16(std::uint16_t port, std::uint16_t value) noexcept {
  asm volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}
inline std::uint8_t in8(std::uint16_t port) noexcept {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

enum class Msr : std::uint32_t {
  pat = 0x277,
  apic_base = 0x1b,
  x2apic = 0x800,
  efer = 0xc000'0080,
  gs_base = 0xc000'0101
};
inline std::uint64_t read_msr(std::uint32_t number) noexcept {
  std::uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return std::uint64_t{high} << 32 | low;
}
inline void write_msr(std::uint32_t number, std::uint64_t value) noexcept {
  asm volatile("wrmsr" ::"c"(number), "a"(static_cast<std::uint32_t>(value)),
               "d"(static_cast<std::uint32_t>(value >> 32))
               : "memory");
}
inline std::uint64_t read_msr(Msr msr) noexcept { return read_msr(static_cast<std::uint32_t>(msr)); }
inline void write_msr(Msr msr, std::uint64_t value) noexcept {
  write_msr(static_cast<std::uint32_t>(msr), value);
}

inline std::uint64_t read_cr2() noexcept {
  std::uint64_t value;
  asm volatile("movq %%cr2, %0" : "=r"(value));
  return value;
}
inline std::uint64_t read_cr3() noexcept {
  std::uint64_t value;
  asm volatile("movq %%cr3, %0" : "=r"(value));
  return value;
}
inline void write_cr3(std::uint64_t value) noexcept {
  asm volatile("movq %0, %%cr3" ::"r"(value) : "memory");
}

// What entries of page tables mean by memory types and by "global"; on each core, before its tables are used.
inline void set_up_paging(std::uint64_t page_attributes) noexcept {
  constexpr std::uint64_t global_pages = 1u << 7;
  std::uint64_t cr4;
  write_msr(Msr::pat, page_attributes);
  asm volatile("movq %%cr4, %0; orq %1, %0; movq %0, %%cr4" : "=&r"(cr4) : "i"(global_pages) : "memory");
}

struct Cpuid {
  std::uint32_t a, b, c, d;
};
inline Cpuid cpuid(std::uint32_t leaf) noexcept {
  Cpuid result{};
  asm volatile("cpuid" : "=a"(result.a), "=b"(result.b), "=c"(result.c), "=d"(result.d) : "a"(leaf), "c"(0));
  return result;
}

[[noreturn]] inline void halt() noexcept {
  for (;;) asm volatile("cli; hlt" ::: "memory");
}

}  // namespace kernel::x86
