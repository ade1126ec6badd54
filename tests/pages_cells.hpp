// tests/pages_cells.hpp: the page allocator beside an obvious one: a cell for each page, which says who has it.
//
//   cell      reserved | available | head | tail      no lists, no orders of blocks, no counters
//
// What the cells say decides which calls must succeed, which must fail and what must be free afterwards; where a
// free page lies, on a core's list or in its zone, is the allocator's choice and only has to add up.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "quarry/buddy/cma_area.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_state.hpp"
#include "quarry/page/flat_map_impl.hpp"
#include "quarry/page/sparse_map_impl.hpp"

namespace quarry::buddy {

using zones::ZoneType;

enum class Verb : std::uint8_t {
  alloc,
  free,  // right or wrong
  get,
  put,
  split,
  bulk,
  exact,
  free_exact,
  drain,
  isolate,
  undo,
  take_range,
  free_range,
  alloc_at,
  area_alloc,    // `count` pages at a multiple of 2^order from the area that `page` picks
  area_release,  // to the area that has `page`, or the first
  set_marks,
  switch_core,
};
inline constexpr unsigned kVerbs = static_cast<unsigned>(Verb::switch_core) + 1;

// One call. What a verb does not need is 0.
struct PageStep {
  Verb verb{};
  unsigned order = 0;
  MigrateType type = MigrateType::movable;
  std::uint64_t page = 0, count = 0;
  Urgency urgency = Urgency::normal;
  Effort effort = Effort::no_wait;
  ZoneType highest = ZoneType::movable;
  Placement placement = Placement::nearest;
  unsigned node = 0;
};

struct PageCell {
  enum class Is : std::uint8_t { reserved, available, head, tail };
  Is is = Is::reserved;
  std::uint8_t order = 0;
  MigrateType type = MigrateType::unmovable;
  std::uint8_t users = 0;
};

// The machine that a run begins with.
struct PagesSetup {
  struct Area {
    unsigned node;
    ZoneType type;
    std::uint64_t begin, end;  // pages
  };
  std::vector<Area> zones;
  std::vector<PfnRange> released;
  std::vector<PfnRange> cma;
  unsigned cores = 0;  // with lists; 0: none has
  CpuLimits limits{};  // of every zone, unless high is 0
  std::uint64_t min_free_kbytes = 0;
  HandOver hand_over = HandOver::at_once;
};
template <Geometry G, class Policy>
class PagesCells {
 public:
  using M = TestMachine<G, NoObserver, Policy, TestCores>;
  using Is = PageCell::Is;
  using Area = CmaArea<decltype(M::allocator)>;
  static constexpr std::uint64_t kWhole = std::uint64_t{1} << G.pageblock_order_;

  explicit PagesCells(const PagesSetup& setup) : machine_{TestCores{setup.cores, &core_}}, setup_{setup} {
    std::uint64_t end = 0;
    for (const auto& area : setup.zones) {
      machine_.add_pages(area.node, area.type, {Pfn{area.begin}, Pfn{area.end}});
      if (area.end > end) end = area.end;
    }
    cells_.resize(end);
    ok_ = static_cast<bool>(machine_.start({.hand_over = setup.hand_over}));
    for (const PfnRange& pages : setup.released) ok_ = ok_ && give(pages, machine_.allocator.release(pages));
    handed_out_.resize(end);
    areas_ = std::vector<Area>(setup.cma.size());
    for (std::size_t i = 0; i < areas_.size(); ++i) {
      ok_ = ok_ && areas_[i].init("area", setup.cma[i], Order{0});
      ok_ = ok_ && give(setup.cma[i], areas_[i].activate(machine_.allocator, machine_.source()));
    }
    machine_.allocator.set_watermarks(setup.min_free_kbytes);
    if (setup.cores != 0)
      ok_ = ok_ && static_cast<bool>(machine_.allocator.start_cpu_lists(machine_.source()));
    limit();
  }

