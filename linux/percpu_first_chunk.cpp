#include "linux/percpu_first_chunk.hpp"

#include <algorithm>
#include <bit>

#include "linux/boot_allocation.hpp"
#include "linux/processors.hpp"
#include "quarry/boot/command_line.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kAreas{"per-CPU areas", "no room for the per-CPU areas"};
constexpr Purpose kBookkeeping{"per-CPU bookkeeping", "no room for what finds the per-CPU areas"};
constexpr Purpose kMasks{"processor masks", "no room for masks of processors"};
constexpr PhysAddr kAboveDma{16u << 20};
constexpr Bytes kLargePage{2u << 20};
constexpr Bytes kLeastUnit{32u << 10};
constexpr std::uint64_t kLeastObject = 4, kNumber = 4;

std::uint64_t in_units_of(std::uint64_t count, std::uint64_t unit) { return (count + unit - 1) / unit; }
bool divides(std::uint64_t block, std::uint64_t units) {
  return block % units == 0 && block / units % kPage.raw == 0;
}

// Few blocks, but not at the price of leaving more than a third of the units empty.
std::uint64_t best_units_per_block(std::uint64_t block, std::uint64_t most,
                                   const std::vector<PercpuGroup>& groups) {
  std::uint64_t processors = 0;
  for (const PercpuGroup& group : groups) processors += group.processors.size();
  std::uint64_t best = 1, fewest = UINT64_MAX;
  for (std::uint64_t units = most; units != 0; --units) {
    if (!divides(block, units)) continue;
    std::uint64_t blocks = 0, empty = 0;
    for (const PercpuGroup& group : groups) {
      const std::uint64_t here = in_units_of(group.processors.size(), units);
      blocks += here;
      empty += here * units - group.processors.size();
    }
    if (empty > processors / 3) continue;
    if (blocks > fewest) break;
    fewest = blocks;
    best = units;
  }
  return best;
}

class FirstChunk {
 public:
  FirstChunk(boot::State& state, const StructSizes& sizes) : state_{state}, sizes_{sizes} {}

  Result<Done> run();

 private:
  Result<PhysRange> take_info(const PercpuLayout& layout);
  Result<Done> embed(const PercpuLayout& layout);
  Result<Done> by_pages(const PercpuLayout& layout);
  Result<PhysAddr> take_areas(NodeId node, Bytes size, Bytes alignment);
  Result<Done> give_back_unused(const PercpuLayout& layout, const PercpuGroup& group, PhysAddr block);
  Result<Done> set_up(const PercpuLayout& layout);
  Result<Done> set_up_chunk(Bytes offset, Bytes size);
  Result<Done> take_masks();
  Result<Done> keep(Bytes size) {
    return take_all(state_, kBookkeeping, 1, {.size = size, .alignment = kCacheLine});
  }
  bool is_x86() const { return state_.machine.arch == boot::Arch::x86_64; }
  // Where the linear map is made of large pages, areas are as well.
  Bytes atom() const { return is_x86() ? kLargePage : kPage; }
  std::uint64_t pointer() const { return sizes_.word.raw; }
  // Bytes of a bitmap, in whole words.
  Bytes bitmap(std::uint64_t bits) const {
    return Bytes{in_units_of(bits, sizes_.word.raw * 8) * sizes_.word.raw};
  }
  unsigned processors() const { return std::max(state_.machine.cpus, 1u); }

  boot::State& state_;
  const StructSizes& sizes_;
};

// Kept while areas are placed, and given back after that.
Result<PhysRange> FirstChunk::take_info(const PercpuLayout& layout) {
  const std::uint64_t bytes =
      sizes_.percpu_info.raw + layout.groups.size() * sizes_.percpu_group.raw + layout.units() * kNumber;
  const Bytes size = rounded_up(Bytes{bytes}, kPage);
  const auto at = take(state_, kBookkeeping, {.size = size, .alignment = kPage});
  if (!at) return at.error();
  return PhysRange::sized(at.value(), size);
}

