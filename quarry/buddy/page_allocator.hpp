// quarry/buddy/page_allocator.hpp: the zones' free pages, in blocks of powers of two.
//
//   hand-over     release() ------> free lists <----- bring-up of deferred sections
//                                     |    ^
//   alloc_pages() smallest block,     v    |  free_pages() merges
//                 then a fallback   in use
//
// The "linux" policy: which block is chosen, which end of its list a block is put on, when a request takes
// from another migrate type and how much of the pageblock it takes over are as in Linux 6.1. No page's content is ever
// touched, and no tail's descriptor: every operation costs the same whatever the order.
//
// Not thread-safe: the caller serialises calls on one allocator.
#pragma once

#include <span>

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/law.hpp"
#include "quarry/buddy/observer.hpp"
#include "quarry/buddy/request.hpp"
#include "quarry/buddy/zone_part.hpp"
#include "quarry/buddy/zone_state.hpp"
#include "quarry/buddy/zone_stats.hpp"
#include "quarry/page/memory_map.hpp"

namespace quarry::buddy {

// What happens to whole sections at the hand-over.
enum class HandOver : std::uint8_t {
  at_once,   // every block is put on its list: Linux's order of blocks, exactly
  deferred,  // sections that are wholly free stay untouched until they are needed; flat maps have none
};

// Whether pageblocks have types at all. Linux groups unless the machine is smaller than one pageblock for
// each migrate type ("page_group_by_mobility_disabled").
enum class Grouping : std::uint8_t { by_mobility, none };

struct AllocatorConfig {
  HandOver hand_over = HandOver::at_once;
  Grouping grouping = Grouping::by_mobility;
};

template <Geometry G, class Watcher = NoObserver>
class PageAllocator {
  static_assert(Observer<Watcher>);

 public:
  using Map = page::MemoryMap<G>;
  static constexpr Geometry kGeometry = G;

  explicit PageAllocator(Watcher watcher = Watcher{}) noexcept : observer_{watcher} {}
  PageAllocator(const PageAllocator&) = delete;
  PageAllocator& operator=(const PageAllocator&) = delete;

  // Takes the tables for every zone of `layout` from `source`; all pages are reserved, and the zones' managed
  // counts are set to 0. `layout` and `map`, which is initialised, outlive the allocator. Once only.
  //
  // Errors    no_memory: the source has none. no_room: more zone parts than descriptors can name.
  // Cost      O(nodes + zones).
  Result<Done> init(zones::Layout& layout, Map& map, page::MetadataSource source,
                    AllocatorConfig config) noexcept;

  // --- Hand-over ----------------------------------------------------------------------------------
  // Gives `pages` of zone `zone` (an index into Layout::zones) to the allocator, in the largest aligned
  // blocks, each at the tail of its list. What is never released stays reserved.
  //
  //   begin                                                     end
  //     |-|---|-------|---------------|---------------|-------|-|
  //
  // Errors    bad_argument: not inside the zone, without descriptors, or partly handed over already, as far
  //           as the starts of blocks tell; last_misuse() is overlapping_range. Nothing changed.
  // Cost      O(blocks), or with deferred hand-over O(sections).
  // Source    Linux 6.1, mm/memblock.c, "__free_pages_memory" (behaviour).
  Result<Done> release(std::uint32_t zone, PfnRange pages, ListEnd end = ListEnd::tail) noexcept;
  // The same for each zone that `pages` lies in; what lies in no zone stays reserved. Where the zones of one
  // node overlap (mirrored memory), only the caller knows which one is meant: say so.
  //
  // Errors    as above, of any piece. Nothing changed.
  Result<Done> release(PfnRange pages, ListEnd end = ListEnd::tail) noexcept;
  // Gives whole pageblocks, reserved until now, as a contiguous area: their type becomes cma.
  //
  // Errors    bad_argument: as above, or not whole pageblocks. Nothing changed.
  // Source    Linux 6.1, "init_cma_reserved_pageblock".
  Result<Done> release_cma(std::uint32_t zone, PfnRange pages) noexcept;
  // Counts blocks of the highest order as managed that were in use before there was an allocator and stay so.
  //
  // Errors    bad_argument: as above, or not whole blocks of the highest order. Nothing changed.
  // Source    Linux 6.1, mm/hugetlb.c, "gather_bootmem_prealloc" (behaviour).
  Result<Done> release_used(std::uint32_t zone, PfnRange pages) noexcept;

