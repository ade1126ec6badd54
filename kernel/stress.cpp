#include "kernel/stress.hpp"

#include "kernel/at_rest.hpp"
#include "kernel/stress_phases.hpp"

namespace kernel {

using quarry::Error, quarry::Order, quarry::Result, quarry::TextView;

namespace {

constexpr unsigned kHeld = 64, kSteps = 8'000, kHighestOrder = 9, kStepsARange = 400;
constexpr std::uint64_t kLargestObject = 16'384;

using Worker = StressWorker<StressResult, kHeld>;

std::uint64_t bytes_of(const Stamp& block) noexcept {
  return block.kind == Stamp::Kind::pages ? std::uint64_t{4096} << block.measure : block.measure;
}

class Stress : public StressPhases<Stress, Worker> {
  using Phases = StressPhases<Stress, Worker>;
  friend Phases;

 public:
  Stress(Heap& heap, std::span<Worker> workers) noexcept : Phases{workers}, heap_{heap} {}

  // The phases, each of which all cores finish before the next begins.
  void steady(unsigned core) noexcept;
  void pass_hoard(unsigned core) noexcept;

 private:
  Stamp* get(Worker& me, unsigned core) noexcept;
  Result<void*> allocate(Stamp& what, std::uint64_t random) noexcept;
  void put_back(Worker& me, Stamp* block) noexcept;
  void take_range(Worker& me) noexcept;

  Heap& heap_;
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
  const std::uint64_t random = me.next_random();
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
  const quarry::Pfn begin{me.next_random() % end_of_ram().raw & ~(frames - 1)};
  const quarry::PfnRange range{begin, begin + quarry::PageCount{frames}};
  if (!allocator.alloc_range(range, quarry::page::MigrateType::movable)) return;
  ++me.result.ranges;
  if (!allocator.free_range(range)) me.result.complaint = "a range was not taken back";
}

void Stress::steady(unsigned core) noexcept {
  Worker& me = workers()[core];
  for (unsigned step = 0; step < kSteps && me.result.complaint.empty(); ++step) {
    turn(me, core);
    if (step % 16 == 0) take_in(core);
    if (core == 0 && step % kStepsARange == 0) take_range(me);
  }
}

void Stress::pass_hoard(unsigned core) noexcept {
  Worker& me = workers()[core];
  const bool has_neighbour = workers().size() > 1;
  Inbox& neighbour = workers()[(core + 1) % workers().size()].inbox;
  while (me.hoard != nullptr) {
    Stamp* const block = me.hoard;
    me.hoard = block->next;
    neighbour.put(block);
    me.result.passed_on += has_neighbour;
  }
}

constexpr auto drop_all = [](Stress& all, unsigned core) noexcept { all.drop_all(core); };
constexpr auto pass_hoard = [](Stress& all, unsigned core) noexcept { all.pass_hoard(core); };
constexpr auto steady = [](Stress& all, unsigned core) noexcept { all.steady(core); };
constexpr auto take_in = [](Stress& all, unsigned core) noexcept { all.take_in(core); };
constexpr auto use_up = [](Stress& all, unsigned core) noexcept { all.use_up(core); };

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
    on_all(all, cores, steady);
    on_all(all, cores, use_up);
    on_all(all, cores, pass_hoard);
    on_all(all, cores, take_in);
  }
  on_all(all, cores, steady);
  on_all(all, cores, drop_all);
  on_all(all, cores, take_in);

  StressResult result = sum_of(workers);
  for (const Worker& worker : workers) result.ranges += worker.result.ranges;
  if (result.complaint.empty()) result.complaint = complaint_at_rest(heap.system(), before);
  if (result.complaint.empty() && result.refusals == 0) result.complaint = "memory was never used up";
  static_cast<void>(heap.kfree(memory.value()));
  return result;
}

}  // namespace kernel