Result<PhysAddr> FirstChunk::take_areas(NodeId node, Bytes size, Bytes alignment) {
  const PhysAddr min = is_x86() ? kAboveDma : PhysAddr{0};
  return take(state_, kAreas, {.size = size, .alignment = alignment, .min = min, .node = node});
}

Result<Done> FirstChunk::give_back_unused(const PercpuLayout& layout, const PercpuGroup& group,
                                          PhysAddr block) {
  for (std::uint64_t unit = 0; unit < layout.units_of(group); ++unit) {
    const PhysAddr begin = block + Bytes{unit * layout.unit.raw};
    const Bytes used = unit < group.processors.size() ? layout.area() : Bytes{0};
    if (used == layout.unit) continue;
    const auto done = give_back(state_, {begin + used, begin + layout.unit}, kAreas);
    if (!done) return done;
  }
  return Done{};
}

Result<Done> FirstChunk::embed(const PercpuLayout& layout) {
  const auto info = take_info(layout);
  if (!info) return info.error();
  const Bytes list_size = rounded_up(Bytes{layout.groups.size() * pointer()}, kPage);
  const auto list = take(state_, kBookkeeping, {.size = list_size, .alignment = kCacheLine});
  if (!list) return list.error();
  std::vector<PhysAddr> blocks;
  for (const PercpuGroup& group : layout.groups) {
    const auto at = take_areas(group.node, Bytes{layout.units_of(group) * layout.unit.raw}, atom());
    if (!at) return at.error();
    blocks.push_back(at.value());
  }
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (const auto done = give_back_unused(layout, layout.groups[i], blocks[i]); !done) return done;
  if (const auto done = set_up(layout); !done) return done;
  if (const auto done = give_back(state_, info.value(), kBookkeeping); !done) return done;
  return give_back(state_, PhysRange::sized(list.value(), list_size), kBookkeeping);
}

Result<Done> FirstChunk::by_pages(const PercpuLayout& layout) {
  constexpr unsigned levels_below_top = 3;
  const auto info = take_info(layout);
  if (!info) return info.error();
  const std::uint64_t pages = layout.unit.raw / kPage.raw;
  const Bytes list_size = rounded_up(Bytes{pages * processors() * pointer()}, kPage);
  const auto list = take(state_, kBookkeeping, {.size = list_size, .alignment = kCacheLine});
  if (!list) return list.error();
  for (const NodeId node : nodes_of_processors(state_))
    for (std::uint64_t page = 0; page < pages; ++page)
      if (const auto at = take_areas(node, kPage, kPage); !at) return at.error();
  // They are mapped where nothing was mapped before; one table of the lowest level for each 2 MiB.
  const std::uint64_t lowest = in_units_of(layout.units() * layout.unit.raw, kLargePage.raw);
  const auto tables =
      take_all(state_, kPageTables, levels_below_top - 1 + lowest, {.size = kPage, .alignment = kPage});
  if (!tables) return tables;
  if (const auto done = set_up(layout); !done) return done;
  if (const auto done = give_back(state_, PhysRange::sized(list.value(), list_size), kBookkeeping); !done)
    return done;
  return give_back(state_, info.value(), kBookkeeping);
}

Result<Done> FirstChunk::set_up(const PercpuLayout& layout) {
  const std::uint64_t groups = layout.groups.size(), cpus = processors();
  // A list for each size of free room, by powers of two, and some for chunks that are full or to be emptied.
  constexpr unsigned other_slots = 4, first_slot_shift = 5, slots_below = 2;
  const unsigned width = static_cast<unsigned>(std::bit_width(layout.unit.raw));
  const unsigned slots = std::max(width - first_slot_shift + slots_below, 1u) + other_slots;
  for (const std::uint64_t bytes : {groups * pointer(), groups * pointer(), cpus * kNumber, cpus * pointer(),
                                    slots * sizes_.percpu_slot.raw})
    if (const auto done = keep(Bytes{bytes}); !done) return done;
  if (layout.reserved.raw != 0)
    if (const auto done = set_up_chunk(layout.static_size, layout.reserved); !done) return done;
  return set_up_chunk(Bytes{layout.static_size.raw + layout.reserved.raw}, layout.dynamic);
}

