// quarry/buddy/compaction.hpp: large blocks out of small ones, by moving what can be moved to the other end of a zone.
//
//   zone       |X.X..X..|.XX.X...|........|..X.....|.X.X.XX.|XXX.XX.X|     X in use and movable, . free
//   scanners     migrate -->                             <-- free
//   after      |........|........|...     |   ..XXX|XXXXXXXX|XXXXXXXX|     until a block is large enough or they meet
//
// It plugs into PageAllocator::set_pressure(). Each scanner remembers where it was, and one call looks at a bounded
// number of pageblocks; the next goes on there. Pages that cannot be moved stay, and so do pages in use by several.
#pragma once

#include <span>

#include "quarry/buddy/fragmentation.hpp"
#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

// Source    Linux 6.1, enum compact_result.
enum class Compacted : std::uint8_t {
  skipped,  // a block is there already, too little is free for moving to be the remedy, or another core is at it
  deferred,  // it did not help lately
  partial,   // the call's share of pageblocks is used up; the next call goes on
  complete,  // the scanners met, and no block is large enough
  success,
};

struct CompactionConfig {
  std::uint32_t pageblocks_per_call = 1024;
  std::int64_t threshold = 500;  // of the fragmentation index, for orders above 3 (vm.extfrag_threshold)
};

struct CompactionStats {
  std::uint64_t calls = 0, successes = 0;
  std::uint64_t moved = 0, refused = 0;  // blocks; refused by the mover
  std::uint64_t pageblocks = 0;          // that the migrate scanner looked at
};

// Allocator: a PageAllocator, which outlives this.
template <class Allocator>
class Compactor {
 public:
  static constexpr Geometry kGeometry = Allocator::kGeometry;

  Compactor(Allocator& allocator, const Mover& mover, CompactionConfig config = {}) noexcept
      : allocator_{&allocator}, mover_{mover}, config_{config} {}
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  // Takes a place for each zone to remember its scanners in. Once only.
  //
  // Errors    no_memory: the source has none.
  Result<Done> init(page::MetadataSource source) noexcept;

  // For PageAllocator::set_pressure(): this compacts, and `rest`, where it can, reclaims.
  Pressure pressure(const Pressure& rest = {}) noexcept;

  // Tries the zones that `request` allows, nearest first, until one has a block of `order`. One core at a time: others skip it.
  //
  // Source    Linux 6.1, "try_to_compact_pages" (behaviour).
  Compacted compact(Order order, const Request& request) noexcept;
  // Moves blocks of one zone, as far as one call goes, until a block of `order` is free. For one core at a time.
  //
  // Source    Linux 6.1, "compact_zone", "isolate_migratepages", "isolate_freepages" (behaviour).
  Compacted compact_zone(std::uint32_t zone, Order order) noexcept;
  const CompactionStats& stats() const noexcept { return stats_; }

 private:
  static constexpr unsigned kMostDeferred = 6;  // Source    Linux 6.1, "COMPACT_MAX_DEFER_SHIFT"
  // Where a block of one order may still be found: in the pageblock of `at`, behind it, and in lower pageblocks.
  struct Target {
    Pfn at, end;  // empty: nowhere
  };
  struct Scanners {
    Pfn migrate;
    Target free[Order::kCount];
    bool is_running = false;
    std::uint32_t considered = 0, shift = 0, order_failed = Order::kCount;
  };

  static PageCount pageblock() noexcept { return kGeometry.pageblock_order().pages(); }
  static Pfn start_of(Pfn page) noexcept { return Pfn{align_down(page.raw, pageblock().raw)}; }
  bool is_suitable(std::uint32_t zone, Order order) const noexcept;
  bool is_deferred(Scanners& scanners, Order order) const noexcept;
  void note_result(Scanners& scanners, Order order, Compacted result) noexcept;
  void begin(Scanners& scanners, PfnRange span) noexcept;
  bool is_ours(std::uint32_t zone, Pfn page) const noexcept;
  bool clear_pageblock(std::uint32_t zone, Scanners& scanners, Pfn end, Order wanted) noexcept;
  bool move(std::uint32_t zone, Scanners& scanners, Pfn from, Order order) noexcept;
  Compacted compact_zones(Order order, const Request& request) noexcept;
  Result<Pfn> target_for(std::uint32_t zone, Target& target, Pfn above, Order order) noexcept;
  bool is_target(std::uint32_t zone, Pfn pageblock) const noexcept;

  Allocator* allocator_;
  Mover mover_;
  Pressure rest_;
  CompactionConfig config_;
  std::span<Scanners> scanners_;  // as Layout::zones
  CompactionStats stats_;
  Atomic<std::uint32_t> is_busy_;
};

}  // namespace quarry::buddy

#include "quarry/buddy/compaction_impl.hpp"
