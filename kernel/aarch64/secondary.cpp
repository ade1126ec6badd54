// kernel/aarch64/secondary.cpp: the other cores: PSCI, their own tables and stacks.
#include "secondary.hpp"

#include <new>

#include "boot_tables.hpp"
#include "core_tables.hpp"
#include "firmware.hpp"
#include "kernel/arch.hpp"
#include "quarry/base/atomic.hpp"

extern "C" const std::byte secondary_entry[];

namespace kernel {
namespace aarch64 {

// What a core that starts is given; the first three are read by entry.S, the first of them without caches.
struct Starting {
  std::uint64_t root, stack;
  CoreTables* tables;
  void (*entry)(unsigned);
};
static_assert(offsetof(Starting, stack) == 8 && offsetof(Starting, tables) == 16);

namespace {

constinit std::span<const std::uint64_t> all_affinities{};
constinit std::uint64_t only_core = 0;
constinit quarry::Atomic<unsigned> running{};  // the number of the core that said last that it runs

}  // namespace

extern "C" {
constinit Starting aarch64_starting{};

[[noreturn]] void aarch64_core_main() noexcept {
  const Starting mine = aarch64_starting;
  asm volatile("msr daifclr, #5" ::: "memory");  // SError and FIQ, which mean disaster
  forget_lower_half();
  join_gic();
  running.store_release(mine.tables->index);
  mine.entry(mine.tables->index);
  halt();
}
}

void list_cores(const quarry::firmware::Fdt& tree, std::span<std::uint64_t> affinities) noexcept {
  std::size_t used = 0;
  bool am_listed = false;
  for_each_core(tree, [&](std::uint64_t affinity) {
    if (used == affinities.size()) return;
    const bool is_me = affinity == my_affinity();
    affinities[used] = is_me && used != 0 ? affinities[0] : affinity;
    if (is_me) affinities[0] = affinity;
    am_listed = am_listed || is_me;
    ++used;
  });
  only_core = my_affinity();
  all_affinities = am_listed ? std::span<const std::uint64_t>{affinities.data(), used}
                             : std::span<const std::uint64_t>{&only_core, 1};
}

}  // namespace aarch64

unsigned arch::core_count() noexcept { return static_cast<unsigned>(aarch64::all_affinities.size()); }

bool arch::start_core(unsigned index, std::span<std::byte> stack, void (*entry)(unsigned)) noexcept {
  using namespace aarch64;
  constexpr std::size_t kept = sizeof(CoreTables) + CoreTables::kExceptionStackBytes;
  if (index >= core_count() || stack.size() <= kept) return false;
  auto* const tables =
      ::new (static_cast<void*>(stack.data() + stack.size() - sizeof(CoreTables))) CoreTables{index};
  aarch64_starting = {tables_in_force().raw,
                      reinterpret_cast<std::uint64_t>(stack.data() + stack.size() - kept), tables, entry};
  clean_to_memory(&aarch64_starting, sizeof aarch64_starting);
  const std::uint64_t enters_at = physical_address_of(secondary_entry).raw;
  if (core_on(all_affinities[index], enters_at, physical_address_of(&aarch64_starting).raw) != 0)
    return false;
  const std::uint64_t patience = 2 * AARCH64_READ("cntfrq_el0");  // seconds
  for (const std::uint64_t since = ticks(); running.load_acquire() != index;) {
    if (ticks() - since > patience) return false;
    quarry::relax_core();
  }
  return true;
}

void arch::ask(unsigned core) noexcept {
  aarch64::send(aarch64::Interrupt::ask, core, aarch64::all_affinities[core]);
}
void arch::stop_other_cores() noexcept { aarch64::send_to_others(aarch64::Interrupt::stop); }

}  // namespace kernel
