// Which section, zone and pageblock an address is part of, and where the kernel describes its page.
#include <fmt/format.h>

#include <algorithm>

#include "cli/life_context.hpp"
#include "cli/sizes.hpp"
#include "cli/text.hpp"
#include "quarry/base/bits.hpp"
#include "quarry/view/buddyinfo.hpp"

namespace quarry::cli {
namespace {

using zones::ZoneType;

std::string reach_of(const LifeContext& context, ZoneType type) {
  const PfnRange span = context.early.layout().ranges[static_cast<std::size_t>(type)].span;
  return span.empty() ? std::string{} : pages_text(context, span);
}

// What a zone of this type is for, on this architecture, and what made it end where it does.
void add_limits(const LifeContext& context, ZoneType type, LifeStage& stage) {
  const bool is_arm = context.machine().arch == boot::Arch::arm;
  const std::string reach = reach_of(context, type);
  const auto say = [&](std::string text, std::string place = {}) {
    stage.because(fmt::format("{}: {}", to_string(zones::name_of(type)), text) +
                      (reach.empty() ? "" : fmt::format("; here {}", reach)),
                  std::move(place));
  };
  switch (type) {
    case ZoneType::dma:
      if (context.is_x86()) return say("the first 16 MiB, which is what ISA devices reach");
      return say(is_arm ? "low memory that every device reaches"
                        : "what every device of this machine reaches");
    case ZoneType::dma32:
      return say(context.machine().limits.has_zone_dma ? "below 4 GiB, and above what DMA has"
                                                       : "below 4 GiB");
    case ZoneType::normal: {
      if (!is_arm) return say("all memory above the zones for devices");
      std::string place = option_behind(context, "vmalloc");
      return say("low memory: what the direct map has room for, below the space of vmalloc",
                 std::move(place));
    }
    case ZoneType::highmem:
      return say("above what the direct map has room for: mapped when it is needed",
                 option_behind(context, "vmalloc"));
    case ZoneType::movable:
      for (const char* const option : {"movablecore", "kernelcore", "movable_node"})
        if (std::string place = option_behind(context, option); !place.empty())
          return say("the top of the node, for pages that can be moved", std::move(place));
      return say("for pages that can be moved");
  }
}

// The array of all descriptors, where memory is flat: its first byte, and whose descriptor that is.
struct FlatArray {
  PhysRange range;
  Pfn first;
};
std::optional<FlatArray> flat_array(const LifeContext& context) {
  if (!context.machine().geometry.is_flat()) return std::nullopt;
  for (const LoggedEvent& event : context.log.events()) {
    if (event.action != early::Action::alloc || event.owner != "page descriptors") continue;
    const std::uint64_t block = context.machine().geometry.max_order().pages().raw;
    const Pfn first = context.page_size().pfn_down(context.early.memblock().start_of_dram());
    return FlatArray{event.range, Pfn{align_down(first.raw, block)}};
  }
  return std::nullopt;
}

void say_address(const LifeContext& context, std::uint64_t address, LifeStage& stage) {
  stage.says = fmt::format("{:#x}", address);
  stage.facts["address"] = fmt::format("{:#x}", address);
  stage.facts["bytes"] = context.space->descriptor_size().raw;
}

}  // namespace

LifeStage section_stage(const LifeContext& context) {
  LifeStage stage{.name = "section", .says = {}};
  const Geometry& geometry = context.machine().geometry;
  if (geometry.is_flat()) {
    stage.says = "none: memory is flat, one array describes it all";
    stage.facts["section"] = nullptr;
    return stage;
  }
  const unsigned bits = geometry.section_bits_;
  const std::uint64_t number = context.at.raw >> bits, bytes = std::uint64_t{1} << bits;
  const PhysRange range = PhysRange::sized(PhysAddr{number << bits}, Bytes{bytes});
  stage.says = fmt::format("section {}{}", number, context.now.is_described ? "" : ", which has no memory");
  stage.because(fmt::format("sections of {}: {}", human_size(bytes), mem_text(context, range)));
  stage.facts["section"] = number;
  stage.facts["is_present"] = context.now.is_described;
  return stage;
}

LifeStage zone_stage(const LifeContext& context) {
  LifeStage stage{.name = "zone", .says = {}};
  const zones::Zone* const zone = context.zone();
  if (zone == nullptr) {
    stage.says = "none: no zone spans it";
    stage.facts["zone"] = nullptr;
    return stage;
  }
  const std::string name = to_string(zones::name_of(zone->type));
  const bool is_node_told = context.early.layout().nodes.size() > 1;
  stage.says = is_node_told ? fmt::format("{} of node {}", name, static_cast<unsigned>(zone->node)) : name;
  if (!context.is_ram()) stage.says = fmt::format("a hole in {}", stage.says);
  add_limits(context, zone->type, stage);
  stage.because(fmt::format("the zone spans {}: {} pages, {} present, {} managed",
                            pages_text(context, zone->span()), grouped(zone->spanned.raw),
                            grouped(zone->present.raw), grouped(zone->managed.raw)));
  stage.facts["zone"] = name;
  stage.facts["node"] = static_cast<unsigned>(zone->node);
  stage.facts["is_hole"] = !context.is_ram();
  return stage;
}

LifeStage descriptor_stage(const LifeContext& context) {
  LifeStage stage{.name = "descriptor", .says = {}};
  stage.facts["pfn"] = context.page.raw;
  stage.facts["address"] = nullptr;
  if (!context.now.is_described) {
    stage.says = "none: its page has no descriptor";
    return stage;
  }
  stage.says = fmt::format("of page {:#x}", context.page.raw);
  if (context.kernel == nullptr) {
    stage.because("16 bytes in the library's own array: Linux's vmemmap has none of it (--native)");
    return stage;
  }
  if (context.space == nullptr) return stage;
  const std::uint64_t size = context.space->descriptor_size().raw;
  if (const auto array = flat_array(context)) {
    if (context.page < array->first) return stage;
    const PhysAddr at = array->range.begin() + Bytes{(context.page.raw - array->first.raw) * size};
    if (!array->range.contains(at)) return stage;
    if (const auto shown = context.space->layout().direct(at)) say_address(context, shown.value(), stage);
    stage.because(fmt::format("mem_map lies at {} and begins with page {:#x}, {} bytes a page",
                              mem_text(context, array->range), array->first.raw, size));
  } else if (const auto at = context.space->descriptor_of(context.page)) {
    say_address(context, *at, stage);
    stage.because(fmt::format("in vmemmap, {} bytes a page", size));
  }
  if (!context.is_ram())
    stage.because("described though it is no memory: memory shares its section or pageblock");
  return stage;
}

LifeStage pageblock_stage(const LifeContext& context) {
  LifeStage stage{.name = "pageblock", .says = {}};
  stage.facts["migrate_type"] = nullptr;
  if (!context.now.is_described) {
    stage.says = "none";
    return stage;
  }
  const Order order = context.machine().geometry.pageblock_order();
  const Pfn start{align_down(context.page.raw, order.pages().raw)};
  const std::string type = to_string(view::name_of(context.now.pageblock));
  stage.says = type;
  stage.because(fmt::format("pageblock {} of order {}: {}", start.raw >> order.raw(), order.raw(),
                            pages_text(context, {start, start + order.pages()})));
  if (context.now.pageblock == page::MigrateType::cma)
    stage.because("a contiguous area has it: only movable pages may borrow from here");
  stage.facts["migrate_type"] = type;
  stage.facts["start_pfn"] = start.raw;
  return stage;
}

}  // namespace quarry::cli
