#include "kernel/stress.hpp"

#include "kernel/at_rest.hpp"
#include "kernel/cores.hpp"
#include "kernel/stamp.hpp"

namespace kernel {

using quarry::Error, quarry::Order, quarry::Result, quarry::TextView;

namespace {

constexpr unsigned kHeld = 64, kSteps = 8'000, kHighestOrder = 9, kStepsARange = 400;
constexpr std::uint64_t kLargestObject = 16'384;

// One core's part.
struct alignas(64) Worker {
  Inbox inbox{};
  Stamp* held[kHeld] = {};
  Stamp* hoard = nullptr;  // while memory is used up, linked
  std::uint64_t random = 0, sequence = 0;
  StressResult result{};
};

std::uint64_t next_random(Worker& me) noexcept {
  me.random ^= me.random << 13, me.random ^= me.random >> 7, me.random ^= me.random << 17;
  return me.random >> 8;
}

std::uint64_t bytes_of(const Stamp& block) noexcept {
  return block.kind == Stamp::Kind::pages ? std::uint64_t{4096} << block.measure : block.measure;
}

class Stress {
 public:
  Stress(Heap& heap, std::span<Worker> workers) noexcept : heap_{heap}, workers_{workers} {}

  // The phases, each of which all cores finish before the next begins.
  void steady(unsigned core) noexcept;
  void drop_all(unsigned core) noexcept;
  void use_up(unsigned core) noexcept;
  void pass_hoard(unsigned core) noexcept;
  void take_in(unsigned core) noexcept;

 private:
  Stamp* get(Worker& me, unsigned core) noexcept;
  Result<void*> allocate(Stamp& what, std::uint64_t random) noexcept;
  void put_back(Worker& me, Stamp* block) noexcept;
  void take_range(Worker& me) noexcept;

