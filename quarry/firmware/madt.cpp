#include "quarry/firmware/madt.hpp"

namespace quarry::firmware {
namespace {

constexpr std::size_t kFirstEntry = 44;
constexpr std::uint32_t kEnabled = 1;

// What the kinds have in common: where their flags are, and what id is nobody's.
struct Kind {
  std::uint8_t type;
  std::size_t least_bytes;
  std::size_t flags;
  unsigned MadtCpus::* count;
};
constexpr Kind kKinds[] = {
    {0, 8, 4, &MadtCpus::local_apic}, {9, 16, 8, &MadtCpus::x2apic}, {11, 76, 12, &MadtCpus::gicc}};

bool is_broadcast(const AcpiEntry& entry) noexcept {
  if (entry.type == 0) return load_le<std::uint8_t>(entry.bytes, 3) == 0xff;
  return entry.type == 9 && load_le<std::uint32_t>(entry.bytes, 4) == UINT32_MAX;
}

}  // namespace

Result<MadtCpus> count_madt_cpus(ByteView bytes) noexcept {
  const auto table = AcpiTable::from(bytes, "APIC");
  if (!table) return table.error();
  const ByteView whole = table.value().bytes();
  if (whole.size() < kFirstEntry) return Error::truncated_table;
  MadtCpus cpus;
  for (std::size_t at = kFirstEntry; at < whole.size();) {
    const auto entry = next_acpi_entry(whole, at);
    if (!entry) return entry.error();
    for (const Kind& kind : kKinds) {
      if (entry.value().type != kind.type) continue;
      if (entry.value().bytes.size() < kind.least_bytes) return Error::bad_table;
      if (is_broadcast(entry.value())) continue;
      const bool enabled = (load_le<std::uint32_t>(entry.value().bytes, kind.flags) & kEnabled) != 0;
      ++(enabled ? cpus.*kind.count : cpus.disabled);
    }
  }
  return cpus;
}

}  // namespace quarry::firmware
