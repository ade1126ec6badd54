// quarry/buddy/page_allocator.hpp: the zones' free pages, in blocks of powers of two.
//
//   hand-over     release() ----> free pages of a zone <----- bring-up of deferred sections
//                                    |    ^
//                                    v    |  batches
//                                  a core's lists
//                                    |    ^
//   alloc_pages() zone by zone,      v    |  free_pages()
//                 down to a mark   in use
//
// What all policies share: which zone serves, watermarks, per-CPU lists, isolation, contiguous ranges, misuse. The
// Policy says how a zone keeps its free pages and which block it gives: as Linux does, or compactly (policies.hpp).
// No page's content is ever touched, and no tail's descriptor: an operation costs the same whatever the order.
//
// Any core may call anything at any time, but what says otherwise. Three things keep them apart, in the order they are taken:
//
//   guard         the platform's: this core does nothing else. A core's lists are touched under it, by no other core
//   zone's lock   free pages and counts of a zone: held for one block, one batch or one pageblock at a time
//   run_on()      what another core must do with its lists, it does itself, and nobody stops meanwhile
//
// Hooks and movers are called with nothing held. init(), releases, watermarks, hot-plug and areas are for one core at a time;
// audit() and the observer's calls want a machine that is otherwise quiet.
#pragma once

#include <span>

#include "quarry/base/arena.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/buddy/allocator_config.hpp"
#include "quarry/buddy/law.hpp"
#include "quarry/buddy/observer.hpp"
#include "quarry/buddy/policies.hpp"
#include "quarry/buddy/request.hpp"
#include "quarry/buddy/zone_state.hpp"
#include "quarry/buddy/zone_stats.hpp"
#include "quarry/page/memory_map.hpp"
#include "quarry/port/core_hold.hpp"
#include "quarry/port/one_core.hpp"

namespace quarry::buddy {

template <Geometry G, class Watcher = NoObserver, class Policy = LinuxPolicy,
          port::Cores Cores = port::OneCore>
class PageAllocator {
 public:
  using ZoneFree = typename Policy::template Zone<G>;
  using Lists = typename Policy::template Lists<G>;
  using Map = typename ZoneFree::Map;
  using Descriptor = typename Map::Descriptor;
  using CoreLock = typename Cores::Lock;
  static constexpr Geometry kGeometry = G;
  static_assert(Observer<Watcher> && ZonePages<ZoneFree, Watcher>);

  explicit PageAllocator(Watcher watcher = Watcher{}, Cores cores = Cores{}) noexcept
      : observer_{watcher}, cores_{cores} {
    for (auto& least : nowhere_.comfortable) least[0] = least[1] = UINT64_MAX >> 1;
    for (Nearest& nearest : first_nearest_) nearest = none_;
  }
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
  Result<Done> release(std::uint32_t zone, PfnRange pages, Place place = Place::tail) noexcept;
  // The same for each zone that `pages` lies in; what lies in no zone stays reserved. Where the zones of one
  // node overlap (mirrored memory), only the caller knows which one is meant: say so.
  //
  // Errors    as above, of any piece. Nothing changed.
  Result<Done> release(PfnRange pages, Place place = Place::tail) noexcept;
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
  // all are 0. Where there are per-CPU lists their limits follow, and zonelists that were built anew are heeded from now on.
  void set_watermarks(std::uint64_t min_free_kbytes, const WatermarkConfig& config = {}) noexcept;
  // The watermarks alone, as when min_free_kbytes is changed later: the lowmem reserves stay.
  //
  // Source    Linux 6.1, "setup_per_zone_wmarks".
  void set_min_free(std::uint64_t min_free_kbytes, const WatermarkConfig& config = {}) noexcept;
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
  [[gnu::always_inline]] inline Result<Pfn> alloc_pages(Order order, const Request& request) noexcept;
  // Takes back the block that starts at `page`, exactly as it was handed out.
  //
  // Errors    wrong_owner, bad_argument: it is none; last_misuse() says why. Nothing changed.
  // Cost      O(highest order); through a core's lists O(1), or a batch of frees.
  [[gnu::always_inline]] inline Result<Done> free_pages(Pfn page, Order order) noexcept;
  // Single pages, as many as there are and `pages` has room for, all from one zone where that has them above its mark.
  //
  // Returns   how many were written; less than asked only when the request fails.
  // Source    Linux 6.1, "__alloc_pages_bulk" (behaviour).
  std::size_t alloc_pages_bulk(std::span<Pfn> pages, const Request& request) noexcept;
  // Returns   how many were taken back: all, or those in front of the first that is refused.
  std::size_t free_pages_bulk(std::span<const Pfn> pages) noexcept;
  // A run of `count` pages, each a block of its own: the smallest sufficient block is split and its end given back.
  //
  // Errors    those of alloc_pages; bad_argument: no page, or more than the largest block.
  // Cost      O(2^order): every page gets a descriptor.
  // Source    Linux 6.1, "alloc_pages_exact", "make_alloc_exact" (behaviour).
  Result<Pfn> alloc_pages_exact(PageCount count, const Request& request) noexcept;
  // Errors    those of free_pages, of any page. Nothing changed.
  Result<Done> free_pages_exact(Pfn first, PageCount count) noexcept;
  // A block in use becomes single pages in use ("split_page").
  //
  // Errors    wrong_owner, bad_argument: as free_pages(). Nothing changed.
  Result<Done> split_page(Pfn page, Order order) noexcept;

