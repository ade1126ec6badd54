#include "quarry/view/firmware_map.hpp"

namespace quarry::view {

using firmware::MapType;

TextView name_of(MapType type) noexcept {
  switch (type) {
    case MapType::usable:
    case MapType::reserved_kern: return "usable";
    case MapType::reserved: return "reserved";
    case MapType::soft_reserved: return "soft reserved";
    case MapType::acpi: return "ACPI data";
    case MapType::nvs: return "ACPI NVS";
    case MapType::unusable: return "unusable";
    case MapType::pmem: return "persistent (type 7)";
    case MapType::pram: return "persistent (type 12)";
  }
  return {};
}

void print_type(TextSink& out, MapType type) noexcept {
  const TextView name = name_of(type);
  if (name.empty())
    out.put("type ").dec(static_cast<std::uint32_t>(type));
  else
    out.put(name);
}

void print_mem(TextSink& out, PhysRange range) noexcept {
  // Inclusive, and for an empty range at 0 the wrapped number that Linux prints as well.
  out.put("[mem 0x").hex(range.begin().raw, 16).put("-0x").hex(range.end().raw - 1, 16).put(']');
}

void print_firmware_map(TextSink& out, TextView who, std::span<const firmware::MapEntry> entries) noexcept {
  for (const auto& entry : entries) {
    out.put(who).put(": [mem 0x").hex(entry.base.raw, 16);
    out.put("-0x").hex(entry.base.raw + entry.size.raw - 1, 16).put("] ");
    print_type(out, entry.type);
    out.put('\n');
  }
}

}  // namespace quarry::view