  // Computes the watermarks and the lowmem reserves of all zones from the pages managed now. Before the first call
  // all are 0.
  void set_watermarks(std::uint64_t min_free_kbytes, const WatermarkConfig& config = {}) noexcept;
  // Managed pages of the zones up to Normal on the zonelist of `node`, less their high watermarks.
  //
  // Source    Linux 6.1, "nr_free_buffer_pages".
  PageCount free_buffer_pages(NodeId node) const noexcept;

  // --- Pages --------------------------------------------------------------------------------------
  // Hands out 2^order pages at a multiple of 2^order.
  //
  // Errors    no_memory: no zone that the request allows has such a block above its watermark.
  //           bad_argument: an order above the geometry's, a type that is not ordinary, a node not there.
  // Cost      O(zones asked + highest order); a fallback may walk one pageblock, block by block.
  Result<Pfn> alloc_pages(Order order, const Request& request) noexcept;
  // Takes back the block that starts at `page`, exactly as it was handed out.
  //
  // Errors    wrong_owner, bad_argument: it is none; last_misuse() says why. Nothing changed.
  // Cost      O(highest order).
  Result<Done> free_pages(Pfn page, Order order) noexcept;
  // Why the last refused free_pages() or release() was refused; none before the first.
  Misuse last_misuse() const noexcept { return last_misuse_; }

  // The descriptor of `page`, brought up if its section is deferred; null where there is none.
  page::Descriptor* descriptor(Pfn page) noexcept;
  Map& map() noexcept { return *map_; }

  // --- Watching -----------------------------------------------------------------------------------
  std::size_t zone_count() const noexcept { return zones_.size(); }
  // Cost      O(orders + pageblocks of the zone).
  ZoneStats stats(std::uint32_t zone) const noexcept;
  PageCount free_pages_of(std::uint32_t zone) const noexcept { return PageCount{zones_[zone].free}; }
  // Tries every law on every zone.
  //
  // Returns   the first that is broken, and where.
  // Cost      O(pages handed over): deferred and untouched sections are not walked.
  Finding audit() const noexcept;
  Watcher& observer() noexcept { return observer_; }

 private:
  friend class Saboteur;  // a test breaks laws with it
  using Part = ZonePart<G>;
  using Descriptor = page::Descriptor;
  // Functions that tell the observer something stay out of line: whether it is told must not change what
  // the compiler makes of their callers.
  using ZoneRefs = std::span<const zones::ZoneRef>;

  // Whether a fallback may leave pageblocks of mixed types behind (the inverse of ALLOC_NOFRAGMENT).
  enum class Mixing : std::uint8_t { avoid, allow };
  // A request on its way through the zones.
  struct Search {
    Order order;
    MigrateType type;
    zones::ZoneType highest;
    bool cma;  // may borrow from contiguous areas
    Mixing mixing;
    Urgency urgency;
  };
  enum class Mark : std::uint8_t { low, min, none };
  struct Choice {
    Part* part;
    Order order;
    MigrateType type;
  };

  // init_impl.hpp
  Result<Done> init_zones(page::MetadataSource source) noexcept;
  Result<Done> init_nodes(page::MetadataSource source) noexcept;
  const zones::Node* node(NodeId id) const noexcept;
  bool is_high(const zones::Zone& zone) const noexcept;

  // alloc_impl.hpp
  Result<Pfn> alloc_from(ZoneRefs zonelist, const Request& request, Order order) noexcept;
  Result<Pfn> search(ZoneRefs zonelist, Search search, Mark mark) noexcept;
  Mixing mixing_for(const ZoneState& preferred) const noexcept;
  bool is_above(const ZoneState& zone, const Search& search, Mark mark) const noexcept;
  bool has_block(const ZoneState& zone, const Search& search) const noexcept;
  Result<Pfn> take(ZoneState& zone, const Search& search) noexcept;
  [[gnu::noinline]] Result<Pfn> take_smallest(ZoneState& zone, Order order, MigrateType from,
                                              MigrateType type) noexcept;
  std::span<Part> parts_of(const ZoneState& zone) const noexcept {
    return parts_.subspan(zone.first_part, zone.part_count);
  }

