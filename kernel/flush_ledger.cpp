#include "kernel/flush_ledger.hpp"

namespace kernel {

using quarry::Bytes, quarry::Pfn, quarry::PfnRange, quarry::vm::VirtAddr;

namespace {
constexpr std::uint64_t kPageBytes = std::uint64_t{1} << Platform::kPageShift;
}

FlushLedger::FlushLedger(DirectMap& map, Vmalloc& vmalloc) noexcept
    : map_{map}, vmalloc_{vmalloc}, frame_count_{end_of_ram().raw} {
  const Bytes bytes{frame_count_ * (1 + kAddresses) * sizeof(Due)};
  const auto memory = vmalloc.vzalloc({.size = bytes, .caller = "flush_ledger"});
  if (!memory) return;
  frames_ = reinterpret_cast<Due*>(memory.value().raw);
  addresses_ = frames_ + frame_count_;
}

FlushLedger::~FlushLedger() {
  if (frames_ == nullptr) return;
  const auto done = vmalloc_.vfree(VirtAddr{reinterpret_cast<std::uint64_t>(frames_)});
  quarry::check(bool{done}, "the ledger's memory is not taken back");
}

template <class F>
void FlushLedger::for_each(VirtAddr at, std::uint64_t pages, F&& f) noexcept {
  const std::uint64_t first = (at.raw - arch::kVmalloc) / kPageBytes;
  const quarry::Hold<quarry::SpinLock> hold{map_.lock()};
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (first + i < frame_count_ * kAddresses) f(addresses_[first + i]);
    const auto mapping = map_.table()->lookup(at + Bytes{i * kPageBytes});
    quarry::check(bool{mapping}, "a page of an area is not mapped");
    f(frames_[mapping.value().at.raw / kPageBytes]);
  }
}

void FlushLedger::ends(VirtAddr at, std::uint64_t pages) noexcept {
  // One that has begun already may have passed these.
  const auto due = static_cast<std::uint32_t>(flushes().begun + 1);
  for_each(at, pages, [due](Due& of) noexcept { of.store_release(due); });
}

bool FlushLedger::may_begin(VirtAddr at, std::uint64_t pages) noexcept {
  const std::uint64_t done = flushes().done;
  bool is_well = true;
  for_each(at, pages, [&](Due& of) noexcept { is_well = is_well && of.load_acquire() <= done; });
  return is_well;
}

bool FlushLedger::may_begin(PfnRange range) noexcept {
  const std::uint64_t done = flushes().done;
  for (Pfn frame = range.begin(); frame < range.end(); ++frame.raw)
    if (frames_[frame.raw].load_acquire() > done) return false;
  return true;
}

}  // namespace kernel
