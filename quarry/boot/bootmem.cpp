#include "quarry/boot/bootmem.hpp"

#include <new>

#include "quarry/early/bootmem.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot {
namespace {

constexpr PhysAddr kDmaEnd{16u << 20};
constexpr Pfn kDma32End{std::uint64_t{1} << 20};

constexpr Pfn lower(Pfn a, Pfn b) noexcept { return a < b ? a : b; }
constexpr PhysAddr lower(PhysAddr a, PhysAddr b) noexcept { return a < b ? a : b; }
constexpr PhysAddr higher(PhysAddr a, PhysAddr b) noexcept { return a < b ? b : a; }

// Memory of no node is the first node's.
constexpr NodeId known(NodeId node) noexcept { return node == early::kAnyNode ? NodeId::first : node; }

early::BootmemConfig config_of(const State& state) noexcept {
  early::BootmemConfig config;
  config.page = state.machine.geometry.page_size();
  config.long_bits = state.machine.arch == Arch::arm ? early::LongBits::bits32 : early::LongBits::bits64;
  config.cache_line = state.memblock.config().cache_line;
  config.contents = state.bootmem.contents;
  if (state.machine.arch == Arch::x86_64) {
    config.low_goal = kDmaEnd;
    config.max_dma32_pfn = kDma32End;
  }
  return config;
}

// The frames of a node's low memory, from where the node's description begins: from its first to its last.
PfnRange pages_of(const State& state, NodeId node) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  PfnRange pages;
  for (const early::Region& region : state.memblock.memory().view()) {
    if (known(region.node) != node) continue;
    const PfnRange here = PfnRange::inside(region.range(), page);
    if (here.empty()) continue;
    pages = pages.empty() ? here : PfnRange{pages.begin(), here.end()};
  }
  if (pages.empty()) return pages;
  Pfn begin = pages.begin();
  const auto nodes = state.nodes.nodes();
  if (numa::index_of(node) < nodes.size() && !nodes[numa::index_of(node)].span.empty())
    begin = lower(begin, page.pfn_up(nodes[numa::index_of(node)].span.begin()));
  const Pfn end = lower(pages.end(), bootmem_end(state));
  return begin < end ? PfnRange{begin, end} : PfnRange{};
}

// Reserves a place for the bitmap: upwards, on the node, on any.
Result<PhysAddr> place_bitmap(State& state, NodeId node, Bytes size) noexcept {
  early::Memblock& memblock = state.memblock;
  const PageSize page = state.machine.geometry.page_size();
  const early::Direction direction = memblock.direction();
  memblock.set_direction(early::Direction::bottom_up);
  const early::Request request{.size = size,
                               .alignment = page.bytes(),
                               .max = lower(memblock.current_limit(), page.address_of(bootmem_end(state))),
                               .node = node};
  const auto at = memblock.alloc_range_nid(request, early::NodePolicy::preferred, "bootmem bitmap");
  memblock.set_direction(direction);
  if (!at)
    return state.fail(at.error(), "no room for the bitmap of a node's pages", size,
                      largest_hole(state.memblock));
  return at;
}

// What of `range` lies on a node's pages.
PhysRange on_node(PhysRange range, PfnRange pages, PageSize page) noexcept {
  const PhysAddr begin = higher(range.begin(), page.address_of(pages.begin()));
  const PhysAddr end = lower(range.end(), page.address_of(pages.end()));
  return begin < end ? PhysRange{begin, end} : PhysRange{};
}

// free_bootmem_with_active_regions, then early_res_to_bootmem, of one node.
Result<Done> fill(State& state, early::Bootmem& bootmem, NodeId node, PfnRange pages) noexcept {
  const PageSize page = bootmem.page();
  for (const early::MemoryRange& memory : state.memblock.memory_ranges()) {
    const PhysRange range = known(memory.node) == node ? on_node(memory.range, pages, page) : PhysRange{};
    if (PfnRange::inside(range, page).empty()) continue;
    if (auto done = bootmem.free_node(node, range.begin(), range.size(), kFromMemblock); !done) return done;
  }
  for (const early::Region& reserved : state.memblock.reserved().view()) {
    const PhysRange range = on_node(reserved.range(), pages, page);
    if (range.empty()) continue;
    const auto done =
        bootmem.reserve_node(node, range.begin(), range.size(), early::BootmemReserve::shared, kFromMemblock);
    if (!done) return done;
  }
  return Done{};
}

Result<early::Bootmem*> make_bootmem(State& state, std::size_t nodes) noexcept {
  const auto records = state.arena.take<early::BootmemData>(nodes);
  if (!records) return records.error();
  const auto self = state.arena.take_bytes(sizeof(early::Bootmem), alignof(early::Bootmem));
  if (!self) return self.error();
  return ::new (static_cast<void*>(self.value()))
      early::Bootmem{config_of(state), records.value(), state.bootmem.direct_map, state.bootmem.observer};
}

// Calls visit(node, pages) for each node with low memory, in order of id.
template <class Visit>
Result<Done> each_node(const State& state, Visit visit) noexcept {
  const auto nodes = state.nodes.nodes();
  if (nodes.empty()) return visit(NodeId::first, pages_of(state, NodeId::first));
  for (const numa::Node& node : nodes) {
    const PfnRange pages = pages_of(state, node.id);
    if (pages.empty()) continue;
    if (auto done = visit(node.id, pages); !done) return done;
  }
  return Done{};
}

}  // namespace

Pfn bootmem_end(const State& state) noexcept {
  return state.machine.limits.has_highmem ? state.max_low_pfn : state.max_pfn;
}

// All bitmaps are placed before the first is filled: each is a reservation that the others must know.
Result<Done> setup_bootmem(State& state) noexcept {
  std::size_t count = 0;
  const auto counted = each_node(state, [&](NodeId, PfnRange) -> Result<Done> {
    ++count;
    return Done{};
  });
  check(static_cast<bool>(counted), "counting has no errors");
  const auto made = make_bootmem(state, count);
  if (!made) return made.error();
  early::Bootmem& bootmem = *made.value();

  const PageSize page = bootmem.page();
  const auto placed = each_node(state, [&](NodeId node, PfnRange pages) -> Result<Done> {
    const Bytes size = page.bytes_in(bootmem.bootmap_pages(pages.size()));
    const auto at = place_bitmap(state, node, size);
    if (!at) return at.error();
    const auto begun = bootmem.init_node(node, page.pfn_down(at.value()), pages);
    if (!begun) return begun.error();
    return Done{};
  });
  if (!placed) return placed;
  const auto filled =
      each_node(state, [&](NodeId node, PfnRange pages) { return fill(state, bootmem, node, pages); });
  if (!filled) return filled;
  state.allocator.use(bootmem);
  return Done{};
}

}  // namespace quarry::boot