  // fallback_impl.hpp
  [[gnu::noinline]] bool fall_back(ZoneState& zone, const Search& search) noexcept;
  bool find_fallback(const ZoneState& zone, Order order, MigrateType type, Choice& choice) const noexcept;
  [[gnu::noinline]] void steal(ZoneState& zone, const Choice& choice, const Search& search) noexcept;
  struct Moved {
    std::uint64_t free, movable;  // pages
  };
  Moved move_pageblock(ZoneState& zone, Part& part, Pfn page, MigrateType to) noexcept;
  void relist(Part& part, Descriptor& head, Pfn page, Order order, MigrateType to) noexcept;
  [[gnu::noinline]] void set_pageblock(Pfn page, MigrateType type) noexcept;

  // free_impl.hpp
  [[gnu::noinline]] void give_back(Part& part, Descriptor* head, Pfn page, Order order) noexcept;
  [[gnu::noinline]] void give_back_to(ListEnd end, Part& part, Descriptor* head, Pfn page,
                                      Order order) noexcept;
  struct Merged {
    Descriptor* head;
    Pfn page;
    unsigned order;
  };
  [[gnu::noinline]] Merged merge(Part& part, Descriptor* head, Pfn page, Order order,
                                 MigrateType type) noexcept;
  bool is_merge_likely(const Part& part, const Merged& block) const noexcept;
  bool may_merge(Pfn buddy, MigrateType type) const noexcept;
  Misuse misuse_of(Pfn page, Order order) const noexcept;
  [[gnu::noinline]] Error refuse(Pfn page, Order order, Misuse misuse) noexcept;

  // hand_over_impl.hpp
  enum class Pass : std::uint8_t { look, apply };
  Misuse release_misuse(const ZoneState& zone, PfnRange pages) const noexcept;
  [[gnu::noinline]] void accept(ZoneState& zone, PfnRange pages, ListEnd end) noexcept;
  Order largest_block(Pfn page, Pfn end) const noexcept;
  [[gnu::noinline]] void release_blocks(ZoneState& zone, PfnRange pages, ListEnd end) noexcept;
  void defer(ZoneState& zone, PfnRange sections) noexcept;
  bool is_deferred(Pfn page) const noexcept;
  [[gnu::noinline]] void bring_up(ZoneState& zone, Pfn section) noexcept;
  void bring_up_next(ZoneState& zone) noexcept;
  Part& part_at(const ZoneState& zone, Pfn page) const noexcept;

  // audit_impl.hpp and stats_impl.hpp
  Finding audit_list(const Part& part, Order order, MigrateType type) const noexcept;
  Finding audit_block(const Part& part, Pfn page, Order order, MigrateType type) const noexcept;
  Finding audit_counts(const ZoneState& zone) const noexcept;
  Finding audit_pages(const ZoneState& zone) const noexcept;
  bool is_never_released(Pfn page) const noexcept;
  bool owns(const ZoneState& zone, const Descriptor& head) const noexcept;
  void count_pageblocks(const ZoneState& zone, ZoneStats& stats) const noexcept;

  zones::Layout* layout_ = nullptr;
  Map* map_ = nullptr;
  std::span<ZoneState> zones_;             // as Layout::zones
  std::span<Part> parts_;                  // law: those of a zone stand together, by address
  std::span<const std::uint32_t> places_;  // by NodeId: 1 + place in Layout::nodes, 0 for none
  AllocatorConfig config_;
  Misuse last_misuse_ = Misuse::none;
  [[no_unique_address]] Watcher observer_;
};

#define QUARRY_EXTERN(geometry) extern template class PageAllocator<geometry>;
QUARRY_EXTERN(k4KSparse)
QUARRY_EXTERN(k4KFlat)
QUARRY_EXTERN(k4KFlatHuge)
QUARRY_EXTERN(k16KSparse)
QUARRY_EXTERN(k64KSparse)
#undef QUARRY_EXTERN

}  // namespace quarry::buddy