  bool is_ready() const { return ok_; }
  auto& allocator() { return machine_.allocator; }
  const auto& allocator() const { return machine_.allocator; }
  const std::vector<PageCell>& cells() const { return cells_; }
  // By page: an area's bit says that it was handed out by it, whoever has it now.
  const std::vector<bool>& handed_out() const { return handed_out_; }
  std::uint64_t digest() { return digest_of(machine_) ^ core_; }

  // The same without what a look in vain may take away.
  std::uint64_t lasting_digest() {
    Snapshot kept;
    save(kept);
    for (std::uint32_t zone = 0; zone < machine_.allocator.zone_count(); ++zone)
      Saboteur::forget_stale(machine_.allocator, zone);
    const std::uint64_t digest = this->digest();
    load(kept);
    return digest;
  }

  struct Snapshot {
    std::vector<std::byte> tables;
    std::vector<PageCell> cells;
    std::vector<bool> handed_out;
    unsigned core = 0;
  };
  void save(Snapshot& into) const {
    into.tables.assign(test_memory, test_memory + machine_.used());
    into.cells = cells_;
    into.handed_out = handed_out_;
    into.core = core_;
  }
  void load(const Snapshot& from) {
    std::memcpy(test_memory, from.tables.data(), from.tables.size());
    cells_ = from.cells;
    handed_out_ = from.handed_out;
    core_ = from.core;
  }

  // The laws, and every count from the cells.
  std::string compare() const {
    const Finding finding = machine_.allocator.audit();
    if (finding)
      return std::string{name_of(finding.broken).data()} + " at " + std::to_string(finding.page.raw);
    for (const auto& area : setup_.zones)
      if (const std::string wrong = compare_zone(area); !wrong.empty()) return wrong;
    return "";
  }

 protected:
  const PageCell* cell(std::uint64_t page) const { return page < cells_.size() ? &cells_[page] : nullptr; }
  bool all(std::uint64_t page, std::uint64_t count, Is is) const {
    for (std::uint64_t at = page; at < page + count; ++at)
      if (cell(at) == nullptr || cells_[at].is != is) return false;
    return true;
  }
  const PagesSetup::Area* area_at(std::uint64_t page) const {
    for (const auto& area : setup_.zones)
      if (area.begin <= page && page < area.end) return &area;
    return nullptr;
  }
  std::uint32_t zone_at(std::uint64_t page) const {
    const auto* const area = area_at(page);
    return M::zone(area->node, area->type);
  }
  MigrateType block_type(std::uint64_t page) const { return machine_.map.pageblock_type(Pfn{page}); }
  bool give(PfnRange pages, Result<Done> given) {
    for (std::uint64_t at = pages.begin().raw; at < pages.end().raw; ++at) cells_[at].is = Is::available;
    return static_cast<bool>(given);
  }
  void limit() {
    if (setup_.limits.high == 0) return;
    for (const auto& area : setup_.zones)
      Saboteur::limit(machine_.allocator, M::zone(area.node, area.type), setup_.limits);
  }
  void expect(bool holds, const char* what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }

  static Request request_of(const PageStep& step) {
    return {.highest = step.highest,
            .type = step.type,
            .placement = step.placement,
            .urgency = step.urgency,
            .effort = step.effort,
            .node = static_cast<NodeId>(step.node)};
  }
  std::vector<zones::ZoneRef> zonelist_of(const PageStep& step) const {
    const zones::Node& node = machine_.layout.nodes[step.node];
    std::vector<zones::ZoneRef> refs;
    for (const zones::ZoneRef ref : step.placement == Placement::nearest ? node.zonelist : node.no_fallback)
      if (ref.type <= step.highest) refs.push_back(ref);
    return refs;
  }

  // --- Where free pages are -----------------------------------------------------------------------------
  bool is_on_core(std::uint64_t page) const {
    const auto head = page::head_of(machine_.map, Pfn{page});
    return head && machine_.map.at(head.value()).state() == page::State::per_cpu;
  }
  bool is_deferred(std::uint64_t page) const {
    if constexpr (G.is_flat())
      return page == UINT64_MAX;
    else
      return machine_.map.is_deferred(Pfn{page});
  }
  bool is_zone_free(std::uint64_t page) const {
    return is_deferred(page) ||
           static_cast<bool>(machine_.allocator.zone_pages(zone_at(page)).block_of(Pfn{page}));
  }

