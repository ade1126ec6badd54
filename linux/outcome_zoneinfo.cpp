// /proc/zoneinfo: "Node 0, zone  DMA32", then a line for each count; per-CPU lists and statistics are passed over.
#include <string_view>
#include <utility>

#include "linux/outcome_words.hpp"

namespace quarry::lnx {
namespace {

// "protection: (0, 948, 948)"
std::optional<std::vector<std::uint64_t>> read_protection(Scanner at) {
  std::vector<std::uint64_t> pages;
  if (!at.skip("(")) return std::nullopt;
  while (const auto number = at.decimal()) {
    pages.push_back(*number);
    if (!at.skip(", ")) break;
  }
  if (!at.skip(")")) return std::nullopt;
  return pages;
}

// "Node 0, zone      DMA"
std::optional<ZoneOutcome> read_heading(Scanner at) {
  if (!at.skip("Node ")) return std::nullopt;
  const auto node = at.decimal();
  if (!node || !at.skip(", zone")) return std::nullopt;
  at.spaces();
  ZoneOutcome zone;
  zone.node = static_cast<unsigned>(std::min<std::uint64_t>(*node, UINT16_MAX));
  zone.name = at.word();
  if (zone.name.empty()) return std::nullopt;
  return zone;
}

void read_count(std::string_view name, Scanner at, ZoneOutcome& zone) {
  at.spaces();
  if (name == "protection:") {
    zone.protection = read_protection(at);
    return;
  }
  struct Field {
    std::string_view name;
    std::optional<std::uint64_t> ZoneOutcome::* into;
  };
  constexpr Field fields[] = {{"spanned", &ZoneOutcome::spanned}, {"present", &ZoneOutcome::present},
                              {"managed", &ZoneOutcome::managed}, {"cma", &ZoneOutcome::cma},
                              {"min", &ZoneOutcome::min},         {"low", &ZoneOutcome::low},
                              {"high", &ZoneOutcome::high},       {"start_pfn:", &ZoneOutcome::start_pfn}};
  for (const Field& field : fields)
    if (name == field.name) zone.*field.into = at.decimal();
}

// A zone's marks are shown with what raises them for a while: "boost", which stands before them and says by how much.
//
// Source    Linux 6.1, "boost_watermark", "zoneinfo_show_print" (behaviour).
void take_boost(std::uint64_t boost, std::string_view name, ZoneOutcome& zone) {
  for (const auto& [mark, field] : {std::pair{std::string_view{"min"}, &ZoneOutcome::min},
                                    std::pair{std::string_view{"low"}, &ZoneOutcome::low},
                                    std::pair{std::string_view{"high"}, &ZoneOutcome::high}})
    if (name == mark && zone.*field && *(zone.*field) >= boost) *(zone.*field) -= boost;
}

}  // namespace

std::vector<ZoneOutcome> read_zoneinfo(std::string_view text) {
  std::vector<ZoneOutcome> zones;
  std::uint64_t boost = 0;
  for_each_line(text, [&](std::string_view line) {
    if (auto zone = read_heading(Scanner{line})) {
      zones.push_back(*std::move(zone));
      boost = 0;
      return;
    }
    if (zones.empty()) return;
    Scanner at{line};
    at.spaces();
    const std::string_view name = at.word();
    if (name == "boost") {
      at.spaces();
      boost = at.decimal().value_or(0);
      return;
    }
    read_count(name, at, zones.back());
    if (boost != 0) take_boost(boost, name, zones.back());
  });
  return zones;
}

}  // namespace quarry::lnx
