#include "kernel/vmalloc_stress.hpp"

#include <array>

#include "kernel/at_rest.hpp"
#include "kernel/flush_ledger.hpp"
#include "kernel/stress_phases.hpp"

namespace kernel {

using quarry::Bytes, quarry::Error, quarry::Order, quarry::PageCount, quarry::Pfn, quarry::PfnRange,
    quarry::PhysRange, quarry::Result, quarry::TextView;
using quarry::vm::VirtAddr, quarry::vm::VirtRange;

namespace {

constexpr unsigned kHeld = 16, kSteps = 1500, kStepsAPurge = 100, kStepsAWalk = 150;
constexpr std::uint64_t kPageBytes = std::uint64_t{1} << Platform::kPageShift;
constexpr std::uint64_t kLargePages = 512;

VirtAddr address_of(const void* memory) noexcept { return VirtAddr{reinterpret_cast<std::uint64_t>(memory)}; }

using Worker = StressWorker<VmallocResult, kHeld>;  // a stamp's `measure` is the pages

class Stress : public StressPhases<Stress, Worker> {
  using Phases = StressPhases<Stress, Worker>;
  friend Phases;

 public:
  Stress(Vmalloc& vmalloc, System& system, FlushLedger& ledger, std::span<Worker> workers) noexcept
      : Phases{workers}, vmalloc_{vmalloc}, system_{system}, ledger_{ledger} {}

  void steady(unsigned core) noexcept;

 private:
  Stamp* get(Worker& me, unsigned core) noexcept;
  void put_back(Worker& me, Stamp* area) noexcept;
  void show_frames(Worker& me) noexcept;
  void take_frames(Worker& me) noexcept;
  void walk(Worker& me) noexcept;

