// kernel/aarch64/cpu.hpp: system registers, device registers, caches.
#pragma once

#include <cstddef>
#include <cstdint>

// A system register by its name.
#define AARCH64_READ(name)                                         \
  ([]() noexcept {                                                 \
    std::uint64_t aarch64_value;                                   \
    asm volatile("mrs %0, " name : "=r"(aarch64_value)::"memory"); \
    return aarch64_value;                                          \
  }())
#define AARCH64_WRITE(name, value) \
  asm volatile("msr " name ", %0; isb" ::"r"(static_cast<std::uint64_t>(value)) : "memory")

namespace kernel::aarch64 {

[[noreturn]] inline void halt() noexcept {
  for (;;) asm volatile("msr daifset, #15; wfi" ::: "memory");
}

// Registers of a device, which the direct map shows.
class Registers {
 public:
  constexpr Registers() noexcept = default;
  constexpr explicit Registers(std::uint64_t virt) noexcept : base_{virt} {}
  constexpr explicit operator bool() const noexcept { return base_ != 0; }
  constexpr Registers at(std::uint64_t offset) const noexcept { return Registers{base_ + offset}; }

  std::uint32_t read(std::uint64_t offset) const noexcept {
    return *reinterpret_cast<const volatile std::uint32_t*>(base_ + offset);
  }
  std::uint64_t read64(std::uint64_t offset) const noexcept {
    return *reinterpret_cast<const volatile std::uint64_t*>(base_ + offset);
  }
  void write(std::uint64_t offset, std::uint32_t value) const noexcept {
    *reinterpret_cast<volatile std::uint32_t*>(base_ + offset) = value;
  }
  void write8(std::uint64_t offset, std::uint8_t value) const noexcept {
    *reinterpret_cast<volatile std::uint8_t*>(base_ + offset) = value;
  }

 private:
  std::uint64_t base_ = 0;
};

// What was written here is in memory, for a core that runs without caches.
inline void clean_to_memory(const void* at, std::size_t size) noexcept {
  constexpr std::uintptr_t smallest_line = 16;
  const auto begin = reinterpret_cast<std::uintptr_t>(at) & ~(smallest_line - 1);
  for (std::uintptr_t line = begin; line < reinterpret_cast<std::uintptr_t>(at) + size; line += smallest_line)
    asm volatile("dc cvac, %0" ::"r"(line) : "memory");
  asm volatile("dsb sy" ::: "memory");
}

// Which core this is, as firmware and interrupt controller call it.
//
// Source    Arm ARM (DDI 0487), D17.2.101 "MPIDR_EL1": Aff3 in bits 39:32, Aff2 to Aff0 in 23:0.
inline constexpr std::uint64_t kAffinity = 0xff'00ff'ffff;
inline std::uint64_t my_affinity() noexcept { return AARCH64_READ("mpidr_el1") & kAffinity; }

}  // namespace kernel::aarch64
