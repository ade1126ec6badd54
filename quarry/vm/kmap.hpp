// quarry/vm/kmap.hpp: windows on high memory: frames that the direct map does not reach, shown for as long as somebody looks.
//
//   kmap()     low frame  --> its address in the direct map
//              high frame --> |w|w|w|w|w|w|w|w|       a window each; whoever wants the same frame gets the same one
//   kunmap()   a window that nobody uses goes on showing its frame, until no other is free: then all such
//              are shut, every processor forgets them, and they are free again
//
// So one flush is paid for many windows, and no window shows another frame before every processor has forgotten the last one.
// What only one core looks at, and only for a moment: quarry/vm/kmap_local.hpp.
//
// Two locks, in this order. The flush lock: one flush at a time; may be held while processors are told. It is not the lock of
// the page tables, so that one may look at frames where a table's page is being asked for. Inside, the lock of the windows.
#pragma once

#include "quarry/base/geometry.hpp"
#include "quarry/port/core_hold.hpp"
#include "quarry/vm/access.hpp"
#include "quarry/vm/address.hpp"
#include "quarry/vm/kmap_slots.hpp"

namespace quarry::vm {

// Whose direct map reaches low memory: slab's PageSource has all of it.
template <class P>
concept LowMemory = requires(P& p, const void* pointer) {
  { P::kGeometry } -> std::convertible_to<Geometry>;
  { p.map(PfnRange{}) } noexcept -> std::same_as<std::byte*>;
  { p.pfn_of(pointer) } noexcept -> std::same_as<Result<Pfn>>;
  { p.cores() } noexcept -> std::same_as<const typename P::Cores&>;
  requires port::Cores<typename P::Cores>;
};

// Where the direct map shows a pointer's byte: at the pointer.
inline VirtAddr address_of(const std::byte* pointer) noexcept {
  return VirtAddr{reinterpret_cast<std::uintptr_t>(pointer)};
}

// Who waits when every window is in use. Without functions nobody does: there is no_room.
struct KmapWait {
  void* self = nullptr;
  // Returns when Kmap::idled() is no longer `seen`: a window fell idle since it was looked for. Called with nothing held.
  //
  // Errors    kmap() returns them: whoever cannot wait, or no longer wants to.
  Result<Done> (*wait)(void* self, std::uint32_t seen) noexcept = nullptr;
  // Idled() has changed, and somebody waits. Called with nothing held. Null: who waits looks for himself.
  void (*idled)(void* self) noexcept = nullptr;
};

struct KmapConfig {
  VirtRange range;  // whole pages, which nobody else maps. Linux on arm: 2 MiB below the direct map, PKMAP
  std::span<KmapSlot> slots{};  // one for each of these pages; outlives the windows
  KmapWait wait{};
};

struct KmapStats {
  KmapCounts windows{};
  std::uint64_t flushes = 0;    // how often processors were told
  std::uint64_t exhausted = 0;  // how often every window was in use
};

// Tree        a vm::PageTable
// P           whose direct map reaches low memory
// FlushLock   of these windows alone
//
// kmap() and flush() are not called under a guard or with a lock held, nor from an interrupt: processors are told, or one waits.
template <class Tree, LowMemory P, Lock FlushLock>
class Kmap {
 public:
  using Cores = typename P::Cores;

  // What it points at outlives it.
  Kmap(Tree& tree, FlushLock& flush_lock, P& memory, const KmapConfig& config) noexcept
      : tree_{tree}, flush_lock_{flush_lock}, memory_{memory}, config_{config}, slots_{config.slots} {}
  Kmap(const Kmap&) = delete;
  Kmap& operator=(const Kmap&) = delete;

  // Has the tables for all windows made, once, before anything else is called. From then on no call here needs memory.
  //
  // Errors    bad_argument: not one slot for each page. Those of PageTable::open_windows(). Nothing changed.
  template <Lock TableLock>
  Result<Done> open(TableLock& table_lock) noexcept;

