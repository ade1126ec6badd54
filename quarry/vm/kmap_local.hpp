// quarry/vm/kmap_local.hpp: windows on high memory for one core and one moment: a stack of them for each core.
//
//   core 0   |w|w|w|.|.|.|.|.|        kmap_local() takes the next window, kunmap_local() gives the last one back
//   core 1   |w|.|.|.|.|.|.|.|
//
// No other core uses these addresses, so nobody else has to forget them: no lock, no other processor, never any memory. Who has
// a window stays on its core, which a guard makes sure of.
#pragma once

#include <bit>

#include "quarry/base/atomic.hpp"
#include "quarry/vm/kmap.hpp"

namespace quarry::vm {

// How many windows one core has in use. The caller's memory, in a cache line that its core alone writes.
struct alignas(64) LocalDepth {
  Shared<std::uint32_t> used = 0;
};

struct LocalKmapConfig {
  VirtRange range;                 // whole pages, which nobody else maps: `slots` for each core
  std::span<LocalDepth> depths{};  // one for each core; outlives the windows
  std::uint32_t slots = 16;        // of one core. Linux: KM_MAX_IDX
};

// Tree   a vm::PageTable whose walkers can forget on one processor alone
// P      whose direct map reaches low memory
template <class Tree, LowMemory P>
class LocalKmap {
 public:
  using Cores = typename P::Cores;
  using Guard = typename Cores::Guard;
  static constexpr std::size_t kPageBytes =
      static_cast<std::size_t>(Geometry{P::kGeometry}.page_size().bytes().raw);

  // What it points at outlives it.
  LocalKmap(Tree& tree, P& memory, const LocalKmapConfig& config) noexcept
      : tree_{tree}, memory_{memory}, config_{config} {}
  LocalKmap(const LocalKmap&) = delete;
  LocalKmap& operator=(const LocalKmap&) = delete;

  // Has the tables for all windows made, once, before anything else is called.
  //
  // Errors    bad_argument: not as many depths as cores, or not as many pages as windows, or the processors that walk the
  //           tree cannot forget one by one. Those of PageTable::open_windows(). Nothing changed.
  template <Lock TableLock>
  Result<Done> open(TableLock& table_lock) noexcept;

  // Shows a frame to this core, until kunmap_local(); the guard lives as long.
  //
  // Returns   the address of its first byte; of a low frame that in the direct map, which takes no window.
  // Errors    out_of_range: no processor has such a frame. no_room: the core's windows are all in use. Nothing changed.
  // Cost      O(1).
  Result<VirtAddr> kmap_local(const Guard& guard, Pfn frame) noexcept;

  // Gives back what kmap_local() gave last on this core, by any address in the page; of low frames nothing is to be given back.
  //
  // Errors    not_found: there is no window, nor is it in the direct map. wrong_owner: another core's window, or one that is
  //           shut. bad_argument: another was given since, and that goes first. Nothing changed.
  // Cost      O(1), and this core forgets one page.
  Result<Done> kunmap_local(const Guard& guard, VirtAddr at) noexcept;

  std::uint32_t depth(unsigned core) const noexcept { return config_.depths[core].used; }

  // While no core is under a guard of its own: the windows in use show something, the others are shut.
  //
  // Cost      O(windows).
  KmapFinding audit() const noexcept;

  const Cores& cores() const noexcept { return memory_.cores(); }

 private:
  static constexpr PageSize kPage = Geometry{P::kGeometry}.page_size();
  VirtAddr window(unsigned core, std::uint32_t slot) const noexcept {
    return config_.range.begin() + kPage.bytes_in(PageCount{core * config_.slots + slot});
  }
  Result<Done> drop_low(VirtAddr at) const noexcept;

  Tree& tree_;
  P& memory_;
  LocalKmapConfig config_;
};

template <class Tree, LowMemory P>
template <Lock TableLock>
Result<Done> LocalKmap<Tree, P>::open(TableLock& table_lock) noexcept {
  const std::size_t cores = memory_.cores().core_count();
  if (config_.depths.size() != cores || !tree_.can_forget_here()) return Error::bad_argument;
  if (kPage.bytes_in(PageCount{std::uint64_t{cores} * config_.slots}) != config_.range.size())
    return Error::bad_argument;
  const quarry::Hold<TableLock> table{table_lock};
  return tree_.open_windows(config_.range);
}

template <class Tree, LowMemory P>
Result<VirtAddr> LocalKmap<Tree, P>::kmap_local(const Guard& guard, Pfn frame) noexcept {
  if (frame.raw >= UINT64_MAX >> kPage.shift()) return Error::out_of_range;
  const PfnRange one{frame, frame + PageCount{1}};
  if (!tree_.reaches({kPage.address_of(one.begin()), kPage.address_of(one.end())}))
    return Error::out_of_range;
  if (const std::byte* const low = memory_.map(one); low != nullptr) return address_of(low);
  LocalDepth& depth = config_.depths[guard.core()];
  if (depth.used == config_.slots) return Error::no_room;
  const VirtAddr at = window(guard.core(), depth.used);
  ++depth.used;
  tree_.show(at, kPage.address_of(frame), Access{.write = true});
  return at;
}

template <class Tree, LowMemory P>
Result<Done> LocalKmap<Tree, P>::kunmap_local(const Guard& guard, VirtAddr at) noexcept {
  if (!config_.range.contains(at)) return drop_low(at);
  LocalDepth& depth = config_.depths[guard.core()];
  const VirtRange in_use{window(guard.core(), 0), window(guard.core(), depth.used)};
  if (!in_use.contains(at)) return Error::wrong_owner;
  const VirtAddr last = window(guard.core(), depth.used - 1);
  if (at < last) return Error::bad_argument;
  tree_.shut(last);
  tree_.forget_here({last, last + kPage.bytes()});
  --depth.used;
  return Done{};
}

// A pointer's byte in the direct map.
template <class Tree, LowMemory P>
Result<Done> LocalKmap<Tree, P>::drop_low(VirtAddr at) const noexcept {
  if (at.raw > UINTPTR_MAX) return Error::not_found;
  const auto* const pointer = std::bit_cast<const std::byte*>(static_cast<std::uintptr_t>(at.raw));
  if (!memory_.pfn_of(pointer)) return Error::not_found;
  return Done{};
}

template <class Tree, LowMemory P>
KmapFinding LocalKmap<Tree, P>::audit() const noexcept {
  for (unsigned core = 0; core < config_.depths.size(); ++core)
    for (std::uint32_t slot = 0; slot < config_.slots; ++slot) {
      const bool is_shown{tree_.lookup(window(core, slot))};
      if (is_shown != (slot < depth(core))) return {KmapLaw::entry_is_as_said, core * config_.slots + slot};
    }
  return {};
}

}  // namespace quarry::vm