// What describes `size` bytes of an area from `offset` on: whole pages.
Result<Done> FirstChunk::set_up_chunk(Bytes offset, Bytes size) {
  const std::uint64_t pages = in_units_of(offset.raw % kPage.raw + size.raw, kPage.raw);
  const std::uint64_t bits = pages * kPage.raw / kLeastObject;
  for (const Bytes bytes : {Bytes{sizes_.percpu_chunk.raw + bitmap(pages).raw}, bitmap(bits),
                            bitmap(bits + 1), Bytes{pages * sizes_.percpu_block.raw}})
    if (const auto done = keep(bytes); !done) return done;
  return Done{};
}

Result<Done> FirstChunk::take_masks() {
  if (sizes_.processor_masks == 0) return Done{};
  return take_all(state_, kMasks, possible_node_count(state_) + sizes_.processor_masks,
                  {.size = bitmap(processors()), .alignment = kCacheLine});
}

Result<Done> FirstChunk::run() {
  const auto option = boot::CommandLine{state_.machine.command_line}.last("percpu_alloc");
  if (option && option->value == "page" && is_x86()) {
    PercpuGroup all{.node = NodeId{0}, .processors = {}};
    for (unsigned cpu = 0; cpu < processors(); ++cpu) all.processors.push_back(cpu);
    const auto layout = lay_out_percpu(sizes_, sizes_.percpu_early, kPage, {all});
    if (const auto done = by_pages(layout); !done) return done;
  } else {
    const auto layout = lay_out_percpu(sizes_, sizes_.percpu_dynamic, atom(), group_processors(state_));
    if (const auto done = embed(layout); !done) return done;
  }
  return take_masks();
}

}  // namespace

std::uint64_t PercpuLayout::units_of(const PercpuGroup& group) const noexcept {
  return in_units_of(group.processors.size(), units_per_block) * units_per_block;
}

std::uint64_t PercpuLayout::units() const noexcept {
  std::uint64_t units = 0;
  for (const PercpuGroup& group : groups) units += units_of(group);
  return units;
}

PercpuLayout lay_out_percpu(const StructSizes& sizes, Bytes dynamic, Bytes atom,
                            std::vector<PercpuGroup> groups) {
  PercpuLayout layout{.static_size = sizes.percpu_static,
                      .reserved = sizes.percpu_reserved,
                      .dynamic = std::max(dynamic, sizes.percpu_early),
                      .unit = {},
                      .units_per_block = 1,
                      .groups = std::move(groups)};
  const Bytes area = rounded_up(layout.area(), kPage);
  layout.dynamic = Bytes{area.raw - layout.static_size.raw - layout.reserved.raw};
  const std::uint64_t least = std::max(area, kLeastUnit).raw;
  const std::uint64_t block = in_units_of(least, atom.raw) * atom.raw;
  std::uint64_t most = block / least;
  while (!divides(block, most)) --most;
  layout.units_per_block = best_units_per_block(block, most, layout.groups);
  layout.unit = Bytes{block / layout.units_per_block};
  return layout;
}

std::vector<PercpuGroup> group_processors(const boot::State& state) {
  const std::vector<NodeId> nodes = nodes_of_processors(state);
  const bool is_x86 = state.machine.arch == boot::Arch::x86_64;
  const auto is_near = [&](NodeId a, NodeId b) {
    if (is_x86) return a == b;
    return state.nodes.distance(a, b) == numa::kLocalDistance &&
           state.nodes.distance(b, a) == numa::kLocalDistance;
  };
  std::vector<PercpuGroup> groups;
  for (unsigned cpu = 0; cpu < nodes.size(); ++cpu) {
    const auto near = std::find_if(groups.begin(), groups.end(),
                                   [&](const PercpuGroup& group) { return is_near(group.node, nodes[cpu]); });
    if (near != groups.end())
      near->processors.push_back(cpu);
    else
      groups.push_back({.node = nodes[cpu], .processors = {cpu}});
  }
  return groups;
}

Result<Done> allocate_percpu(boot::State& state, const StructSizes& sizes) {
  return FirstChunk{state, sizes}.run();
}

}  // namespace quarry::lnx