  // One more user of the block that starts at `page`. While a block has several, free_pages() refuses it.
  //
  // Errors    wrong_owner, bad_argument: no block in use starts there. out_of_range: 2^32 - 1 users.
  Result<Done> get_page(Pfn page) noexcept;
  // One user less; the last one frees it.
  Result<Done> put_page(Pfn page) noexcept;

  // Why the last refused call of this core was refused; none before the first.
  Misuse last_misuse() const noexcept { return core_state(cores_.this_core()).last_misuse; }

  // Who is asked before a request fails, and who moves pages out of a range that is wanted.
  void set_pressure(const Pressure& pressure) noexcept { pressure_ = pressure; }
  void set_mover(const Mover& mover) noexcept { mover_ = mover; }

  // --- Per-CPU lists --------------------------------------------------------------------------------
  // From now on each core keeps some blocks of each zone. Once only.
  //
  // Errors    no_memory: the source has none; there are no lists then.
  // Cost      O(zones with memory * cores) of lists with links; arrays are not written before they are used.
  // Source    Linux 6.1, "setup_per_cpu_pageset".
  Result<Done> start_cpu_lists(page::MetadataSource source) noexcept;
  // What start_cpu_lists() takes, for who must lay it aside before. After init().
  Bytes cpu_lists_size() const noexcept {
    const std::uint64_t cores = cores_.core_count();
    std::uint64_t size = alignof(Lists) + lists_rows_ * cores * sizeof(Lists);
    size += alignof(CoreState) + cores * sizeof(CoreState);
    if constexpr (Lists::kAreArrays)
      size += alignof(Recent) + cores * sizeof(Recent) + alignof(Nearest) +
              zone_of_part_.size() * sizeof(Nearest) + lists_rows_ * cores * sizeof(Lists*) +
              places_.size() * zones::kZoneTypes * sizeof(nearest_[0]);
    return Bytes{size};
  }
  // A node's online cores, from which the limits of its zones follow. All of them before the first call.
  void set_cores_of_node(NodeId node, unsigned cores) noexcept;
  // Gives all blocks on `core`'s lists back to their zones; on all cores' lists.
  //
  // Source    Linux 6.1, "drain_pages", "drain_all_pages".
  void drain(unsigned core) noexcept;
  void drain_all() noexcept;
  CpuLimits cpu_limits_of(std::uint32_t zone) const noexcept { return zones_[zone].cpu_limits(); }
  PageCount pages_on(std::uint32_t zone, unsigned core) const noexcept {
    return PageCount{has_cpu_lists(zones_[zone]) ? lists_of(zones_[zone], core).pages() : 0};
  }
  unsigned core_count() const noexcept { return cores_on_lists_; }

