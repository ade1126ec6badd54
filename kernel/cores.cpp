#include "kernel/cores.hpp"

#include "quarry/base/atomic.hpp"

namespace kernel {

using quarry::PhysRange, quarry::Result;

namespace {

constexpr quarry::Order kStackOrder{4};  // 64 KiB

using Function = void (*)(void* self, unsigned core) noexcept;

// What one core asks another to do at once. It lies on the stack of the one that asks and waits.
struct Call {
  Function function;
  void* self;
  Call* next = nullptr;
  quarry::Atomic<unsigned> is_done{};
};

struct alignas(64) Core {
  // Work: the core has taken it on and done it when `taken` has caught up with `given`.
  quarry::Atomic<unsigned> given{};
  quarry::Atomic<unsigned> taken{};
  quarry::Atomic<Call*> calls{};
};

constinit std::span<Core> cores{};  // by number, those that run
constinit PhysRange startup_memory{};
// Written by core 0 before `given`, read by others after it.
constinit Function current_work = nullptr;
constinit void* current_self = nullptr;

void core_main(unsigned number) noexcept {
  Core& me = cores[number];
  unsigned done = 0;
  for (;;) {
    while (me.given.load_acquire() == done) arch::wait_for_interrupt();
    arch::enable_interrupts();
    current_work(current_self, number);
    static_cast<void>(arch::disable_interrupts());
    me.taken.store_release(++done);
  }
}

void give(unsigned number, Function work, void* self) noexcept {
  Core& core = cores[number];
  current_work = work;
  current_self = self;
  core.given.store_release(core.given.load_relaxed() + 1);
  arch::ask(number);
}

void wait_for(const Core& core) noexcept {
  while (core.taken.load_acquire() != core.given.load_relaxed()) quarry::relax_core();
}

// Does what others asked this core for, under a guard.
void serve(unsigned number) noexcept {
  Core& me = cores[number];
  Call* call = me.calls.load_acquire();
  while (call != nullptr && !me.calls.exchange_if(call, nullptr)) {
  }
  while (call != nullptr) {
    Call* const next = call->next;  // whoever asked may be gone once it is done
    call->function(call->self, number);
    call->is_done.store_release(1);
    call = next;
  }
}

Result<std::span<Core>> make_cores(System& system, unsigned count) noexcept {
  const auto memory = system.kmalloc().kmalloc(sizeof(Core) * count + alignof(Core));
  if (!memory) return memory.error();
  const auto raw = reinterpret_cast<std::uintptr_t>(memory.value());
  Core* const first = reinterpret_cast<Core*>((raw + alignof(Core) - 1) & ~(alignof(Core) - 1));
  for (unsigned i = 0; i < count; ++i) ::new (static_cast<void*>(first + i)) Core{};
  return std::span<Core>{first, count};
}

}  // namespace

PhysRange low_memory_for_startup() noexcept { return startup_memory; }
void set_low_memory_for_startup(PhysRange range) noexcept { startup_memory = range; }
unsigned running_cores() noexcept { return static_cast<unsigned>(cores.size()); }

void asked(unsigned number) noexcept {
  if (number >= cores.size() || arch::put_off()) return;
  const Platform::Guard guard{Platform{}};
  serve(number);
}

void serve_due() noexcept {
  do {
    arch::begin_due();
    if (const unsigned number = arch::this_core(); number < cores.size()) serve(number);
  } while (arch::leave_guard());
}

Result<unsigned> start_cores(System& system) noexcept {
  const auto all = make_cores(system, arch::core_count());
  if (!all) return all.error();
  cores = all.value().first(1);
  for (unsigned number = 1; number < all.value().size(); ++number) {
    const auto stack = system.frames().alloc_pages(kStackOrder, {});
    if (!stack) return stack.error();
    std::byte* const memory = Platform{}.map({stack.value(), stack.value() + kStackOrder.pages()});
    constexpr std::size_t size = std::size_t{1} << (kStackOrder.raw() + Platform::kPageShift);
    cores = all.value().first(number + 1);
    if (arch::start_core(number, {memory, size}, &core_main)) continue;
    // Its stack is not given back: it may yet come.
    cores = all.value().first(number);
    break;
  }
  arch::enable_interrupts();
  return running_cores();
}

void run_on_cores(unsigned count, Function work, void* self) noexcept {
  for (unsigned number = 1; number < count; ++number) give(number, work, self);
  work(self, arch::this_core());
  for (unsigned number = 1; number < count; ++number) wait_for(cores[number]);
}

void run_on_core(unsigned number, Function work, void* self) noexcept {
  if (number == arch::this_core()) return work(self, number);
  give(number, work, self);
  wait_for(cores[number]);
}

// A core that does not run, or this one, is stood in for here.
void Platform::run_on(unsigned core, Function function, void* self) const noexcept {
  if (const Guard guard{*this}; core >= cores.size() || core == guard.core()) return function(self, core);
  Call call{.function = function, .self = self};
  Core& other = cores[core];
  Call* first = other.calls.load_relaxed();
  do call.next = first;
  while (!other.calls.exchange_if(first, &call));
  arch::ask(core);
  while (call.is_done.load_acquire() == 0) {
    // Others may ask this core meanwhile, and interrupts may be disabled here.
    if (const Guard guard{*this}; true) serve(guard.core());
    quarry::relax_core();
  }
}

}  // namespace kernel
