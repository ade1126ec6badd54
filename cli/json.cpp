#include "cli/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace quarry::cli {
namespace {

using Json = nlohmann::ordered_json;

// The last integer that every reader of JSON keeps exactly; addresses beyond are cut to it.
constexpr std::uint64_t kLargest = (std::uint64_t{1} << 53) - 1;
std::uint64_t exact(std::uint64_t value) { return std::min(value, kLargest); }

Json list(const auto& items, auto convert) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(convert(item));
  return array;
}

Json based(Span range) { return Json{{"base", exact(range.begin)}, {"size", exact(range.size())}}; }

Json with_node(Json object, int node) {
  object["node"] = node < 0 ? Json(nullptr) : Json(node);
  return object;
}

Json region(const RegionEntry& entry) {
  Json object = based(entry.range);
  object["flags"] = entry.flags;
  return with_node(std::move(object), entry.node);
}

Json zone(const ZoneEntry& entry) {
  return Json{{"name", entry.name},
              {"start_pfn", entry.start_pfn},
              {"spanned_pages", entry.spanned_pages},
              {"present_pages", entry.present_pages},
              {"managed_pages", entry.managed_pages},
              {"cma_pages", entry.cma_pages},
              {"free_area", entry.free_area},
              {"free_area_handover", entry.free_area_handover}};
}

Json node(const NodeEntry& entry) {
  const auto reference = [](const auto& ref) { return Json::array({ref.first, ref.second}); };
  return Json{{"id", entry.id},
              {"start_pfn", entry.start_pfn},
              {"spanned_pages", entry.spanned_pages},
              {"present_pages", entry.present_pages},
              {"distances", entry.distances},
              {"fallback", entry.fallback},
              {"zonelist", list(entry.zonelist, reference)},
              {"zones", list(entry.zones, zone)}};
}

Json bootmem(const BootmemEntry& entry) {
  const auto bitmap = [](const BitmapEntry& node) {
    return Json{{"id", node.node},
                {"start_pfn", node.start_pfn},
                {"end_pfn", node.end_pfn},
                {"map_pfn", node.map_pfn},
                {"map_bytes", node.map_bytes},
                {"free_pages", node.free_pages},
                {"reserved_pages", node.reserved_pages},
                {"last_end_off", exact(node.last_end_off)},
                {"hint_idx", node.hint_idx}};
  };
  return Json{{"nodes", list(entry.nodes, bitmap)},
              {"released_pages", entry.released_pages},
              {"bitmap_pages", entry.bitmap_pages},
              {"lost_pages", entry.lost_pages},
              {"blocks", entry.blocks}};
}

Json moment(const TimelineEntry& entry) {
  const auto zone = [](const TimelineZone& of) {
    return Json{{"node", of.node},
                {"zone", of.zone},
                {"managed_pages", of.managed},
                {"cma_pages", of.cma},
                {"free_pages", of.free}};
  };
  return Json{{"step", entry.step},
              {"function", entry.function},
              {"given_pages", entry.given},
              {"total_pages", entry.total},
              {"free_pages", entry.free},
              {"cma_pages", entry.cma},
              {"zones", list(entry.zones, zone)}};
}

Json reserved_node(const ReservedNode& entry) {
  Json object{{"name", entry.name}, {"base", exact(entry.range.begin)}, {"size", exact(entry.range.size())}};
  object["flags"] = entry.flags;
  object["status"] = entry.status;
  return object;
}

// The flat list with depths becomes objects with children.
Json resources(const std::vector<ResourceEntry>& entries, std::size_t& at, unsigned depth) {
  Json array = Json::array();
  while (at < entries.size() && entries[at].depth == depth) {
    const ResourceEntry& entry = entries[at++];
    Json object{
        {"base", exact(entry.range.begin)}, {"end", exact(entry.range.end - 1)}, {"name", entry.name}};
    object["children"] = resources(entries, at, depth + 1);
    array.push_back(std::move(object));
  }
  return array;
}

}  // namespace

std::string to_json(const BootReport& report) {
  Json root;
  root["schema"] = "quarry.boot/1";
  root["machine"] = {{"arch", report.arch},
                     {"page_size", report.page_size},
                     {"cmdline", report.cmdline},
                     {"cpus", report.cpus}};
  root["firmware"] = list(report.firmware, [](const FirmwareEntry& entry) {
    Json object = based(entry.range);
    object["type"] = entry.type;
    object["source"] = entry.source;
    return object;
  });
  root["memblock"]["memory"] = list(report.memory, region);
  root["memblock"]["reserved"] = list(report.reserved, [](const RegionEntry& entry) {
    Json object = region(entry);
    object["owner"] = entry.owner;
    return object;
  });
  root["nodes"] = list(report.nodes, node);
  root["reserved_memory"] = list(report.reserved_memory, reserved_node);
  root["cma"] = list(report.cma, [](const CmaEntry& entry) {
    return Json{{"name", entry.name},
                {"base", exact(entry.range.begin)},
                {"size", exact(entry.range.size())},
                {"default", entry.is_default}};
  });
  root["crashkernel"] = list(report.crashkernel, based);
  std::size_t at = 0;
  root["iomem"] = resources(report.iomem, at, 0);
  root["ledger"] = list(report.ledger, [](const LedgerEntry& entry) {
    Json object{{"owner", entry.owner}, {"bytes", exact(entry.bytes)}, {"rule", entry.rule}};
    object["fate"] = std::string{lnx::name_of(entry.fate)};
    object["given_back"] = entry.fate == lnx::Fate::given_back;
    object["given_back_by"] = entry.back.empty() ? Json(nullptr) : Json(entry.back);
    return object;
  });
  const auto& bounds = report.mem_total_bounds;
  root["totals"] = {{"ram_bytes", exact(report.ram_bytes)},
                    {"mem_total_kib", report.mem_total_kib},
                    {"mem_total_low_kib", bounds ? bounds->low_kib : report.mem_total_kib},
                    {"mem_total_high_kib", bounds ? bounds->high_kib : report.mem_total_kib},
                    {"cma_total_kib", report.cma_total_kib},
                    {"high_total_kib", report.high_total_kib}};
  root["timeline"] = list(report.timeline, moment);
  if (report.bootmem) root["bootmem"] = bootmem(*report.bootmem);
  // Only where of the kernel no more than the version is known.
  if (bounds)
    root["mem_total_bounds"] = {{"stands_in", bounds->stands_in},
                                {"stands_for", bounds->stands_for},
                                {"reasons", list(bounds->reasons, [](const MemTotalReason& reason) {
                                   return Json{{"what", reason.what},
                                               {"source", reason.source},
                                               {"low_kib", reason.low},
                                               {"high_kib", reason.high}};
                                 })}};
  // Only where there are some.
  if (!report.linux_bugs.empty())
    root["linux_bugs"] = list(report.linux_bugs, [](const BugEntry& entry) {
      Json object = based(entry.range);
      object["what"] = entry.what;
      return object;
    });
  // Names come out of trees and command lines: what is not UTF-8 there is replaced.
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace quarry::cli