  // --- Isolation and contiguous ranges ----------------------------------------------------------------
  // Nothing is handed out of the pageblocks of `pages` until undo_isolation(); what is freed in them stays there.
  //
  // Errors    bad_argument: not whole pageblocks of one zone with descriptors. busy: one is isolated already, or holds a
  //           page in use that cannot be moved. Nothing changed.
  // Source    Linux 6.1, "start_isolate_page_range" (behaviour).
  Result<Done> isolate(PfnRange pages) noexcept;
  // The isolated pageblocks of `pages` become ones of `type`, and their free pages are handed out again.
  void undo_isolation(PfnRange pages, MigrateType type) noexcept;
  // Hands out exactly `pages`, each as a block of its own, free or not: what is in use there is moved away by the
  // mover. Pageblocks they lie in become ones of `type`, which is cma inside a contiguous area, else ordinary.
  //
  // Errors    busy: something there cannot be moved away. bad_argument: no pages, or their pageblocks reach
  //           beyond one zone. What had been moved stays moved, nothing else changed.
  // Cost      O(pages).
  // Source    Linux 6.1, "alloc_contig_range" (behaviour).
  Result<Done> alloc_range(PfnRange pages, MigrateType type) noexcept;
  // Each pageblock of `pages` that is isolated becomes again what it was.
  void undo_isolation(PfnRange pages) noexcept;
  // Hands out this very block of pages, all of which are free, to be used as `type`. No watermark counts.
  //
  // Errors    busy: not all free, or only others may have them: isolated, kept for urgent requests, or of a
  //           contiguous area that `type` may not borrow from. bad_argument: no such block. Nothing changed.
  // Cost      O(highest order).
  Result<Done> alloc_at(Pfn page, Order order, MigrateType type) noexcept;
  // Takes back what alloc_range() handed out, whole or in parts.
  //
  // Errors    those of free_pages, of any page. Nothing changed.
  Result<Done> free_range(PfnRange pages) noexcept;

  // --- Hot-plug, of sparse maps -------------------------------------------------------------------------
  //   Map::add_sections() --> online() --> in use --> offline() --> Map::remove_sections()
  //
  // Sections that are present and offline become free pages of `zone` (zones::zone_for()), which grows over them.
  // Watermarks and zonelists are the caller's to compute anew.
  //
  // Errors    bad_argument: no whole sections, not present, or of another node. busy: one is online. out_of_range:
  //           the zone has no room to grow there; see AllocatorConfig. Nothing changed.
  // Cost      as release().
  // Source    Linux 6.1, "online_pages" (behaviour).
  Result<Zonelists> online(std::uint32_t zone, PfnRange sections) noexcept;
  // Takes all pages of sections of one zone out of use: what is in use there is moved away by the mover.
  //
  // Errors    bad_argument: no whole sections, not online, or not of one zone. busy: something there cannot be moved away,
  //           was never handed over, or is a contiguous area. What had been moved stays moved, nothing else changed.
  // Cost      O(pages); to find a new end of the zone O(sections of it).
  // Source    Linux 6.1, "offline_pages" (behaviour).
  Result<Zonelists> offline(PfnRange sections) noexcept;

  const Cores& cores() const noexcept { return cores_; }
  // The descriptor of `page`, brought up if its section is deferred; null where there is none.
  Descriptor* descriptor(Pfn page) noexcept;
  Map& map() noexcept { return *map_; }
  const zones::Layout& layout() const noexcept { return *layout_; }

  // The zone that `page` serves, free or not: an index into Layout::zones.
  //
  // Errors    not_found: none; it has no descriptor, or lies in a hole between zones.
  Result<std::uint32_t> zone_at(Pfn page) const noexcept {
    const ZoneState* const zone = zone_of(page);
    if (zone == nullptr) return Error::not_found;
    return zone->index;
  }