  // Shows a frame to all processors, until kunmap() has been called as often.
  //
  // Returns   the address of its first byte; of a low frame that in the direct map.
  // Errors    out_of_range: no processor has such a frame. no_room: every window is in use, and nobody waits. overflow: the
  //           frame has as many users as can be counted. Those of the wait. Nothing changed.
  // Cost      O(1); when no window is free, O(windows) and a flush.
  Result<VirtAddr> kmap(Pfn frame) noexcept;
  // The frame may be shown until the next flush.
  //
  // Errors    not_found: no window shows that frame. wrong_owner: one does, but nobody uses it. Nothing changed.
  // Cost      O(1). May be called under a guard.
  Result<Done> kunmap(Pfn frame) noexcept;

  // Where a high frame is shown, to users or to nobody. Errors: not_found. Cost: O(1).
  Result<VirtAddr> find(Pfn frame) const noexcept;
  // Which frame a window shows, to users or to nobody. Errors: not_found. Cost: O(1).
  Result<Pfn> frame_at(VirtAddr at) const noexcept;

  // Shuts what nobody uses: afterwards no processor reaches a frame by a window that was given back before.
  //
  // Returns   how many windows are free that were not.
  std::uint32_t flush() noexcept QUARRY_EXCLUDES(flush_lock_);

  // Changes whenever a window loses its last user.
  std::uint32_t idled() const noexcept { return idled_.load_acquire(); }
  KmapStats stats() const noexcept QUARRY_EXCLUDES(lock_);
  KmapFinding audit() const noexcept QUARRY_EXCLUDES(lock_);

 private:
  static constexpr PageSize kPage = Geometry{P::kGeometry}.page_size();
  static constexpr Access kData{.write = true};
  using Hold = port::CoreHold<Cores>;

  VirtAddr window(std::uint32_t slot) const noexcept {
    return config_.range.begin() + kPage.bytes_in(PageCount{slot});
  }
  std::uint32_t slot_of(VirtAddr at) const noexcept {
    return static_cast<std::uint32_t>((at - config_.range.begin()).raw >> kPage.shift());
  }
  PhysRange bytes_of(Pfn frame) const noexcept {
    return {kPage.address_of(frame), kPage.address_of(frame + PageCount{1})};
  }
  static bool is_address(Pfn frame) noexcept { return frame.raw < UINT64_MAX >> kPage.shift(); }

  // no_room: what shows the frame is not there, and nothing is free; `seen` is idled() of that moment.
  Result<VirtAddr> take(Pfn frame, std::uint32_t& seen) noexcept QUARRY_EXCLUDES(lock_);
  Result<VirtAddr> take_locked(Pfn frame) noexcept QUARRY_REQUIRES(lock_);
  Result<VirtAddr> flush_and_take(Pfn frame, std::uint32_t& seen) noexcept QUARRY_EXCLUDES(flush_lock_);
  // Around all that were idle; empty: none was.
  VirtRange retire_idle() noexcept QUARRY_REQUIRES(flush_lock_) QUARRY_EXCLUDES(lock_);
  Result<Done> wait(std::uint32_t seen) noexcept QUARRY_EXCLUDES(lock_);

  Tree& tree_;
  FlushLock& flush_lock_;
  P& memory_;
  KmapConfig config_;
  mutable typename Cores::Lock lock_;
  KmapSlots slots_ QUARRY_GUARDED_BY(lock_);
  std::uint32_t waiting_ QUARRY_GUARDED_BY(lock_) = 0;
  std::uint64_t flushes_ QUARRY_GUARDED_BY(lock_) = 0;
  std::uint64_t exhausted_ QUARRY_GUARDED_BY(lock_) = 0;
  Atomic<std::uint32_t> idled_{};
};

}  // namespace quarry::vm

#include "quarry/vm/kmap_impl.hpp"
