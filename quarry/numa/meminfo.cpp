#include "quarry/numa/meminfo.hpp"

namespace quarry::numa {
namespace {

constexpr Bytes kSlack{1u << 20};  // memory that may belong to no node

PhysAddr lower(PhysAddr a, PhysAddr b) noexcept { return a < b ? a : b; }
PhysAddr higher(PhysAddr a, PhysAddr b) noexcept { return a < b ? b : a; }

bool touches_memory(early::Regions memory, PhysRange range) noexcept {
  for (const early::Region& region : memory)
    if (region.range().overlaps(range)) return true;
  return false;
}

// Frames of `span` inside one region.
PageCount pages_inside(const early::Region& region, PfnRange span, PageSize page) noexcept {
  const PfnRange frames = PfnRange::inside(region.range(), page);
  const Pfn begin = frames.begin() > span.begin() ? frames.begin() : span.begin();
  const Pfn end = frames.end() < span.end() ? frames.end() : span.end();
  return begin < end ? end - begin : PageCount{0};
}

void trim(Table<Block>& blocks, early::Regions memory, PhysAddr end_of_ram) noexcept {
  for (std::size_t i = 0; i < blocks.size();) {
    const PhysRange range = blocks[i].range;
    const PhysAddr end = lower(range.end(), end_of_ram);
    if (!touches_memory(memory, range) || range.begin() >= end) {
      blocks.erase(i);
      continue;
    }
    blocks[i].range = {range.begin(), end};
    ++i;
  }
}

bool crosses_other_node(const Table<Block>& blocks, PhysRange range, NodeId node) noexcept {
  for (const Block& block : blocks)
    if (block.node != node && block.range.overlaps(range)) return true;
  return false;
}

Result<Done> judge_overlap(Nodes& nodes, const Block& a, const Block& b) noexcept {
  if (!a.range.overlaps(b.range)) return Done{};
  const bool same = a.node == b.node;
  const auto said = nodes.remark({.kind = same ? Remark::Kind::warning : Remark::Kind::refusal,
                                  .text = same ? "node overlaps with itself" : "nodes overlap",
                                  .range = a.range,
                                  .other = b.range,
                                  .node = a.node,
                                  .other_node = b.node});
  if (!said) return said;
  if (!same) return Error::bad_table;
  return Done{};
}

}  // namespace

PageCount absent_pages(early::Regions memory, PfnRange span, PageSize page) noexcept {
  PageCount absent = span.size();
  for (const early::Region& region : memory) absent.raw -= pages_inside(region, span, page).raw;
  return absent;
}

PageCount absent_pages_of(early::Regions memory, NodeId node, PfnRange span, PageSize page) noexcept {
  PageCount absent = span.size();
  for (const early::Region& region : memory)
    if (region.node == node) absent.raw -= pages_inside(region, span, page).raw;
  return absent;
}

Result<Done> clean_up(Nodes& nodes, Table<Block>& blocks, early::Regions memory,
                      PhysAddr end_of_ram) noexcept {
  trim(blocks, memory, end_of_ram);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (std::size_t j = i + 1; j < blocks.size();) {
      const Block a = blocks[i];
      const Block b = blocks[j];
      const auto judged = judge_overlap(nodes, a, b);
      if (!judged) return judged;
      const PhysRange joined{lower(a.range.begin(), b.range.begin()), higher(a.range.end(), b.range.end())};
      if (a.node != b.node || crosses_other_node(blocks, joined, a.node)) {
        ++j;
        continue;
      }
      const auto said = nodes.remark({.text = "blocks joined",
                                      .range = a.range,
                                      .other = b.range,
                                      .node = a.node,
                                      .other_node = a.node});
      if (!said) return said;
      blocks[i].range = joined;
      blocks.erase(j);
    }
  }
  return Done{};
}

Coverage coverage(std::span<const Block> blocks, early::Regions memory, PhysAddr end_of_ram,
                  PageSize page) noexcept {
  std::uint64_t in_nodes = 0;
  for (const Block& block : blocks) {
    const PfnRange frames{page.pfn_down(block.range.begin()), page.pfn_down(block.range.end())};
    in_nodes += frames.size().raw - absent_pages_of(memory, block.node, frames, page).raw;
  }
  const PfnRange all{Pfn{0}, page.pfn_down(end_of_ram)};
  const std::uint64_t in_memory = all.size().raw - absent_pages(memory, all, page).raw;
  const std::uint64_t slack = kSlack.raw >> page.shift();
  return {.covers = in_memory < in_nodes + slack,
          .in_nodes = PageCount{in_nodes},
          .in_memory = PageCount{in_memory}};
}

}  // namespace quarry::numa
