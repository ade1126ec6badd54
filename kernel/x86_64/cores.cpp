// kernel/x86_64/cores.cpp: the other processors: INIT, SIPI, their own tables and stack.
//
// Source    Intel SDM volume 3, section 8.4.4, "MP initialization example".
#include "kernel/cores.hpp"

#include <new>

#include "core_tables.hpp"
#include "cpu.hpp"
#include "firmware.hpp"
#include "local_apic.hpp"
#include "quarry/base/atomic.hpp"

extern "C" {
extern const std::byte trampoline[], trampoline_end[];
// What the trampoline gives the core that is starting.
extern constinit std::uint64_t x86_starting_root, x86_starting_stack;
constinit std::uint64_t x86_starting_root = 0, x86_starting_stack = 0;
}

namespace kernel {
namespace x86 {
namespace {

// The core that is starting; one at a time.
struct Starting {
  CoreTables* tables = nullptr;
  unsigned index = 0;
  void (*entry)(unsigned) = nullptr;
};
constinit Starting starting{};
constinit quarry::Atomic<unsigned> running{};  // the number of the core that said last that it runs

// Reads of port 0x80 take about a microsecond each, on any PC.
void wait_microseconds(unsigned count) noexcept {
  for (unsigned i = 0; i < count; ++i) static_cast<void>(in8(0x80));
  quarry::relax_core();  // where one thread emulates all cores, the others' turn
}

}  // namespace

extern "C" [[noreturn]] void x86_core_main() noexcept {
  const Starting mine = starting;
  use_core_tables(*mine.tables, mine.index);
  set_up_paging(quarry::vm::kPageAttributes);
  LocalApic::enable();
  running.store_release(mine.index);
  mine.entry(mine.index);
  halt();
}

}  // namespace x86

bool arch::start_core(unsigned index, std::span<std::byte> stack, void (*entry)(unsigned)) noexcept {
  using x86::LocalApic;
  const quarry::PhysRange page = low_memory_for_startup();
  const auto size = static_cast<std::size_t>(trampoline_end - trampoline);
  if (page.empty() || index >= x86::apic_ids().size() || stack.size() <= sizeof(x86::CoreTables))
    return false;
  __builtin_memcpy(reinterpret_cast<void*>(kDirectMap + page.begin().raw), trampoline, size);

  std::byte* const top = stack.data() + ((stack.size() - sizeof(x86::CoreTables)) & ~std::size_t{63});
  x86::starting = {::new (static_cast<void*>(top)) x86::CoreTables{}, index, entry};
  x86_starting_stack = reinterpret_cast<std::uint64_t>(top);
  x86_starting_root = x86::read_cr3();

  const std::uint32_t apic_id = x86::apic_ids()[index];
  const auto vector = static_cast<unsigned>(page.begin().raw >> 12);
  LocalApic::send(apic_id, LocalApic::Deliver::init, 0);
  x86::wait_microseconds(10'000);
  for (unsigned tries = 0; tries < 2 && x86::running.load_acquire() != index; ++tries) {
    LocalApic::send(apic_id, LocalApic::Deliver::startup, vector);
    for (unsigned waits = 0; waits < 5'000 && x86::running.load_acquire() != index; ++waits)
      x86::wait_microseconds(100);
  }
  return x86::running.load_acquire() == index;
}

void arch::ask(unsigned core) noexcept {
  x86::LocalApic::send(x86::apic_ids()[core], x86::LocalApic::Deliver::fixed, x86::kAskVector);
}
void arch::stop_other_cores() noexcept { x86::LocalApic::send_nmi_to_others(); }
void arch::use_tables(quarry::PhysAddr root) noexcept { x86::write_cr3(root.raw); }

}  // namespace kernel
