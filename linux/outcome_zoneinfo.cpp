// /proc/zoneinfo: "Node 0, zone  DMA32", then a line for each count; per-CPU lists and statistics are passed over.
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

}  // namespace

std::vector<ZoneOutcome> read_zoneinfo(std::string_view text) {
  std::vector<ZoneOutcome> zones;
  for_each_line(text, [&](std::string_view line) {
    if (auto zone = read_heading(Scanner{line})) {
      zones.push_back(*std::move(zone));
      return;
    }
    if (zones.empty()) return;
    Scanner at{line};
    at.spaces();
    const std::string_view name = at.word();
    read_count(name, at, zones.back());
  });
  return zones;
}

}  // namespace quarry::lnx