  // --- Watching -----------------------------------------------------------------------------------
  std::size_t zone_count() const noexcept { return zones_.size(); }
  // On a quiet machine; the next at any time.
  const ZoneFree& zone_pages(std::uint32_t zone) const noexcept { return free_[zone]; }
  // The free block of the zone that `page` lies in. Errors    not_found: it is not free.
  Result<FreeBlock> free_block_at(std::uint32_t zone, Pfn page) const noexcept {
    return free_block(zones_[zone], page);
  }
  // Cost      O(orders + pageblocks of the zone).
  ZoneStats stats(std::uint32_t zone) const noexcept;
  PageCount free_pages_of(std::uint32_t zone) const noexcept { return PageCount{zones_[zone].free}; }
  // Whether a block of `order` or above is free there, of the types that fall back on each other.
  bool has_free_block(std::uint32_t zone, Order order) const noexcept;
  // Whether `request` would be served now, from zone `zone`, and what forbids it.
  Obstacle obstacle(std::uint32_t zone, Order order, const Request& request) const noexcept;
  // Tries every law on every zone.
  //
  // Returns   the first that is broken, and where.
  // Cost      O(pages handed over): deferred and untouched sections are not walked.
  Finding audit() const noexcept;
  Watcher& observer() noexcept { return observer_; }

 private:
  friend class Saboteur;  // a test breaks laws with it
  using Guard = typename Cores::Guard;
  using ZoneState = buddy::ZoneState<CoreLock>;
  using ZoneRefs = std::span<const zones::ZoneRef>;

  using ZoneHold = port::CoreHold<Cores>;  // this core works on one zone

  // A request on its way through the zones.
  struct Search {
    Order order;
    MigrateType type;
    zones::ZoneType highest;
    bool cma;  // may borrow from contiguous areas
    Mixing mixing;
    Urgency urgency;
    std::uint64_t beside = 0;  // pages that must be free beside the block
    bool is_urgent() const noexcept { return urgency == Urgency::atomic || urgency == Urgency::unlimited; }
  };
  enum class Mark : std::uint8_t { low, min, none };

  // A zone, and the lists that cores have of it, in their order. Where requests and
  // frees are to take the long way it is a zone that never has enough, and never keeps anything.
  struct alignas(4 * sizeof(void*)) Nearest {
    Shared<ZoneState*> zone;
    Shared<Lists* const*> lists;
    Shared<std::uint32_t> in_use;  // Descriptor::in_use_tag() of the part that its descriptors name
    // By slot, how many blocks of 2^order pages a list may have, as Lists::limit_of(). Law: 0 while a pageblock is isolated.
    Shared<std::uint16_t> keep[kKeepSlots];
  };

  // Of what kind the block was that a core kept last, and where that goes: most that follow are of that kind. Where they go is known
  // then before their descriptors have come from memory. Only its own core's guard lets anybody touch it.
  struct alignas(64) Recent {
    std::uint32_t kind;  // Descriptor::Tag::kind(); 0: none yet
    typename Lists::Stacks *stacks, *outgoing;
    const Nearest* home;
    const ZoneFree* pages;
  };

  // init_impl.hpp
  Result<Done> init_zones(page::MetadataSource source) noexcept;
  Result<Done> init_nodes(page::MetadataSource source) noexcept;
  const zones::Node* node(NodeId id) const noexcept;
  bool is_high(const zones::Zone& zone) const noexcept;
  ZoneState* zone_of(Pfn page) const noexcept;

  // fast_impl.hpp
  [[gnu::always_inline]] inline bool take_at_hand(Order order, const Request& request, Pfn& page) noexcept;
  [[gnu::always_inline]] inline bool keep_at_hand(Pfn page, Order order) noexcept;
  [[gnu::always_inline]] inline bool keep_on(unsigned core, Pfn page, Order order) noexcept;
  [[gnu::noinline]] bool keep_other(unsigned core, Pfn page, Descriptor& head, Order order) noexcept;
  [[gnu::always_inline]] inline bool keep_as(const Recent& recent, std::uint32_t kind, Pfn page,
                                             Descriptor& head, Order order) noexcept;

