#include "linux/initcall_watermarks.hpp"

#include <array>

#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

using buddy::Memory;
using zones::ZoneType;

// Whether requests that the kernel itself makes may be served from the zone.
bool is_low(ZoneType type) { return type <= ZoneType::normal; }

std::vector<buddy::Watermarks> marks_at(const std::vector<ManagedZone>& zones,
                                        PageCount ManagedZone::* moment, std::uint64_t min_free_kib,
                                        const KernelProfile& kernel) {
  PageCount lowmem;
  for (const ManagedZone& zone : zones)
    if (zone.memory == Memory::low) lowmem.raw += (zone.*moment).raw;
  std::vector<buddy::Watermarks> marks;
  marks.reserve(zones.size());
  for (const ManagedZone& zone : zones)
    marks.push_back(buddy::watermarks_of(zone.*moment, zone.memory, lowmem, min_free_kib,
                                         kernel.geometry.page_size(), {}));
  return marks;
}

// What the zones that buffers may come from have above their high watermarks, "nr_free_buffer_pages".
PageCount buffer_pages(const std::vector<ManagedZone>& zones, PageCount ManagedZone::* moment,
                       const std::vector<buddy::Watermarks>& marks) {
  PageCount sum;
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const std::uint64_t high = marks.empty() ? 0 : marks[i].high.raw, managed = (zones[i].*moment).raw;
    if (is_low(zones[i].type) && managed > high) sum.raw += managed - high;
  }
  return sum;
}

void take_reserves(const std::vector<ManagedZone>& zones, std::vector<ZoneMarks>& into) {
  for (std::size_t i = 0; i < zones.size(); ++i) {
    std::array<PageCount, zones::kZoneTypes> managed{};
    for (const ManagedZone& zone : zones)
      if (zone.node == zones[i].node) managed[static_cast<std::size_t>(zone.type)] = zone.at_initcalls;
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      into[i].reserve[type] = buddy::lowmem_reserve(managed, zones[i].type, static_cast<ZoneType>(type), {});
  }
}

// Whole pages of a range that lie in the zone and are memory.
PageCount pages_in(const memory::EarlySystem& early, const zones::Zone& zone, PhysRange range) {
  const PageSize page = early.machine().geometry.page_size();
  const PfnRange pages = PfnRange::inside(range, page), span = zone.span();
  PageCount sum;
  for (const early::Region& region : early.memblock().memory().view()) {
    if (early.machine().limits.has_numa && region.node != zone.node) continue;
    const PfnRange memory = PfnRange::inside(region.range(), page);
    sum.raw += intersection(intersection(pages, memory), span).size().raw;
  }
  return sum;
}

}  // namespace

Memory memory_of(const zones::Layout& layout, ZoneType type) {
  const bool has_high = !layout.ranges[static_cast<std::size_t>(ZoneType::highmem)].span.empty();
  const bool is_high = type == ZoneType::highmem || (type == ZoneType::movable && has_high);
  return is_high ? Memory::high : Memory::low;
}

std::vector<ManagedZone> managed_zones(const memory::EarlySystem& early) {
  std::vector<ManagedZone> managed;
  const bool has_numa = early.machine().limits.has_numa;
  const PageSize page = early.machine().geometry.page_size();
  for (const zones::Zone& zone : early.layout().zones) {
    if (!zone.is_populated()) continue;
    PageCount pages;
    for (const early::MemoryRange& free : early.memblock().free_ranges())
      if (!has_numa || free.node == zone.node)
        pages.raw += intersection(PfnRange::inside(free.range, page), zone.span()).size().raw;
    for (const boot::CmaArea& area : early.state().cma) pages.raw += pages_in(early, zone, area.range).raw;
    // What only the boot needed comes back before initcalls, gigantic pages count from among them on.
    PageCount used;
    for (const boot::GivenBack& given : early.state().given_back) {
      const PageCount in_zone = pages_in(early, zone, given.range);
      if (given.as == boot::GivenBack::As::used) used.raw += in_zone.raw;
      if (given.as == boot::GivenBack::As::free && given.when == boot::GivenBack::When::before_areas)
        pages.raw += in_zone.raw;
    }
    managed.push_back(
        {zone.node, zone.type, memory_of(early.layout(), zone.type), pages, PageCount{pages.raw + used.raw}});
  }
  return managed;
}

bool has_khugepaged(const KernelProfile& kernel, std::string_view command_line, PageCount managed) {
  constexpr std::uint64_t least = std::uint64_t{512} << 20;  // "hugepage_init": smaller machines do without
  const bool is_on =
      kernel.has("CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS") || kernel.has("CONFIG_TRANSPARENT_HUGEPAGE_MADVISE");
  return is_on && kernel.has("CONFIG_TRANSPARENT_HUGEPAGE") &&
         kernel.geometry.page_size().bytes_in(managed).raw >= least &&
         command_line.find("transparent_hugepage=never") == std::string_view::npos;
}

InitcallMarks initcall_marks(const std::vector<ManagedZone>& zones, const KernelProfile& kernel,
                             std::string_view command_line) {
  InitcallMarks out;
  const PageSize page = kernel.geometry.page_size();
  out.min_free_kib = buddy::min_free_kbytes(buffer_pages(zones, &ManagedZone::at_initcalls, {}), page);
  std::vector<buddy::Watermarks> marks =
      marks_at(zones, &ManagedZone::at_initcalls, out.min_free_kib, kernel);
  PageCount all;
  unsigned low_zones = 0;
  for (const ManagedZone& zone : zones) all.raw += zone.at_initcalls.raw, low_zones += is_low(zone.type);
  if (has_khugepaged(kernel, command_line, all)) {
    out.min_free_kib = buddy::recommended_min_free_kbytes(
        out.min_free_kib, buffer_pages(zones, &ManagedZone::at_khugepaged, marks), low_zones,
        kernel.geometry);
    marks = marks_at(zones, &ManagedZone::at_khugepaged, out.min_free_kib, kernel);
  }
  for (const buddy::Watermarks& mark : marks) out.zones.push_back({mark, {}});
  take_reserves(zones, out.zones);
  return out;
}

}  // namespace quarry::lnx
