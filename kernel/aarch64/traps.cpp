// kernel/aarch64/traps.cpp: exceptions: interrupts of other cores, and what nobody expects.
//
// Source    Arm ARM (DDI 0487), D17.2.37 "ESR_EL1" (classes), D1.3.1.
#include "cpu.hpp"
#include "gic.hpp"
#include "kernel/arch.hpp"
#include "kernel/panic.hpp"
#include "power.hpp"

namespace kernel::aarch64 {

using quarry::TextSink, quarry::TextView;

namespace {

// What vectors.S leaves on the stack.
struct Trap {
  std::uint64_t x[31];
  std::uint64_t sp, elr, spsr, esr, far, kind;
};
static_assert(offsetof(Trap, kind) == 288);

constexpr std::uint64_t kIrq = 1, kFiq = 2;  // of code on its own stack
constexpr TextView kKinds[] = {"synchronous exception", "IRQ", "FIQ", "SError"};

TextView name_of_class(std::uint64_t syndrome) noexcept {
  switch (syndrome >> 26) {
    case 0x00: return "undefined instruction";
    case 0x07: return "floating point is off";
    case 0x0e: return "illegal state";
    case 0x15: return "supervisor call";
    case 0x21: return "instruction abort";
    case 0x22: return "misaligned PC";
    case 0x25: return "data abort";
    case 0x26: return "misaligned SP";
    case 0x2f: return "SError";
    case 0x3c: return "breakpoint instruction";
    default: return "other class";
  }
}

[[noreturn]] void stop_at(const Trap& trap) noexcept {
  TextSink out = begin_panic();
  out.put("\nexception: ").put(kKinds[trap.kind % 4]).put(trap.kind < 4 ? "" : " inside an exception");
  out.put(" (").put(name_of_class(trap.esr)).put(") on core ").dec(arch::this_core());
  out.put(": esr ").hex(trap.esr, 8).put(", elr ").hex(trap.elr, 16).put(", far ").hex(trap.far, 16);
  for (unsigned i = 0; i < 31; ++i) {
    out.put(i % 4 == 0 ? "\n  x" : "  x").dec(i).put(i < 10 ? "  " : " ").hex(trap.x[i], 16);
  }
  out.put("  sp  ").hex(trap.sp, 16).put("\n  spsr ").hex(trap.spsr, 8).put('\n');
  stop(reinterpret_cast<const void*>(trap.x[29]));
}

}  // namespace

extern "C" void aarch64_trap(Trap* trap) noexcept {
  if (trap->kind == kIrq) {
    switch (take_interrupt()) {
      case Interrupt::ask: return asked(arch::this_core());
      case Interrupt::stop: halt();
      case Interrupt::none: return;
    }
  }
  if (trap->kind == kFiq) halt();  // another core stops this one
  if (is_refused_semihosting(trap->elr)) {
    trap->elr += 4;
    return;
  }
  stop_at(*trap);
}

}  // namespace kernel::aarch64