  // alloc_impl.hpp
  [[gnu::noinline]] Result<Pfn> alloc_slowly(Order order, std::uint64_t packed) noexcept;
  ZoneRefs zones_for(const Request& request) const noexcept;
  Search search_for(Order order, const Request& request, const ZoneState& preferred) const noexcept;
  Result<Pfn> alloc_from(ZoneRefs zonelist, const Request& request, Order order) noexcept;
  Result<Pfn> search(ZoneRefs zonelist, Search search, Mark mark) noexcept;
  Mixing mixing_for(const ZoneState& preferred) const noexcept;
  std::uint64_t least_free(const ZoneState& zone, const Search& search, Mark mark) const noexcept;
  bool is_above(const ZoneState& zone, const Search& search, Mark mark) const noexcept;
  template <class F>
  static bool any_type_of(const Search& search, F&& is_there) noexcept;
  bool may_have_block(const ZoneState& zone, const Search& search) const noexcept;
  bool has_block(const ZoneState& zone, const Search& search) const noexcept QUARRY_EXCLUDES(zone.lock);
  Result<Pfn> take(ZoneState& zone, const Search& search) noexcept;
  Result<Pfn> take_from_zone(ZoneState& zone, const Search& search) noexcept QUARRY_REQUIRES(zone.lock);
  Result<Pfn> take_listed(ZoneState& zone, const Search& search, MigrateType from) noexcept
      QUARRY_REQUIRES(zone.lock);

  // pressure_impl.hpp
  Result<Pfn> alloc_deeper(ZoneRefs zonelist, const Request& request, Search what) noexcept;
  Result<Pfn> alloc_under_pressure(ZoneRefs zonelist, const Request& request, const Search& what,
                                   Mark mark) noexcept;
  void keep_for_urgent(ZoneState& zone, Pfn page) noexcept;
  bool give_up_urgent(ZoneRefs zonelist, MigrateType type, bool all) noexcept;

  // cpu_impl.hpp
  bool has_cpu_lists(const ZoneState& zone) const noexcept { return zone.part_count != 0 && !lists_.empty(); }
  Lists& lists_of(const ZoneState& zone, unsigned core) const noexcept {
    return lists_[std::size_t{zone.lists_row} * cores_on_lists_ + core];
  }
  CoreState& core_state(unsigned core) const noexcept {
    return core < core_states_.size() ? core_states_[core] : first_core_;
  }
  Result<Pfn> take_from_core(ZoneState& zone, const Search& search) noexcept;
  [[gnu::noinline]] void refill(ZoneState& zone, Lists& lists, const Search& search) noexcept
      QUARRY_EXCLUDES(zone.lock);
  std::size_t take_batch(ZoneState& zone, const Search& search,
                         std::span<NamedBlock<Descriptor>> room) noexcept QUARRY_REQUIRES(zone.lock);
  bool keep_on_core(ZoneState& zone, Lists& lists, Descriptor& head, Pfn page, Order order) noexcept;
  [[gnu::noinline]] void spill(ZoneState& zone, Lists& lists, std::uint64_t pages, unsigned list) noexcept
      QUARRY_EXCLUDES(zone.lock);
  void spill_list(ZoneState& zone, Lists& lists, unsigned list, std::uint64_t& left) noexcept
      QUARRY_REQUIRES(zone.lock);
  void drain_this(unsigned core) noexcept;
  void set_cpu_limits(ZoneState& zone) noexcept;
  void limit_lists(ZoneState& zone, CpuLimits limits) noexcept;
  void follow_isolation(ZoneState& zone) noexcept QUARRY_REQUIRES(zone.lock);
  std::span<Lists> lists_in(Arena& arena, std::size_t count) noexcept;
  void make_fast_way(Arena& arena) noexcept;
  void find_nearest() noexcept;
  static constexpr std::size_t kRow = 64;  // pages that are given back under one guard
  std::size_t keep_row(std::span<const Pfn> pages) noexcept;
  std::size_t take_row_from_core(ZoneState& zone, const Search& search, std::span<Pfn> pages) noexcept;
  // Whether a block of an order above 0 that a core has at hand is one to be had. In Linux the mark wants one in the zone.
  static constexpr bool counts_at_hand() noexcept { return Lists::kAreArrays; }
  // Whether this core's lists have such a block.
  bool is_at_hand(const ZoneState& zone, const Search& search) const noexcept;