  std::string compare_zone(const PagesSetup::Area& area) const {
    const std::uint32_t zone = M::zone(area.node, area.type);
    const ZoneStats stats = machine_.allocator.stats(zone);
    std::uint64_t free = 0, cma = 0, on_cores = 0, managed = 0, isolated = 0, urgent = 0;
    for (std::uint64_t at = area.begin; at < area.end; ++at) {
      if (machine_.map.find(Pfn{at}) == nullptr) continue;
      const MigrateType type = block_type(at);
      const bool is_start = at % kWhole == 0 || at == area.begin;
      isolated += is_start && type == MigrateType::isolate;
      urgent += is_start && type == MigrateType::highatomic ? kWhole : 0;
      managed += cells_[at].is != Is::reserved;
      const bool is_here = is_zone_free(at), is_there = is_on_core(at);
      if ((is_here || is_there) != (cells_[at].is == Is::available) || (is_here && is_there))
        return "page " + std::to_string(at) + (is_here || is_there ? " is free and must not be" : " is lost");
      on_cores += is_there;
      if (!is_here || type == MigrateType::isolate) continue;
      ++free;
      cma += type == MigrateType::cma;
    }
    if (const std::string wrong = compare_lists(area, zone); !wrong.empty()) return wrong;
    if (stats.free.raw != free) return "the free count differs in zone " + std::to_string(zone);
    if (stats.free_cma.raw != cma) return "the count of free cma pages differs";
    if (stats.on_cores.raw != on_cores) return "the count of pages on cores differs";
    if (stats.managed.raw != managed) return "the managed count differs";
    if (stats.isolated_pageblocks != isolated) return "the count of isolated pageblocks differs";
    return stats.highatomic.raw == urgent ? "" : "the count of pages kept for urgent requests differs";
  }
  // A free block stands among those of its pageblock's type, or both are ordinary; so do all its pageblocks.
  std::string compare_lists(const PagesSetup::Area& area, std::uint32_t zone) const {
    const auto& pages = machine_.allocator.zone_pages(zone);
    for (std::uint64_t at = area.begin; at < area.end; ++at) {
      if (cells_[at].is != Is::available || is_deferred(at)) continue;
      const auto block = pages.block_of(Pfn{at});
      if (!block) continue;
      if (!(block.value().page <= Pfn{at} && Pfn{at} < block.value().page + block.value().order.pages()))
        return "block_of() names another block";
      const MigrateType listed = pages.listed_as(block.value().page), type = block_type(at);
      if (listed != type && !(page::is_ordinary(listed) && page::is_ordinary(type)))
        return "page " + std::to_string(at) + " stands on a list of another kind";
    }
    return "";
  }

