#include "linux/deferred_pages.hpp"

#include <algorithm>

namespace quarry::lnx {
namespace {

constexpr Pfn kNever{UINT64_MAX};
// x86_64 takes the upper page tables of its vmalloc area at once: of 32 TiB, 512 GiB a table, and where there are
// five levels of 12.5 PiB, 256 TiB a table.
//
// Source    Linux 6.1, arch/x86/mm/init_64.c, "preallocate_vmalloc_pages"; arch/x86/include/asm/pgtable_64_types.h.
constexpr std::uint64_t kVmallocTables = 64, kVmallocTablesOfFive = 50;
constexpr unsigned kFourLevelBits = 46;

// Counts descriptors in the order in which Linux brings them up, and finds where it stops in each node.
class Deferral {
 public:
  Deferral(const zones::Layout& layout, std::uint64_t section_pages)
      : layout_{layout}, section_{section_pages}, first_(layout.nodes.size(), kNever) {}

  void bring_up(PfnRange memory, NodeId node) {
    for (std::size_t i = 0; i < layout_.nodes.size(); ++i) {
      if (layout_.nodes[i].id != node) continue;
      for (unsigned type = 0; type < zones::kZoneTypes; ++type) {
        const zones::Zone& zone = layout_.zones[layout_.nodes[i].first_zone + type];
        const Pfn begin = std::max(memory.begin(), zone.span().begin());
        const Pfn end = std::min(memory.end(), zone.span().end());
        if (zone.is_populated() && begin < end) bring_up_in({begin, end}, zone.span().end(), i);
      }
    }
  }
  // One past the last page of the node whose descriptor is there.
  Pfn first_of(NodeId node) const {
    for (std::size_t i = 0; i < layout_.nodes.size(); ++i)
      if (layout_.nodes[i].id == node) return first_[i];
    return kNever;
  }

 private:
  void bring_up_in(PfnRange pages, Pfn zone_end, std::size_t node) {
    if (zone_end != last_zone_end_) last_zone_end_ = zone_end, count_ = 0;
    if (zone_end < layout_.nodes[node].span.end() || first_[node] != kNever) return;
    // The first beginning of a section with more than a section of pages before and including it.
    for (std::uint64_t at = (pages.begin().raw + section_ - 1) & ~(section_ - 1); at < pages.end().raw;
         at += section_)
      if (count_ + (at - pages.begin().raw) + 1 > section_) {
        first_[node] = Pfn{at};
        return;
      }
    count_ += pages.size().raw;
  }

  const zones::Layout& layout_;
  std::uint64_t section_;
  std::vector<Pfn> first_;  // by node
  Pfn last_zone_end_{};
  std::uint64_t count_ = 0;  // pages of that zone so far
};

}  // namespace

std::vector<PageCount> deferred_pages_of_nodes(const memory::EarlySystem& early) {
  const boot::Machine& machine = early.machine();
  const PageSize page = machine.geometry.page_size();
  const auto& nodes = early.layout().nodes;
  std::vector<PageCount> deferred(nodes.size());
  if (machine.geometry.is_flat()) return deferred;
  Deferral deferral{early.layout(), machine.geometry.section_pages().raw};
  for (const early::Region& region : early.memblock().memory().view())
    deferral.bring_up(PfnRange::inside(region.range(), page), region.node);
  for (const early::MemoryRange& range : early.memblock().free_ranges()) {
    const PfnRange pages = PfnRange::inside(range.range, page);
    const Pfn begin = std::max(pages.begin(), deferral.first_of(range.node));
    if (begin >= pages.end()) continue;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].id == range.node) deferred[i].raw += (pages.end() - begin).raw;
  }
  return deferred;
}

PageCount deferred_free_pages(const memory::EarlySystem& early) {
  const boot::Machine& machine = early.machine();
  if (machine.geometry.is_flat()) return PageCount{0};
  PageCount deferred, free;
  for (const PageCount pages : deferred_pages_of_nodes(early)) deferred.raw += pages.raw;
  for (const early::MemoryRange& range : early.memblock().free_ranges())
    free.raw += PfnRange::inside(range.range, machine.geometry.page_size()).size().raw;
  const std::uint64_t tables =
      machine.limits.phys_bits > kFourLevelBits ? kVmallocTablesOfFive : kVmallocTables;
  if (machine.arch == boot::Arch::x86_64) deferred.raw += std::min(free.raw - deferred.raw, tables);
  return deferred;
}

}  // namespace quarry::lnx