  // free_impl.hpp
  [[gnu::noinline]] Result<Done> free_slowly(Pfn page, Order order) noexcept;
  Misuse freeing_misuse(Pfn page, Order order) const noexcept;
  [[gnu::noinline]] void give_back(ZoneState& zone, Descriptor& head, Pfn page, Order order,
                                   Place place) noexcept QUARRY_REQUIRES(zone.lock);
  bool is_of_one_type(Pfn page, Order order) const noexcept;
  [[gnu::noinline]] void give_back_apart(ZoneState& zone, Pfn page, Order order, Place place) noexcept
      QUARRY_REQUIRES(zone.lock);
  Misuse misuse_of(Pfn page, Order order) const noexcept;
  [[gnu::noinline]] Error refuse(Pfn page, Order order, Misuse misuse) noexcept;
  ZoneState& zone_of_part(unsigned part) const noexcept { return zones_[zone_of_part_[part]]; }
  void count_free(ZoneState& zone, MigrateType type, Order order) noexcept QUARRY_REQUIRES(zone.lock);
  ZoneFree& pages_of(const ZoneState& zone) const noexcept QUARRY_REQUIRES(zone.lock) {
    return free_[zone.index];
  }
  Result<FreeBlock> free_block(const ZoneState& zone, Pfn page) const noexcept QUARRY_EXCLUDES(zone.lock) {
    const ZoneHold hold{cores_, zone.lock};
    return pages_of(zone).block_of(page);
  }

  // isolate_impl.hpp
  static PfnRange whole_pageblocks(PfnRange pages) noexcept;
  Result<Done> may_isolate(const ZoneState& zone, PfnRange pages) const noexcept QUARRY_REQUIRES(zone.lock);
  Result<Done> holds_movable(const ZoneState& zone, PfnRange pages) const noexcept QUARRY_REQUIRES(zone.lock);
  Result<Done> isolate_one(ZoneState& zone, Pfn pageblock) noexcept QUARRY_EXCLUDES(zone.lock);
  void undo_one(ZoneState& zone, Pfn pageblock, MigrateType type) noexcept QUARRY_EXCLUDES(zone.lock);
  bool move_away(const ZoneState& zone, PfnRange pages) noexcept;
  bool is_all_free(const ZoneState& zone, PfnRange pages) const noexcept;
  void capture(ZoneState& zone, PfnRange pages) noexcept;
  void merge_again(ZoneState& zone, Pfn pageblock) noexcept QUARRY_REQUIRES(zone.lock);

  // hotplug_impl.hpp
  void withdraw(ZoneState& zone, PfnRange pages) noexcept;
  PfnRange span_without(const ZoneState& zone, PfnRange pages) const noexcept;
  PfnRange share_of(const ZoneState& zone, Pfn section) const noexcept;
  void follow_span(const ZoneState& zone) noexcept QUARRY_REQUIRES(zone.lock);