  // --- What must be served ----------------------------------------------------------------------------------
  // How much must be free in the zone for a block of `order`, at the deepest mark that the request may go down to.
  std::uint64_t needed(std::uint32_t zone, const PageStep& step) const {
    const ZoneStats stats = machine_.allocator.stats(zone);
    if (step.effort != Effort::fast_only && step.urgency == Urgency::unlimited) return 0;
    std::uint64_t mark = step.effort == Effort::fast_only ? stats.marks.low.raw : stats.marks.min.raw;
    const bool is_deep = step.effort != Effort::fast_only;
    if (is_deep && step.urgency == Urgency::high) mark = mark - mark / 2;
    if (is_deep && step.urgency == Urgency::atomic) mark = (mark - mark / 2) - (mark - mark / 2) / 4;
    mark += stats.lowmem_reserve[static_cast<unsigned>(step.highest)].raw;
    if (!is_deep || step.urgency != Urgency::atomic) mark += stats.highatomic.raw;
    if (step.type != MigrateType::movable) mark += stats.free_cma.raw;
    return mark + (std::uint64_t{1} << step.order);
  }
  bool may_use(MigrateType block, const PageStep& step) const {
    if (block == MigrateType::isolate) return false;
    if (block == MigrateType::cma) return step.type == MigrateType::movable;
    const bool is_urgent =
        step.effort != Effort::fast_only && step.urgency >= Urgency::atomic && step.order != 0;
    return block != MigrateType::highatomic || is_urgent;
  }
  bool has_block(const PagesSetup::Area& area, const PageStep& step) const {
    const std::uint64_t size = std::uint64_t{1} << step.order;
    for (std::uint64_t at = (area.begin + size - 1) / size * size; at + size <= area.end; at += size) {
      bool good = true;
      for (std::uint64_t page = at; page < at + size && good; ++page)
        good =
            machine_.map.find(Pfn{page}) != nullptr && is_zone_free(page) && may_use(block_type(page), step);
      if (good && are_merged(at, step.order)) return true;
    }
    return false;
  }
  // Whether this very block can be handed out: nobody has it, no core keeps a part, and all of it may be used so.
  bool is_block(const PageStep& step) const {
    const std::uint64_t end = step.page + (std::uint64_t{1} << step.order);
    const auto* const area = area_at(step.page);
    if (area == nullptr || step.order > G.max_order_ ||
        (step.page & ((std::uint64_t{1} << step.order) - 1)) != 0 || end > area->end)
      return false;
    for (std::uint64_t at = step.page; at < end; ++at)
      if (machine_.map.find(Pfn{at}) == nullptr || !is_zone_free(at) || !may_use(block_type(at), step))
        return false;
    return are_merged(step.page, step.order);
  }
  // Pages of neighbouring pageblocks make one block only where their types allow it.
  bool are_merged(std::uint64_t page, unsigned order) const {
    if (order <= G.pageblock_order_ || is_deferred(page)) return true;
    const auto block = machine_.allocator.zone_pages(zone_at(page)).block_of(Pfn{page});
    return block && block.value().order.raw() >= order;
  }
  bool must_serve(const PageStep& step) const {
    for (const zones::ZoneRef ref : zonelist_of(step))
      for (const auto& area : setup_.zones)
        if (M::zone(area.node, area.type) == ref.zone && has_block(area, step) &&
            machine_.allocator.free_pages_of(ref.zone).raw >= needed(ref.zone, step))
          return true;
    return false;
  }

  // none: it may be freed.
  Misuse misuse_of(std::uint64_t page, unsigned order) const {
    if (machine_.map.find(Pfn{page}) == nullptr) return Misuse::foreign_page;
    if (page % (std::uint64_t{1} << order) != 0) return Misuse::misaligned_page;
    const PageCell* const at = cell(page);
    if (at == nullptr || at->is == Is::reserved) return Misuse::reserved_page;
    if (at->is == Is::available) return Misuse::double_free;
    if (at->is == Is::tail) return Misuse::inner_page;
    if (at->order != order) return Misuse::wrong_order;
    return at->users == 1 ? Misuse::none : Misuse::shared_page;
  }
  bool may_isolate(std::uint64_t begin, std::uint64_t end) const {
    const auto* const area = area_at(begin);
    if (area == nullptr || begin >= end || begin % kWhole != 0 || end % kWhole != 0 || end > area->end)
      return false;
    for (std::uint64_t at = begin; at < end; ++at) {
      if (machine_.map.find(Pfn{at}) == nullptr || block_type(at) == MigrateType::isolate) return false;
      const PageCell& is = cells_[at];
      const bool is_movable = (is.is == Is::head || is.is == Is::tail) && is.type == MigrateType::movable;
      if (is.is != Is::available && !is_movable) return false;
    }
    return true;
  }

  unsigned core_ = 0;
  M machine_;
  PagesSetup setup_;
  std::vector<PageCell> cells_;
  std::vector<Area> areas_;  // as PagesSetup::cma
  std::vector<bool> handed_out_;
  std::string wrong_;
  bool ok_ = false;
};

}  // namespace quarry::buddy