  Vmalloc& vmalloc_;
  System& system_;
  FlushLedger& ledger_;
};

// Most are small, one in sixteen is of pages by the hundred, one in 128 of large pages.
std::uint64_t some_pages(std::uint64_t random) noexcept {
  if (random % 128 == 0) return kLargePages + random / 128 % 8;
  if (random % 16 == 0) return 65 + random / 16 % 200;
  return 1 + random / 16 % 16;
}

Stamp* Stress::get(Worker& me, unsigned core) noexcept {
  const std::uint64_t pages = some_pages(me.next_random());
  const bool is_zeroed = me.next_random() % 2 == 0;
  const quarry::vm::VmallocRequest request{.size = Bytes{pages * kPageBytes}, .caller = "stress_vmalloc"};
  const auto at = is_zeroed ? vmalloc_.vzalloc(request) : vmalloc_.vmalloc(request);
  if (!at) {
    ++me.result.refusals;
    if (at.error() != Error::no_memory) me.result.complaint = "a request failed, but not for want of memory";
    return nullptr;
  }
  ++me.result.operations;
  if (!ledger_.may_begin(at.value(), pages))
    me.result.complaint = "somebody may remember what is mapped anew";
  auto* const words = reinterpret_cast<std::uint64_t*>(at.value().raw);
  for (std::uint64_t i = 0; is_zeroed && i < pages * kPageBytes / sizeof(std::uint64_t); ++i)
    if (words[i] != 0) me.result.complaint = "zeroed memory is not zero";
  const auto found = vmalloc_.find(at.value() + Bytes{pages * kPageBytes - 1});
  if (!found || found.value().range.begin() != at.value() || found.value().pages.raw != pages)
    me.result.complaint = "an area is not found by its last byte";
  return stamp(words, pages * kPageBytes, {.sequence = me.sequence++, .owner = core, .measure = pages});
}

void Stress::put_back(Worker& me, Stamp* area) noexcept {
  const std::uint64_t pages = area->measure;
  const TextView complaint = complaint_about(*area, pages * kPageBytes);
  if (!complaint.empty()) {
    me.result.complaint = complaint;
    return;
  }
  unstamp(*area);
  ledger_.ends(address_of(area), pages);
  if (!vmalloc_.vfree(address_of(area))) me.result.complaint = "an area was not taken back";
  ++me.result.operations;
}

// Frames of one's own, written through a mapping and read where they are; after a purge nobody remembers it.
void Stress::show_frames(Worker& me) noexcept {
  std::array<Pfn, 4> frames{};
  std::size_t taken = 0;
  for (; taken < frames.size(); ++taken) {
    const auto frame = system_.frames().alloc_pages(Order{0}, {});
    if (!frame) break;
    frames[taken] = frame.value();
  }
  const std::span<const Pfn> mine{frames.data(), taken};
  const auto at = vmalloc_.vmap(mine, {.write = true}, "show_frames");
  for (std::size_t i = 0; at && i < taken; ++i) {
    *reinterpret_cast<volatile std::uint64_t*>(at.value().raw + i * kPageBytes) = frames[i].raw ^ me.random;
    const auto* const there = Platform{}.map({frames[i], frames[i] + PageCount{1}});
    if (*reinterpret_cast<const volatile std::uint64_t*>(there) != (frames[i].raw ^ me.random))
      me.result.complaint = "what is written through a mapping is not in its frame";
  }
  if (at) {
    ledger_.ends(at.value(), taken);
    if (!vmalloc_.vunmap(at.value())) me.result.complaint = "a mapping was not taken back";
    vmalloc_.purge();
    me.result.operations += 2;
  }
  for (const Pfn frame : mine) {
    if (!ledger_.may_begin(PfnRange{frame, frame + PageCount{1}}))
      me.result.complaint = "a purge left something that is remembered";
    if (!system_.frames().free_pages(frame, Order{0})) me.result.complaint = "a frame was not taken back";
  }
}

// A block from the page allocator: none that some core reaches through a mapping.
void Stress::take_frames(Worker& me) noexcept {
  const Order order{static_cast<unsigned>(me.next_random() % 3)};
  const auto block = system_.frames().alloc_pages(order, {});
  if (!block) return;
  if (!ledger_.may_begin(PfnRange{block.value(), block.value() + order.pages()}))
    me.result.complaint = "a frame has a new owner that somebody may remember";
  if (!system_.frames().free_pages(block.value(), order)) me.result.complaint = "a block was not taken back";
}

// Areas in order, each with as many frames on nodes as it says.
void Stress::walk(Worker& me) noexcept {
  std::array<PageCount, 64> on_nodes{};
  VirtAddr from{};
  while (const auto area = vmalloc_.next(from, on_nodes)) {
    const auto& info = area.value();
    std::uint64_t pages = 0;
    for (const PageCount& count : on_nodes) pages += count.raw;
    if (info.range.begin() < from || info.range.empty()) me.result.complaint = "areas are not in order";
    if (pages != info.pages.raw) me.result.complaint = "an area's frames are not on its nodes";
    from = info.range.end();
  }
}

void Stress::steady(unsigned core) noexcept {
  Worker& me = workers()[core];
  for (unsigned step = 0; step < kSteps && me.result.complaint.empty(); ++step) {
    turn(me, core);
    take_frames(me);
    if (step % 8 == 0) take_in(core);
    if (step % kStepsAPurge == core % kStepsAPurge) vmalloc_.purge();
    if (step % kStepsAPurge == kStepsAPurge / 2) show_frames(me);
    if (step % kStepsAWalk == 0) walk(me);
  }
}

constexpr auto drop_all = [](Stress& all, unsigned core) noexcept { all.drop_all(core); };
constexpr auto steady = [](Stress& all, unsigned core) noexcept { all.steady(core); };
constexpr auto take_in = [](Stress& all, unsigned core) noexcept { all.take_in(core); };
constexpr auto use_up = [](Stress& all, unsigned core) noexcept { all.use_up(core); };

// The phases, on workers and a ledger that are areas themselves.
VmallocResult run_phases(DirectMap& map, Vmalloc& vmalloc, System& system, unsigned cores) noexcept {
  FlushLedger ledger{map, vmalloc};
  const auto memory = vmalloc.vzalloc({.size = Bytes{sizeof(Worker) * cores}, .caller = "run_phases"});
  if (!memory || !ledger.is_ready()) return {.complaint = "no memory for the workers"};
  auto* const first = reinterpret_cast<Worker*>(memory.value().raw);
  for (unsigned core = 0; core < cores; ++core) {
    ::new (static_cast<void*>(first + core)) Worker{};
    first[core].random = 0x9e37'79b9'7f4a'7c15 * (core + 1);
  }
  Stress all{vmalloc, system, ledger, {first, cores}};
  on_all(all, cores, steady);
  on_all(all, cores, drop_all);
  on_all(all, cores, use_up);
  on_all(all, cores, drop_all);
  on_all(all, cores, steady);
  on_all(all, cores, drop_all);
  on_all(all, cores, take_in);
  VmallocResult result = sum_of(std::span<Worker>{first, cores});
  if (result.complaint.empty() && vmalloc.audit()) result.complaint = "a law of the areas is broken";
  if (!vmalloc.vfree(memory.value())) result.complaint = "the workers' memory was not taken back";
  return result;
}

}  // namespace

VmallocResult stress_vmalloc(DirectMap& map, Vmalloc& vmalloc, System& system, unsigned cores) noexcept {
  vmalloc.purge();
  const Flushes before = flushes();
  const std::uint64_t purges = vmalloc.stats().flushes, tables = map.table()->tables();
  const std::uint64_t pages = pages_at_rest(system);
  VmallocResult result = run_phases(map, vmalloc, system, cores);
  vmalloc.purge();

  const Flushes after = flushes();
  result.flushes = after.done - before.done;
  const std::uint64_t each = arch::kForgetsEverywhere ? 1 : cores;
  const auto stats = vmalloc.stats();
  TextView& complaint = result.complaint;
  if (!complaint.empty()) return result;
  if (after.begun != after.done) complaint = "a flush has no end";
  if (after.on_cores - before.on_cores != result.flushes * each) complaint = "a core was not told to forget";
  // What fails half way is told as well.
  if (result.flushes < stats.flushes - purges) complaint = "the port saw fewer flushes than were asked for";
  if (stats.areas.live != 0 || stats.areas.retired != 0 || stats.frames.raw != 0)
    complaint = "areas are left";
  if (map.table()->tables() != tables) complaint = "page tables were not given back";
  if (map.table()->audit()) complaint = "a law of the tables is broken";
  if (complaint.empty()) complaint = complaint_at_rest(system, pages);
  if (complaint.empty() && result.refusals == 0) complaint = "memory was never used up";
  return result;
}

quarry::memory::Exercise end_early_mapping(DirectMap& map, System& system, VirtAddr at,
                                           PhysRange shown) noexcept {
  quarry::memory::Exercise done{.what = "page tables of memblock's, given to the page allocator"};
  const auto* const through = reinterpret_cast<const volatile std::uint64_t*>(at.raw);
  const auto* const direct =
      reinterpret_cast<const volatile std::uint64_t*>(arch::kDirectMap + shown.begin().raw);
  for (std::uint64_t i = 0; i < shown.size().raw / sizeof(std::uint64_t); ++i, ++done.operations)
    if (through[i] != direct[i]) done.complaint = "an early mapping shows something else";
  const std::uint64_t pages = pages_at_rest(system), tables = map.table()->tables();
  bool is_unmapped = false;
  {
    const quarry::Hold<quarry::SpinLock> hold{map.lock()};
    is_unmapped = bool{map.table()->unmap({at, at + shown.size()})};
  }
  const std::uint64_t gone = tables - map.table()->tables();
  if (!is_unmapped || gone == 0) done.complaint = "an early mapping that does not end";
  if (!done.complaint.empty()) return done;
  done.complaint = complaint_at_rest(system, pages + gone);
  return done;
}

}  // namespace kernel
