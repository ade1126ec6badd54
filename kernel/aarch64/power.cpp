#include "power.hpp"

#include "cpu.hpp"
#include "kernel/arch.hpp"

extern "C" const std::byte aarch64_semihosting_call[];

namespace kernel {
namespace aarch64 {
namespace {

constexpr std::uint64_t kCpuOn = 0xc400'0003, kSystemOff = 0x8400'0008;
constexpr std::int64_t kNotSupported = -1;

constinit Conduit used = Conduit::none;

std::int64_t call(std::uint64_t function, std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
  register std::uint64_t x0 asm("x0") = function;
  register std::uint64_t x1 asm("x1") = a;
  register std::uint64_t x2 asm("x2") = b;
  register std::uint64_t x3 asm("x3") = c;
  switch (used) {
    case Conduit::none: return kNotSupported;
    case Conduit::hvc:
      asm volatile("hvc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9",
                     "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
      break;
    case Conduit::smc:
      asm volatile("smc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7", "x8", "x9",
                     "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17");
      break;
  }
  return static_cast<std::int64_t>(x0);
}

}  // namespace

void set_conduit(Conduit conduit) noexcept { used = conduit; }

std::int64_t core_on(std::uint64_t affinity, std::uint64_t entry, std::uint64_t context) noexcept {
  return call(kCpuOn, affinity, entry, context);
}

bool is_refused_semihosting(std::uint64_t at) noexcept {
  return at == reinterpret_cast<std::uint64_t>(aarch64_semihosting_call);
}

}  // namespace aarch64

// Semihosting alone hands a status on. Where it is off, its instruction is undefined: traps.cpp passes it over.
//
// Source    Semihosting for AArch32 and AArch64 (Arm, 2.0), "SYS_EXIT_EXTENDED (0x20)".
void arch::power_off(int status) noexcept {
  constexpr std::uint64_t application_exit = 0x2'0026;
  const std::uint64_t words[] = {application_exit, static_cast<std::uint64_t>(status)};
  register std::uint64_t x0 asm("x0") = 0x20;
  register const std::uint64_t* x1 asm("x1") = words;
  asm volatile(
      ".globl aarch64_semihosting_call\n"
      "aarch64_semihosting_call: hlt #0xf000"
      : "+r"(x0)
      : "r"(x1)
      : "memory");
  static_cast<void>(aarch64::call(aarch64::kSystemOff, 0, 0, 0));
  aarch64::halt();
}

}  // namespace kernel