  // hand_over_impl.hpp
  enum class Pass : std::uint8_t { look, apply };
  Misuse release_misuse(const ZoneState& zone, PfnRange pages) const noexcept;
  [[gnu::noinline]] void accept(ZoneState& zone, PfnRange pages, Place place) noexcept;
  Order largest_block(Pfn page, Pfn end) const noexcept;
  [[gnu::noinline]] void release_blocks(ZoneState& zone, PfnRange pages, Place place) noexcept;
  Pfn release_block(ZoneState& zone, PfnRange pages, Place place) noexcept QUARRY_REQUIRES(zone.lock);
  void defer(ZoneState& zone, PfnRange sections) noexcept;
  bool is_deferred(Pfn page) const noexcept;
  [[gnu::noinline]] void bring_up(ZoneState& zone, Pfn section) noexcept QUARRY_REQUIRES(zone.lock);
  void bring_up_next(ZoneState& zone) noexcept QUARRY_REQUIRES(zone.lock);
  void bring_up_all(PfnRange pages) noexcept;
  void set_pageblock(Pfn page, MigrateType type) noexcept;

  // audit_impl.hpp and stats_impl.hpp
  Finding audit_counts(const ZoneState& zone) const noexcept;
  Finding audit_cpu_lists(const ZoneState& zone) const noexcept;
  Result<std::uint64_t> audit_list(const ZoneState& zone, const Lists& lists, unsigned list,
                                   Finding& found) const noexcept;
  Finding audit_pages(const ZoneState& zone) const noexcept;
  Result<FreeBlock> unmarked_block(const ZoneState& zone, Pfn page) const noexcept;
  bool is_never_released(Pfn page) const noexcept;
  bool owns(const ZoneState& zone, const Descriptor& head) const noexcept;
  void count_pageblocks(const ZoneState& zone, ZoneStats& stats) const noexcept;
  void count_blocks(const ZoneState& zone, BlockCounts& counts) const noexcept QUARRY_EXCLUDES(zone.lock);

  zones::Layout* layout_ = nullptr;
  Map* map_ = nullptr;
  std::span<ZoneState> zones_;                   // as Layout::zones
  std::span<ZoneFree> free_;                     // as Layout::zones; each under its zone's lock
  std::span<const std::uint32_t> zone_of_part_;  // by the part that descriptors name
  std::span<Lists> lists_;                       // by zone with parts, then core; empty: there are none
  std::uint32_t lists_rows_ = 0;
  unsigned cores_on_lists_ = 0;
  // By node, then highest zone type; empty: there are no lists. What they point at of node 0, without a look whether it is there.
  std::span<Shared<const Nearest*>> nearest_;
  Nearest first_nearest_[zones::kZoneTypes];
  typename Map::MainRun main_run_;           // of the map; none before there are lists
  std::span<Lists*> lists_by_core_;          // as lists_, found without a multiplication
  Nearest* homes_ = nullptr;                 // by the part that descriptors name
  Recent* recent_ = nullptr;                 // by core; there as soon as homes_ are
  ZoneState nowhere_{};                      // comfortable nowhere
  Nearest none_{&nowhere_, nullptr, 0, {}};  // it, as a zone to be asked first
  std::span<const std::uint32_t> places_;    // by NodeId: 1 + place in Layout::nodes, 0 for none
  std::span<std::uint32_t> node_cores_;      // as Layout::nodes: online cores; 0: as many as there are lists
  AllocatorConfig config_;
  std::span<CoreState> core_states_;  // empty: one core runs
  mutable CoreState first_core_;
  Pressure pressure_;
  Mover mover_;
  [[no_unique_address]] Watcher observer_;
  [[no_unique_address]] Cores cores_;
};

#define QUARRY_EXTERN(geometry) extern template class PageAllocator<geometry>;
QUARRY_EXTERN(k4KSparse)
QUARRY_EXTERN(k4KFlat)
QUARRY_EXTERN(k4KFlatHuge)
QUARRY_EXTERN(k16KSparse)
QUARRY_EXTERN(k64KSparse)
#undef QUARRY_EXTERN
extern template class PageAllocator<k4KSparse, NoObserver, CompactPolicy>;

}  // namespace quarry::buddy

#include "quarry/buddy/fast_impl.hpp"
