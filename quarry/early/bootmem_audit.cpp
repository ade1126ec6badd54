#include "quarry/early/bootmem_audit.hpp"

namespace quarry::early {
namespace {

bool is_padding_set(const BootmemMap& map) noexcept {
  std::uint64_t bit = map.size().raw;
  for (const std::uint64_t end = map.words().size() * BootmemMap::kWordBits; bit < end; ++bit)
    if (!map.is_set(bit)) return false;
  return true;
}

std::optional<BootmemLaw> broken_alone(const BootmemData& data, PageSize page, LongBits width) noexcept {
  if (data.node_low_pfn().raw > UINT64_MAX >> page.shift()) return BootmemLaw::inside_addresses;
  const PageCount pages = data.pages.size();
  if (data.is_handed_over) {
    if (!data.map.words().empty()) return BootmemLaw::no_map_handed_over;
  } else {
    if (data.map.size() != pages ||
        Bytes{data.map.words().size_bytes()} != BootmemMap::bytes_for(pages, width))
      return BootmemLaw::map_covers_node;
    if (!is_padding_set(data.map)) return BootmemLaw::padding_is_set;
  }
  if (data.hint_idx > pages) return BootmemLaw::hint_inside_node;
  if (data.last_end_off > page.bytes_in(pages)) return BootmemLaw::offset_inside_node;
  return std::nullopt;
}

}  // namespace

const char* name_of(BootmemLaw law) noexcept {
  switch (law) {
    case BootmemLaw::sorted_by_address: return "sorted_by_address";
    case BootmemLaw::one_record_a_node: return "one_record_a_node";
    case BootmemLaw::inside_addresses: return "inside_addresses";
    case BootmemLaw::map_covers_node: return "map_covers_node";
    case BootmemLaw::no_map_handed_over: return "no_map_handed_over";
    case BootmemLaw::padding_is_set: return "padding_is_set";
    case BootmemLaw::hint_inside_node: return "hint_inside_node";
    case BootmemLaw::offset_inside_node: return "offset_inside_node";
  }
  return "";
}

std::optional<BootmemLaw> audit(std::span<const BootmemData> nodes, PageSize page, LongBits width) noexcept {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i != 0 && nodes[i].node_min_pfn() < nodes[i - 1].node_min_pfn()) return BootmemLaw::sorted_by_address;
    for (std::size_t before = 0; before < i; ++before)
      if (nodes[before].node == nodes[i].node) return BootmemLaw::one_record_a_node;
    if (const auto broken = broken_alone(nodes[i], page, width)) return broken;
  }
  return std::nullopt;
}

}  // namespace quarry::early