  Heap& heap_;
  std::span<Worker> workers_;
};

Result<void*> Stress::allocate(Stamp& what, std::uint64_t random) noexcept {
  if (what.kind == Stamp::Kind::object) return heap_.kmalloc(what.measure);
  // Each order half as often as the one below.
  unsigned order = 0;
  while (order < kHighestOrder && (random & 1) != 0) random >>= 1, ++order;
  what.measure = order;
  return heap_.alloc_pages(Order{order});
}

Stamp* Stress::get(Worker& me, unsigned core) noexcept {
  Stamp what{.sequence = me.sequence++, .owner = core};
  const std::uint64_t random = next_random(me);
  if ((random & 3) != 0) {
    what.kind = Stamp::Kind::object;
    what.measure = sizeof(Stamp) + (random >> 8) % (std::uint64_t{64} << (random >> 2) % 9);
    if (what.measure > kLargestObject) what.measure = kLargestObject;
  }
  const auto memory = allocate(what, random >> 8);
  if (!memory) {
    ++me.result.refusals;
    if (memory.error() != Error::no_memory)
      me.result.complaint = "a request failed, but not for want of memory";
    return nullptr;
  }
  ++me.result.operations;
  return stamp(memory.value(), bytes_of(what), what);
}

void Stress::put_back(Worker& me, Stamp* block) noexcept {
  const std::uint64_t bytes = bytes_of(*block);
  const TextView complaint = complaint_about(*block, bytes);
  if (!complaint.empty()) {
    me.result.complaint = complaint;
    return;
  }
  const Stamp what = *block;
  unstamp(*block);
  const auto freed = what.kind == Stamp::Kind::pages
                         ? heap_.free_pages(block, Order{static_cast<unsigned>(what.measure)})
                         : heap_.kfree(block);
  if (!freed) me.result.complaint = "a block was not taken back";
  ++me.result.operations;
}

// Any pageblock: that of a hole is refused, and one in use too, when it has been isolated and all cores were asked.
void Stress::take_range(Worker& me) noexcept {
  auto& allocator = heap_.system().allocator();
  const std::uint64_t frames = System::kGeometry.pageblock_order().pages().raw;
  const quarry::Pfn begin{next_random(me) % end_of_ram().raw & ~(frames - 1)};
  const quarry::PfnRange range{begin, begin + quarry::PageCount{frames}};
  if (!allocator.alloc_range(range, quarry::page::MigrateType::movable)) return;
  ++me.result.ranges;
  if (!allocator.free_range(range)) me.result.complaint = "a range was not taken back";
}

void Stress::steady(unsigned core) noexcept {
  Worker& me = workers_[core];
  for (unsigned step = 0; step < kSteps && me.result.complaint.empty(); ++step) {
    const std::uint64_t random = next_random(me);
    Stamp*& slot = me.held[random % kHeld];
    if (slot == nullptr) {
      slot = get(me, core);
    } else if ((random >> 8 & 1) != 0) {
      const auto to = static_cast<unsigned>((random >> 16) % workers_.size());
      workers_[to].inbox.put(slot);
      me.result.passed_on += to != core;
      slot = nullptr;
    } else {
      put_back(me, slot);
      slot = nullptr;
    }
    if (step % 16 == 0) take_in(core);
    if (core == 0 && step % kStepsARange == 0) take_range(me);
  }
}

void Stress::drop_all(unsigned core) noexcept {
  Worker& me = workers_[core];
  take_in(core);
  for (Stamp*& slot : me.held) {
    if (slot != nullptr) put_back(me, slot);
    slot = nullptr;
  }
}

// Until a core is refused several times in a row, whatever it asks for.
void Stress::use_up(unsigned core) noexcept {
  constexpr unsigned enough = 8;
  Worker& me = workers_[core];
  for (unsigned refused = 0; refused < enough && me.result.complaint.empty();) {
    Stamp* const block = get(me, core);
    ++refused;
    if (block == nullptr) continue;
    refused = 0;
    block->next = me.hoard;
    me.hoard = block;
  }
}

void Stress::pass_hoard(unsigned core) noexcept {
  Worker& me = workers_[core];
  const bool has_neighbour = workers_.size() > 1;
  Inbox& neighbour = workers_[(core + 1) % workers_.size()].inbox;
  while (me.hoard != nullptr) {
    Stamp* const block = me.hoard;
    me.hoard = block->next;
    neighbour.put(block);
    me.result.passed_on += has_neighbour;
  }
}

void Stress::take_in(unsigned core) noexcept {
  Worker& me = workers_[core];
  for (Stamp* block = me.inbox.take_all(); block != nullptr && me.result.complaint.empty();) {
    Stamp* const next = block->next;
    put_back(me, block);
    block = next;
  }
}

template <void (Stress::*phase)(unsigned) noexcept>
void on_all(Stress& all, unsigned cores) noexcept {
  run_on_cores(
      cores, [](void* self, unsigned core) noexcept { (static_cast<Stress*>(self)->*phase)(core); }, &all);
}

StressResult sum_of(std::span<const Worker> workers) noexcept {
  StressResult sum;
  for (const Worker& worker : workers) {
    sum.operations += worker.result.operations;
    sum.passed_on += worker.result.passed_on;
    sum.refusals += worker.result.refusals;
    sum.ranges += worker.result.ranges;
    if (sum.complaint.empty()) sum.complaint = worker.result.complaint;
  }
  return sum;
}

}  // namespace

StressResult stress(Heap& heap, unsigned cores, std::uint64_t rounds) noexcept {
  const auto memory = heap.kmalloc(sizeof(Worker) * (cores + 1));
  if (!memory) return {.complaint = "no memory for the workers"};
  const auto raw = reinterpret_cast<std::uintptr_t>(memory.value());
  Worker* const first = reinterpret_cast<Worker*>((raw + alignof(Worker) - 1) & ~(alignof(Worker) - 1));
  for (unsigned core = 0; core < cores; ++core) {
    ::new (static_cast<void*>(first + core)) Worker{};
    first[core].random = 0x2545'f491'4f6c'dd1d * (core + 1);
  }
  const std::span<Worker> workers{first, cores};
  const std::uint64_t before = pages_at_rest(heap.system());

  Stress all{heap, workers};
  for (std::uint64_t round = 0; round < rounds; ++round) {
    on_all<&Stress::steady>(all, cores);
    on_all<&Stress::use_up>(all, cores);
    on_all<&Stress::pass_hoard>(all, cores);
    on_all<&Stress::take_in>(all, cores);
  }
  on_all<&Stress::steady>(all, cores);
  on_all<&Stress::drop_all>(all, cores);
  on_all<&Stress::take_in>(all, cores);

  StressResult result = sum_of(workers);
  if (result.complaint.empty()) result.complaint = complaint_at_rest(heap.system(), before);
  if (result.complaint.empty() && result.refusals == 0) result.complaint = "memory was never used up";
  static_cast<void>(heap.kfree(memory.value()));
  return result;
}

}  // namespace kernel
