// quarry/vm/kmap_impl.hpp: bodies of Kmap.
#pragma once

#include "quarry/vm/kmap.hpp"

namespace quarry::vm {

template <class Tree, LowMemory P, Lock FlushLock>
template <Lock TableLock>
Result<Done> Kmap<Tree, P, FlushLock>::open(TableLock& table_lock) noexcept {
  if (kPage.bytes_in(PageCount{config_.slots.size()}) != config_.range.size()) return Error::bad_argument;
  const quarry::Hold<TableLock> table{table_lock};
  return tree_.open_windows(config_.range);
}

// --- Looking for a window --------------------------------------------------------------------------------

template <class Tree, LowMemory P, Lock FlushLock>
Result<VirtAddr> Kmap<Tree, P, FlushLock>::kmap(Pfn frame) noexcept {
  if (!is_address(frame) || !tree_.reaches(bytes_of(frame))) return Error::out_of_range;
  if (const std::byte* const low = memory_.map({frame, frame + PageCount{1}}); low != nullptr)
    return address_of(low);
  for (;;) {
    std::uint32_t seen = 0;
    Result<VirtAddr> found = take(frame, seen);
    if (!found && found.error() == Error::no_room) found = flush_and_take(frame, seen);
    if (found || found.error() != Error::no_room) return found;
    // Each turn ends when another user gave a window back.
    if (const Result<Done> waited = wait(seen); !waited) return waited.error();
  }
}

template <class Tree, LowMemory P, Lock FlushLock>
Result<VirtAddr> Kmap<Tree, P, FlushLock>::take(Pfn frame, std::uint32_t& seen) noexcept {
  const Hold hold{memory_.cores(), lock_};
  seen = idled_.load_relaxed();
  return take_locked(frame);
}

// Entries are written under the lock as well: who finds the window reaches the frame.
template <class Tree, LowMemory P, Lock FlushLock>
Result<VirtAddr> Kmap<Tree, P, FlushLock>::take_locked(Pfn frame) noexcept {
  const Result<std::uint32_t> held = slots_.hold(frame);
  if (held) return window(held.value());
  if (held.error() != Error::not_found) return held.error();
  const Result<std::uint32_t> slot = slots_.take(frame);
  if (!slot) return slot.error();
  tree_.show(window(slot.value()), kPage.address_of(frame), kData);
  return window(slot.value());
}

template <class Tree, LowMemory P, Lock FlushLock>
Result<VirtAddr> Kmap<Tree, P, FlushLock>::flush_and_take(Pfn frame, std::uint32_t& seen) noexcept {
  const quarry::Hold<FlushLock> flushing{flush_lock_};
  // Who flushed until now may have left some.
  const Result<VirtAddr> found = take(frame, seen);
  if (found || found.error() != Error::no_room) return found;
  const VirtRange retired = retire_idle();
  if (retired.empty()) return Error::no_room;
  tree_.forget(retired);
  const Hold hold{memory_.cores(), lock_};
  ++flushes_;
  slots_.settle();
  return take_locked(frame);  // one is there, and nobody came in between
}

template <class Tree, LowMemory P, Lock FlushLock>
Result<Done> Kmap<Tree, P, FlushLock>::wait(std::uint32_t seen) noexcept {
  {
    const Hold hold{memory_.cores(), lock_};
    ++exhausted_;
    if (config_.wait.wait == nullptr) return Error::no_room;
    ++waiting_;
  }
  const Result<Done> waited = config_.wait.wait(config_.wait.self, seen);
  const Hold hold{memory_.cores(), lock_};
  --waiting_;
  return waited;
}

// --- Giving back -----------------------------------------------------------------------------------------

template <class Tree, LowMemory P, Lock FlushLock>
Result<Done> Kmap<Tree, P, FlushLock>::kunmap(Pfn frame) noexcept {
  if (!is_address(frame)) return Error::not_found;
  if (memory_.map({frame, frame + PageCount{1}}) != nullptr) return Done{};
  {
    const Hold hold{memory_.cores(), lock_};
    const auto left = slots_.drop(frame);
    if (!left) return left.error();
    if (left.value() == KmapSlots::Left::some) return Done{};
    idled_.store_release(idled_.load_relaxed() + 1);
    if (waiting_ == 0) return Done{};
  }
  if (config_.wait.idled != nullptr) config_.wait.idled(config_.wait.self);
  return Done{};
}

template <class Tree, LowMemory P, Lock FlushLock>
VirtRange Kmap<Tree, P, FlushLock>::retire_idle() noexcept {
  const Hold hold{memory_.cores(), lock_};
  std::uint32_t first = KmapSlots::kNone, last = 0;
  slots_.retire([&](std::uint32_t slot) noexcept {
    tree_.shut(window(slot));
    if (slot < first) first = slot;
    if (last < slot) last = slot;
  });
  if (first == KmapSlots::kNone) return {};
  return {window(first), window(last) + kPage.bytes()};
}

template <class Tree, LowMemory P, Lock FlushLock>
std::uint32_t Kmap<Tree, P, FlushLock>::flush() noexcept {
  const quarry::Hold<FlushLock> flushing{flush_lock_};
  const VirtRange retired = retire_idle();
  if (retired.empty()) return 0;
  tree_.forget(retired);
  const Hold hold{memory_.cores(), lock_};
  ++flushes_;
  return slots_.settle();
}

// --- What there is ---------------------------------------------------------------------------------------

template <class Tree, LowMemory P, Lock FlushLock>
Result<VirtAddr> Kmap<Tree, P, FlushLock>::find(Pfn frame) const noexcept {
  const Hold hold{memory_.cores(), lock_};
  const std::uint32_t slot = slots_.find(frame);
  if (slot == KmapSlots::kNone) return Error::not_found;
  return window(slot);
}

template <class Tree, LowMemory P, Lock FlushLock>
Result<Pfn> Kmap<Tree, P, FlushLock>::frame_at(VirtAddr at) const noexcept {
  if (!config_.range.contains(at)) return Error::not_found;
  const Hold hold{memory_.cores(), lock_};
  const KmapSlot& slot = slots_[slot_of(at)];
  if (slot.state != KmapState::used && slot.state != KmapState::idle) return Error::not_found;
  return slot.frame;
}

template <class Tree, LowMemory P, Lock FlushLock>
KmapStats Kmap<Tree, P, FlushLock>::stats() const noexcept {
  const Hold hold{memory_.cores(), lock_};
  return {.windows = slots_.counts(), .flushes = flushes_, .exhausted = exhausted_};
}

template <class Tree, LowMemory P, Lock FlushLock>
KmapFinding Kmap<Tree, P, FlushLock>::audit() const noexcept {
  const Hold hold{memory_.cores(), lock_};
  if (const KmapFinding finding = slots_.audit()) return finding;
  for (std::uint32_t i = 0; i < slots_.count(); ++i) {
    const bool shows = slots_[i].state == KmapState::used || slots_[i].state == KmapState::idle;
    const Result<Mapping> found = tree_.lookup(window(i));
    const bool is_right =
        shows ? found && found.value() == Mapping{kPage.address_of(slots_[i].frame), kPage.bytes(), kData}
              : !found;
    if (!is_right) return {KmapLaw::entry_is_as_said, i};
  }
  return {};
}

}  // namespace quarry::vm
