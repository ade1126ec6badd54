// kernel/x86_64/traps.cpp: exceptions end in a panic that shows where; two vectors are the other cores'.
//
// Source    Intel SDM volume 3, section 6.14, "Exception and interrupt handling in 64-bit mode"; section 6.15.
#include "core_tables.hpp"
#include "cpu.hpp"
#include "kernel/arch.hpp"
#include "kernel/panic.hpp"
#include "local_apic.hpp"

namespace kernel::x86 {
namespace {

constexpr unsigned kVectors = 48, kStubBytes = 16, kNmi = 2, kDoubleFault = 8, kPageFault = 14;

struct [[gnu::packed]] Gate {
  std::uint16_t offset_low = 0;
  std::uint16_t selector = 0;
  std::uint8_t stack = 0;
  std::uint8_t type = 0;
  std::uint16_t offset_middle = 0;
  std::uint32_t offset_high = 0;
  std::uint32_t reserved = 0;
};
struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

constinit Gate gates[kVectors] = {};

constexpr const char* kNames[] = {"divide error",
                                  "debug",
                                  "NMI",
                                  "breakpoint",
                                  "overflow",
                                  "bound range",
                                  "invalid opcode",
                                  "no coprocessor",
                                  "double fault",
                                  "vector 9",
                                  "invalid TSS",
                                  "segment not present",
                                  "stack-segment fault",
                                  "general protection",
                                  "page fault",
                                  "vector 15",
                                  "x87 error",
                                  "alignment check",
                                  "machine check",
                                  "SIMD error",
                                  "virtualization",
                                  "control protection"};

extern "C" const char x86_vectors[];

InterruptStack stack_of(unsigned vector) noexcept {
  if (vector == kDoubleFault) return InterruptStack::double_fault;
  return vector == kNmi ? InterruptStack::stop : InterruptStack::as_it_is;
}

void fill_gates() noexcept {
  constexpr std::uint8_t present_interrupt_gate = 0x8e;
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const auto at = reinterpret_cast<std::uintptr_t>(x86_vectors) + std::uintptr_t{vector} * kStubBytes;
    gates[vector] = {.offset_low = static_cast<std::uint16_t>(at),
                     .selector = kCode,
                     .stack = static_cast<std::uint8_t>(stack_of(vector)),
                     .type = present_interrupt_gate,
                     .offset_middle = static_cast<std::uint16_t>(at >> 16),
                     .offset_high = static_cast<std::uint32_t>(at >> 32),
                     .reserved = 0};
  }
}

}  // namespace

void use_core_tables(CoreTables& tables, unsigned index) noexcept {
  if (gates[0].type == 0) fill_gates();
  tables.index = index;
  tables.line = std::uint64_t{64} * index;
  const auto end_of = [](std::byte* stack) {
    return reinterpret_cast<std::uint64_t>(stack) + CoreTables::kStackBytes;
  };
  tables.task.interrupt_stacks[0] = end_of(tables.double_fault_stack);
  tables.task.interrupt_stacks[1] = end_of(tables.stop_stack);
  // An available 64-bit TSS: base in four pieces, limit in two.
  const auto base = reinterpret_cast<std::uint64_t>(&tables.task);
  constexpr std::uint64_t present_tss = 0x89;
  tables.descriptors[3] =
      (sizeof(TaskState) - 1) | (base & 0xff'ffff) << 16 | present_tss << 40 | (base >> 24 & 0xff) << 56;
  tables.descriptors[4] = base >> 32;

  const TablePointer descriptors{sizeof tables.descriptors - 1,
                                 reinterpret_cast<std::uint64_t>(tables.descriptors)};
  const TablePointer interrupts{sizeof gates - 1, reinterpret_cast<std::uint64_t>(gates)};
  asm volatile("lgdt %0; lidt %1; ltr %2" ::"m"(descriptors), "m"(interrupts), "r"(kTaskState) : "memory");
  write_msr(Msr::gs_base, reinterpret_cast<std::uint64_t>(&tables));
}

// What the stubs leave on the stack, and below it what the processor did.
struct Trap {
  std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  std::uint64_t vector, error;
  std::uint64_t rip, cs, rflags, rsp, ss;
};

[[noreturn]] static void stop_at(const Trap& trap) noexcept {
  const quarry::TextView name = trap.vector < std::size(kNames) ? kNames[trap.vector] : "exception";
  quarry::TextSink out = begin_panic();
  out.put("\nexception ").dec(trap.vector).put(" (").put(name).put(") on core ").dec(arch::this_core());
  out.put(": error ").hex(trap.error).put(", rip ").hex(trap.rip, 16);
  if (trap.vector == kPageFault) out.put(", cr2 ").hex(read_cr2(), 16);
  const struct {
    const char* name;
    std::uint64_t value;
  } registers[] = {{"rax", trap.rax},    {"rbx", trap.rbx},  {"rcx", trap.rcx}, {"rdx", trap.rdx},
                   {"rsi", trap.rsi},    {"rdi", trap.rdi},  {"rbp", trap.rbp}, {"rsp", trap.rsp},
                   {"r8 ", trap.r8},     {"r9 ", trap.r9},   {"r10", trap.r10}, {"r11", trap.r11},
                   {"r12", trap.r12},    {"r13", trap.r13},  {"r14", trap.r14}, {"r15", trap.r15},
                   {"rfl", trap.rflags}, {"cr3", read_cr3()}};
  unsigned column = 0;
  for (const auto& [name_of, value] : registers)
    out.put(column++ % 4 == 0 ? "\n  " : "  ").put(name_of).put(' ').hex(value, 16);
  out.put('\n');
  stop(reinterpret_cast<const void*>(trap.rbp));
}

extern "C" void x86_trap(const Trap* trap) noexcept {
  switch (trap->vector) {
    case kAskVector:
      LocalApic::end_of_interrupt();
      asked(arch::this_core());
      return;
    case kSpuriousVector: return;
    case kNmi: halt();  // another core stops this one
    default: stop_at(*trap);
  }
}

}  // namespace kernel::x86
