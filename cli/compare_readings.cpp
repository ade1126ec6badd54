#include "cli/compare_readings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "cli/compare_moments.hpp"
#include "cli/lists.hpp"
#include "cli/text.hpp"
#include "linux/hash_tables.hpp"
#include "linux/huge_pages.hpp"
#include "linux/percpu_first_chunk.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/zones/layout.hpp"

namespace quarry::cli {
namespace {

PhysRange range_of(Span span) { return {PhysAddr{span.begin}, PhysAddr{span.end}}; }
unsigned number_of(NodeId node) { return static_cast<unsigned>(node); }

// "0-3,5", as the kernel writes sets.
std::string mask_of(const std::set<unsigned>& nodes) {
  std::string text;
  for (auto at = nodes.begin(); at != nodes.end();) {
    const unsigned first = *at;
    unsigned last = first;
    while (++at != nodes.end() && *at == last + 1) last = *at;
    text += fmt::format("{}{}", text.empty() ? "" : ",", first);
    if (last != first) text += fmt::format("-{}", last);
  }
  return text;
}

}  // namespace

void Readings::read_early() {
  read_registration();
  read_allocations();
}

void Readings::read_late(const BootReport& report, PageCount dma_reserve) {
  read_texts(report, dma_reserve);
  read_percpu();
  read_late_memblock();
  if (has_numa()) read_nodes();
  out_.hugepages = lnx::huge_pages_of(early_.state());
  out_.min_free_kib = report.min_free_kib;
  out_.zones = lnx::read_zoneinfo(report.texts.zoneinfo);
  read_areas(report);
  if (!machine_.kernel.geometry.is_flat()) read_blocks();
  read_totals(report);
  out_.iomem.emplace();
  for (const auto& resource : report.iomem)
    out_.iomem->push_back({resource.depth, range_of(resource.range), resource.name});
}

// Which nodes the tables' domains became, or what stands for tables.
void Readings::read_registration() {
  const boot::State& state = early_.state();
  for (const auto& entry : machine_.memory_affinity) {
    const NodeId node = state.nodes.known_node_of_domain(entry.domain);
    if (entry.enabled && node != early::kAnyNode)
      out_.log.affinity.push_back({number_of(node), entry.domain, PhysRange::sized(entry.base, entry.size)});
  }
  if (!has_numa()) return;
  const PhysRange all{PhysAddr{}, page_.address_of(state.max_pfn)};
  const bool is_emulated = machine_.command_line.find("numa=fake=") != std::string::npos;
  const bool has_tables = !machine_.memory_affinity.empty();
  const auto blocks = state.nodes.blocks();
  if (is_emulated) {
    for (const numa::Block& block : blocks) out_.log.emulated.push_back({number_of(block.node), block.range});
    if (!has_tables) out_.log.faked.push_back({0, all});
  } else if (blocks.size() == 1 && (!has_tables || blocks[0].range.end() == all.end())) {
    out_.log.faked.push_back({number_of(blocks[0].node), blocks[0].range});
  }
}

// What Linux says of its own allocations, from who asked memblock for them.
void Readings::read_allocations() {
  std::size_t placed = 0;  // nodes whose data come before sections
  const bool is_x86 = machine_.kernel.arch == boot::Arch::x86_64;
  for (const numa::Node& node : early_.state().nodes.nodes())
    if (is_x86 ? node.has_memory : node.online) ++placed;
  for (const auto& event : log_.events()) {
    if (event.action != early::Action::alloc) continue;
    // On x86 data of nodes without memory come later, and no line tells where.
    if (event.owner == "node data" && out_.log.node_data.size() < placed)
      out_.log.node_data.push_back({static_cast<unsigned>(out_.log.node_data.size()), event.range});
    else if (event.owner == "swiotlb")
      out_.log.bounce_buffers = event.range;
    else if (event.owner == "log buffer" && !out_.log.log_buffer)
      out_.log.log_buffer = event.size.raw;
  }
}

// The layout that Linux's line tells of; areas that are mapped page by page have a line of their own.
void Readings::read_percpu() {
  constexpr Bytes large_page{2u << 20};
  const bool is_x86 = machine_.kernel.arch == boot::Arch::x86_64;
  const bool by_pages = is_x86 && machine_.command_line.find("percpu_alloc=page") != std::string::npos;
  if (by_pages) return;
  const lnx::StructSizes sizes = lnx::struct_sizes_of(machine_.kernel);
  const auto layout = lnx::lay_out_percpu(sizes, sizes.percpu_dynamic, is_x86 ? large_page : page_.bytes(),
                                          lnx::group_processors(early_.state()));
  out_.log.percpu = lnx::LoggedPercpu{.pages = layout.area().raw >> page_.shift(),
                                      .static_bytes = layout.static_size.raw,
                                      .reserved_bytes = layout.reserved.raw,
                                      .dynamic_bytes = layout.dynamic.raw,
                                      .unit_bytes = layout.unit.raw};
}

// The words that the library prints, read as the kernel's are.
void Readings::read_texts(const BootReport& report, PageCount dma_reserve) {
  const std::string text = report.texts.zones + report.texts.zonelists + report.texts.memory_line;
  const lnx::LogOutcomes said = lnx::read_log_outcomes(std::as_bytes(std::span{text}));
  lnx::LogOutcomes& log = out_.log;
  log.says_movable = said.says_movable;
  log.zone_ranges = said.zone_ranges;
  log.movable_start = said.movable_start;
  log.node_ranges = said.node_ranges;
  log.initmem = said.initmem;
  log.unavailable = said.unavailable;
  log.zonelists = said.zonelists;
  log.managed_kib = said.managed_kib;
  log.total_kib = said.total_kib;
  log.memory_shares = said.memory_shares;

  log.total_pages = said.total_pages;
  const Bytes descriptor = lnx::struct_sizes_of(machine_.kernel).page;
  log.hashes = lnx::hash_tables(
      machine_, zones::counted_pages(early_.layout(), machine_.kernel.geometry, descriptor, dma_reserve));
}

// x86 forgets its tables once the page allocator has what is free.
void Readings::read_late_memblock() {
  if (machine_.kernel.arch == boot::Arch::x86_64) return;
  out_.late_memory = regions_of(early_.memblock().memory().view());
  out_.late_reserved = regions_of(early_.memblock().reserved().view());
  for (auto* const list : {&*out_.late_memory, &*out_.late_reserved})
    for (lnx::LoggedRegion& region : *list) region.flags = 0, region.node.reset();
  // arm64 forgets the initrd when it comes back, arm does not.
  const boot::Initrd& initrd = early_.state().initrd;
  if (machine_.kernel.arch == boot::Arch::arm64 && initrd.is_valid)
    std::erase_if(*out_.late_reserved, [&](const lnx::LoggedRegion& region) {
      return initrd.range.begin() <= region.range.begin() &&
             region.range.end() <= initrd.range.end() + page_.bytes();
    });
}

void Readings::read_nodes() {
  std::set<unsigned> possible, online, memory, normal;
  for (const zones::Node& node : early_.layout().nodes) {
    possible.insert(number_of(node.id));
    std::vector<unsigned> order{number_of(node.id)}, distances;
    for (const NodeId next : node.fallback) order.push_back(number_of(next));
    out_.log.fallback_order.push_back(std::move(order));
    if (!node.online) continue;
    online.insert(number_of(node.id));
    for (const zones::Node& other : early_.layout().nodes)
      if (other.online) distances.push_back(early_.state().nodes.distance(node.id, other.id));
    out_.nodes.distances.emplace_back(number_of(node.id), std::move(distances));
  }
  const zones::Zone* highest = nullptr;
  for (const zones::Zone& zone : early_.layout().zones) {
    if (!zone.is_populated()) continue;
    memory.insert(number_of(zone.node));
    if (zone.type <= zones::ZoneType::normal) normal.insert(number_of(zone.node));
    const bool counts = zone.type != zones::ZoneType::movable;
    if (counts && (highest == nullptr || highest->type < zone.type)) highest = &zone;
  }
  out_.nodes.masks = {{"possible", mask_of(possible)},
                      {"online", mask_of(online)},
                      {"has_memory", mask_of(memory)},
                      {"has_normal_memory", mask_of(normal)}};
  if (highest != nullptr) out_.log.policy_zone = to_string(zones::name_of(highest->type));
}

void Readings::read_areas(const BootReport& report) {
  for (const ReservedNode& node : report.reserved_memory)
    if (node.range.size() != 0) out_.log.pools.push_back({node.status, node.name, range_of(node.range)});
  out_.log.reserved_memory_lines = lines_of(report.texts.reserved_memory);
  for (const CmaEntry& area : report.cma) {
    const PhysRange range = range_of(area.range);
    const bool is_pool = std::any_of(out_.log.pools.begin(), out_.log.pools.end(),
                                     [&](const lnx::LoggedPool& pool) { return pool.range == range; });
    if (!is_pool) out_.log.cma.push_back(range);
  }
  for (const Span range : report.crashkernel) out_.log.crashkernel.push_back(range_of(range));
}

// What the kernel shows of memory in sections; a block is a section, on large x86 machines up to 2 GiB.
void Readings::read_blocks() {
  const unsigned section = machine_.kernel.geometry.section_bits_;
  unsigned shift = section;
  constexpr unsigned largest_shift = 31;
  constexpr std::uint64_t many = std::uint64_t{64} << 30;
  const std::uint64_t end = page_.address_of(early_.state().max_pfn).raw;
  if (machine_.kernel.arch == boot::Arch::x86_64 && end >= many)
    for (shift = largest_shift; shift > section; --shift)
      if ((end & ((std::uint64_t{1} << shift) - 1)) == 0) break;
  out_.block_size = Bytes{std::uint64_t{1} << shift};
  std::set<std::uint64_t> present;
  for (const early::Region& region : early_.memblock().memory().view())
    for (std::uint64_t at = region.base.raw >> shift; at <= (region.end().raw - 1) >> shift; ++at)
      present.insert(at);
  out_.blocks.emplace();
  for (const std::uint64_t index : present) out_.blocks->push_back(block_at(index, shift));
}

// Whether pages of the block that no bank has count as the first node's. A kernel that initialises descriptors late asks
// memblock for the node of each page, and where memblock knows none, it takes the first that is online. Only blocks
// that the node reaches by its own memory are looked at.
//
// Source    Linux 6.1, "register_mem_block_under_node_early", "early_pfn_to_nid" (behaviour).
bool Readings::first_node_has_hole(PhysRange block) const {
  if (!has_numa() || !machine_.kernel.has("CONFIG_DEFERRED_STRUCT_PAGE_INIT")) return false;
  const std::uint64_t section = std::uint64_t{1} << machine_.kernel.geometry.section_bits_;
  PhysAddr reach_begin{UINT64_MAX}, reach_end{0};
  std::map<std::uint64_t, std::uint64_t> pages_of;  // of each section of the block that has memory
  for (const early::Region& region : early_.memblock().memory().view()) {
    if (const PfnRange pages = PfnRange::inside(region.range(), page_);
        number_of(region.node) == first_online_node() && !pages.empty()) {
      reach_begin = std::min(reach_begin, region.base);
      reach_end = std::max(reach_end, region.end());
    }
    for (std::uint64_t at = block.begin().raw / section; at * section < block.end().raw; ++at) {
      const PhysAddr begin{std::max(region.base.raw, at * section)};
      const PhysAddr end{std::min(region.end().raw, (at + 1) * section)};
      if (end <= begin) continue;
      // A page belongs to whom its first byte belongs to.
      pages_of[at] += (PfnRange::covering({PhysAddr{0}, end}, page_).end() -
                       PfnRange::covering({PhysAddr{0}, begin}, page_).end())
                          .raw;
    }
  }
  if (block.end() <= reach_begin || reach_end <= block.begin()) return false;
  const std::uint64_t all = machine_.kernel.geometry.section_pages().raw;
  return std::any_of(pages_of.begin(), pages_of.end(), [&](const auto& one) { return one.second < all; });
}

unsigned Readings::first_online_node() const {
  for (const numa::Node& node : early_.state().nodes.nodes())
    if (node.online) return number_of(node.id);
  return 0;
}

lnx::BlockOutcome Readings::block_at(std::uint64_t index, unsigned shift) const {
  const PhysRange block = PhysRange::sized(PhysAddr{index << shift}, Bytes{std::uint64_t{1} << shift});
  const PfnRange pages = PfnRange::inside(block, page_);
  std::set<unsigned> nodes;
  for (const early::Region& region : early_.memblock().memory().view())
    if (region.base < block.end() && block.begin() < region.end())
      nodes.insert(has_numa() ? number_of(region.node) : 0);
  if (first_node_has_hole(block)) nodes.insert(first_online_node());
  lnx::BlockOutcome out{index, {}, {}};
  for (const zones::Zone& zone : early_.layout().zones) {
    const PfnRange span = zone.span();
    const bool meets = zone.is_populated() && span.begin() < pages.end() && pages.begin() < span.end();
    if (!meets || (has_numa() && !nodes.contains(number_of(zone.node)))) continue;
    out.zones = out.zones.empty() && nodes.size() == 1 ? to_string(zones::name_of(zone.type)) : "none";
  }
  std::set<std::string> names;  // as a shell lists them: node10 before node9
  for (const unsigned node : nodes) names.insert(fmt::format("node{}", node));
  out.nodes = fmt::format("{}", fmt::join(names, " "));
  return out;
}

void Readings::read_totals(const BootReport& report) {
  out_.meminfo.mem_total_kib = report.mem_total_kib;
  if (machine_.kernel.limits.has_cma) out_.meminfo.cma_total_kib = report.cma_total_kib;
  if (machine_.kernel.limits.has_highmem) out_.meminfo.high_total_kib = report.high_total_kib;
  if (!has_numa()) return;
  for (const NodeEntry& node : report.nodes) {
    std::uint64_t kib = 0;
    for (const ZoneEntry& zone : node.zones) kib += zone.managed_pages * (report.page_size >> 10);
    out_.nodes.total_kib.emplace_back(static_cast<unsigned>(node.id), kib);
  }
}

}  // namespace quarry::cli
