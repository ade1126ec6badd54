#include "linux/sparse_allocations.hpp"

#include <algorithm>

#include "linux/boot_allocation.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kRoots{"section roots", "no room for the roots of sections"};
constexpr Purpose kTables{"section tables", "no room for a table of sections"};
constexpr Purpose kUsage{"section usage maps", "no room for the usage maps of sections"};
constexpr Purpose kDescriptors{"page descriptors", "no room for page descriptors"};
// Descriptors are mapped by entries of this size at least.
constexpr Bytes kBlock{2u << 20};
// ZONE_DMA is left to those who need it.
constexpr PhysAddr kAboveDma{16u << 20};
constexpr std::uint64_t kLinearAlignment = (1u << 30) - 1;

}  // namespace

Result<Done> SparseAllocations::run() {
  const auto sections = present_sections();
  if (!sections) return sections.error();
  const std::span<const Section> all{sections.value()};
  for (std::size_t first = 0, at = 0; at < all.size(); ++at) {
    if (at + 1 < all.size() && all[at + 1].node == all[first].node) continue;
    if (const auto done = describe(all.subspan(first, at + 1 - first)); !done) return done;
    first = at + 1;
  }
  return Done{};
}

Result<std::vector<SparseAllocations::Section>> SparseAllocations::present_sections() {
  const unsigned shift = state_->machine.geometry.section_bits_;
  const std::uint64_t per_table = kPage.raw / sizes_->mem_section.raw;
  const std::uint64_t tables = (std::uint64_t{1} << (sizes_->section_address_bits - shift)) / per_table;
  const auto roots = take(*state_, kRoots, {.size = Bytes{tables * 8}, .alignment = kCacheLine});
  if (!roots) return roots.error();

  std::vector<Section> present;
  std::set<std::uint64_t> known_tables;
  // Memory does not change while tables are taken.
  for (const early::Region& region : state_->memblock.memory().view()) {
    if (region.size.raw == 0) continue;
    for (std::uint64_t at = region.base.raw >> shift; at <= (region.end().raw - 1) >> shift; ++at) {
      if (known_tables.insert(at / per_table).second) {
        const auto table =
            take(*state_, kTables, {.size = kPage, .alignment = kCacheLine, .node = region.node});
        if (!table) return table.error();
      }
      if (present.empty() || present.back().number < at) present.push_back({at, region.node});
    }
  }
  return present;
}

// Usage maps lie in the section of their node's data if they can: both go away together when memory is unplugged.
// Where a small node's data had to go to another node, its usage maps follow.
Result<Done> SparseAllocations::take_usage(NodeId node, std::size_t sections) {
  early::Request request{
      .size = Bytes{sections * sizes_->section_usage.raw}, .alignment = kCacheLine, .node = node};
  const auto data = std::find_if(node_data_.begin(), node_data_.end(),
                                 [node](const NodeDataPlace& place) { return place.node == node; });
  if (data != node_data_.end()) {
    const std::uint64_t section = std::uint64_t{1} << state_->machine.geometry.section_bits_;
    request.min = PhysAddr{data->at.raw & ~(section - 1)};
    request.node = node_at(request.min);
    early::Request near = request;
    near.max = near.min + Bytes{section};
    if (const auto at = state_->allocator.alloc_try_nid_raw(near, kUsage.owner); at) return Done{};
  }
  const auto at = take(*state_, kUsage, request);
  if (!at) return at.error();
  return Done{};
}

NodeId SparseAllocations::node_at(PhysAddr at) const {
  const auto found = state_->memblock.search_pfn_nid(state_->machine.geometry.page_size().pfn_down(at));
  if (found) return found.value().node;
  for (const numa::Node& node : state_->nodes.nodes())
    if (node.has_memory) return node.id;
  return NodeId{0};
}

Result<Done> SparseAllocations::take_tables(const Section& section) {
  const boot::Machine& machine = state_->machine;
  const bool is_x86 = machine.arch == boot::Arch::x86_64;
  const bool is_riscv = machine.arch == boot::Arch::riscv64;
  if (!is_x86 && !is_riscv && machine.arch != boot::Arch::arm64) return Done{};
  // arm64 and riscv64 count descriptors from where the linear map begins.
  const std::uint64_t first =
      is_x86 ? 0
             : (state_->memblock.start_of_dram().raw & ~kLinearAlignment) >> machine.geometry.section_bits_;
  const std::uint64_t per_section = machine.geometry.section_pages().raw * sizes_->page.raw;
  const std::uint64_t at = (section.number - first) * per_section;
  const bool has_five_levels =
      is_riscv ? machine.limits.va_bits > 48 : is_x86 && sizes_->section_address_bits > 46;
  const bool has_four_levels = !is_riscv || machine.limits.va_bits > 39;
  std::uint64_t tables = has_five_levels && top_.insert(at >> 48).second ? 1u : 0u;
  tables += has_four_levels && upper_.insert(at >> 39).second ? 1u : 0u;
  tables += middle_.insert(at >> 30).second ? 1u : 0u;
  // riscv64 of 6.1 maps descriptors page by page: one more table for the 2 MiB that a section has.
  if (is_riscv && !machine.limits.maps_below_kernel) ++tables;
  return take_all(
      *state_, kPageTables, tables,
      {.size = kPage, .alignment = kPage, .min = is_x86 ? kAboveDma : PhysAddr{}, .node = section.node});
}

Result<Done> SparseAllocations::describe(std::span<const Section> sections) {
  const NodeId node = sections.front().node;
  if (const auto done = take_usage(node, sections.size()); !done) return done;
  const bool is_x86 = state_->machine.arch == boot::Arch::x86_64;
  const Bytes block =
      rounded_up(Bytes{state_->machine.geometry.section_pages().raw * sizes_->page.raw}, kBlock);
  early::Request map{.size = Bytes{sections.size() * block.raw},
                     .alignment = block,
                     .min = is_x86 ? kAboveDma : PhysAddr{},
                     .node = node};
  const bool has_all = static_cast<bool>(state_->allocator.alloc_exact_nid_raw(map, kDescriptors.owner));
  // Without one block for all, each section's descriptors go where there is room.
  map.size = block;
  for (const Section& section : sections) {
    if (const auto done = take_tables(section); !done) return done;
    if (has_all) continue;
    if (const auto at = take(*state_, kDescriptors, map); !at) return at.error();
  }
  return Done{};
}

}  // namespace quarry::lnx
