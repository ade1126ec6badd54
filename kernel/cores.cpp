#include "kernel/cores.hpp"

#include "quarry/base/atomic.hpp"

namespace kernel {

using quarry::Error, quarry::PhysRange, quarry::Result;

namespace {

constexpr quarry::Order kStackOrder{4};  // 64 KiB

// What a core is told to do. A core has taken a task on when `taken` has caught up with `given`.
struct alignas(64) Core {
  quarry::Atomic<unsigned> given{};
  quarry::Atomic<unsigned> taken{};
  unsigned number = 0;  // by the architecture
};

using Work = void (*)(void* self, unsigned core) noexcept;
constinit std::span<Core> cores{};
constinit PhysRange startup_memory{};
constinit quarry::Atomic<std::uint64_t> asks{};
// Written by core 0 before `given`, read by others after it.
constinit Work current_work = nullptr;
constinit void* current_self = nullptr;

unsigned index_of(unsigned number) noexcept {
  for (unsigned i = 0; i < cores.size(); ++i)
    if (cores[i].number == number) return i;
  return 0;
}

void core_main(unsigned number) noexcept {
  const unsigned index = index_of(number);
  Core& me = cores[index];
  unsigned done = 0;
  for (;;) {
    while (me.given.load_acquire() == done) arch::wait_for_interrupt();
    arch::enable_interrupts();
    current_work(current_self, number);
    static_cast<void>(arch::disable_interrupts());
    me.taken.store_release(++done);
  }
}

void give(Core& core, Work work, void* self) noexcept {
  current_work = work;
  current_self = self;
  core.given.store_release(core.given.load_relaxed() + 1);
  arch::ask(core.number);
}

void wait_for(const Core& core) noexcept {
  while (core.taken.load_acquire() != core.given.load_relaxed()) arch::relax();
}

}  // namespace

PhysRange low_memory_for_startup() noexcept { return startup_memory; }
void set_low_memory_for_startup(PhysRange range) noexcept { startup_memory = range; }
unsigned running_cores() noexcept { return static_cast<unsigned>(cores.size()); }
std::uint64_t times_asked() noexcept { return asks.load_relaxed(); }

void asked(unsigned) noexcept { asks.fetch_add_relaxed(1); }

Result<unsigned> start_cores(System& system) noexcept {
  const unsigned listed = arch::core_count();
  const auto memory = system.kmalloc().kmalloc(sizeof(Core) * listed + alignof(Core));
  if (!memory) return memory.error();
  const auto raw = reinterpret_cast<std::uintptr_t>(memory.value());
  Core* const all = reinterpret_cast<Core*>((raw + alignof(Core) - 1) & ~(alignof(Core) - 1));
  for (unsigned i = 0; i < listed; ++i) ::new (static_cast<void*>(all + i)) Core{};
  cores = {all, 1};
  for (unsigned number = 1; number < listed; ++number) {
    const auto stack = system.frames().alloc_pages(kStackOrder, {});
    if (!stack) return stack.error();
    const quarry::PfnRange pages{stack.value(), stack.value() + kStackOrder.pages()};
    const std::span<std::byte> bytes{Platform{}.map(pages),
                                     std::size_t{1} << (kStackOrder.raw() + Platform::kPageShift)};
    all[cores.size()].number = number;
    cores = {all, cores.size() + 1};
    if (arch::start_core(number, bytes, &core_main)) continue;
    // Its stack is not given back: it may yet come.
    cores = {all, cores.size() - 1};
  }
  return running_cores();
}

void run_on_cores(unsigned count, Work work, void* self) noexcept {
  for (unsigned i = 1; i < count; ++i) give(cores[i], work, self);
  work(self, arch::this_core());
  for (unsigned i = 1; i < count; ++i) wait_for(cores[i]);
}

void run_on_core(unsigned number, Work work, void* self) noexcept {
  if (number == arch::this_core()) return work(self, number);
  Core& core = cores[index_of(number)];
  give(core, work, self);
  wait_for(core);
}

}  // namespace kernel
