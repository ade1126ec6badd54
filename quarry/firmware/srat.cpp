#include "quarry/firmware/srat.hpp"

namespace quarry::firmware {
namespace {

enum class Kind : std::uint8_t { apic = 0, memory = 1, x2apic = 2, gicc = 3 };

// How long an entry of that type must be; 2 for those that are skipped.
constexpr std::size_t least_bytes(std::uint8_t type) noexcept {
  switch (Kind{type}) {
    case Kind::apic: return 16;
    case Kind::memory: return 40;
    case Kind::x2apic: return 24;
    case Kind::gicc: return 18;
  }
  return 2;
}

constexpr bool is_cpu(std::uint8_t type) noexcept { return type <= 3 && Kind{type} != Kind::memory; }

// Table 5.57 and what follows it: flags bit 0 is "enabled", of memory bit 1 is "hot pluggable".
constexpr std::uint32_t kEnabled = 1, kHotPluggable = 2;

MemoryAffinity memory_of(ByteView bytes, bool wide_domains) noexcept {
  const auto domain = load_le<std::uint32_t>(bytes, 2);
  const auto flags = load_le<std::uint32_t>(bytes, 28);
  return {.base = PhysAddr{load_le<std::uint64_t>(bytes, 8)},
          .size = Bytes{load_le<std::uint64_t>(bytes, 16)},
          .domain = wide_domains ? domain : domain & 0xff,
          .enabled = (flags & kEnabled) != 0,
          .hotpluggable = (flags & kHotPluggable) != 0};
}

CpuAffinity cpu_of(const AcpiEntry& entry, bool wide_domains) noexcept {
  const ByteView bytes = entry.bytes;
  switch (Kind{entry.type}) {
    case Kind::x2apic:
      return {.cpu = load_le<std::uint32_t>(bytes, 8),
              .domain = load_le<std::uint32_t>(bytes, 4),
              .enabled = (load_le<std::uint32_t>(bytes, 12) & kEnabled) != 0};
    case Kind::gicc:
      return {.cpu = load_le<std::uint32_t>(bytes, 6),
              .domain = load_le<std::uint32_t>(bytes, 2),
              .enabled = (load_le<std::uint32_t>(bytes, 10) & kEnabled) != 0};
    default: break;
  }
  // The local APIC's domain came in two pieces when it grew: one byte, and later three more.
  std::uint32_t domain = load_le<std::uint8_t>(bytes, 2);
  if (wide_domains) domain |= (load_le<std::uint32_t>(bytes, 8) >> 8) << 8;
  return {.cpu = load_le<std::uint8_t>(bytes, 3),
          .domain = domain,
          .enabled = (load_le<std::uint32_t>(bytes, 4) & kEnabled) != 0};
}

// Of a table that from() has walked.
AcpiEntry entry_at(ByteView bytes, std::size_t& offset) noexcept {
  return next_acpi_entry(bytes, offset).value();
}

}  // namespace

Result<Srat> Srat::from(ByteView bytes) noexcept {
  const auto table = AcpiTable::from(bytes, "SRAT");
  if (!table) return table.error();
  Srat srat{table.value()};
  const ByteView whole = table.value().bytes();
  if (whole.size() < kFirstEntry) return Error::truncated_table;
  for (std::size_t at = kFirstEntry; at < whole.size();) {
    const auto entry = next_acpi_entry(whole, at);
    if (!entry) return entry.error();
    const std::uint8_t type = entry.value().type;
    if (entry.value().bytes.size() < least_bytes(type)) return Error::bad_table;
    if (is_cpu(type)) ++srat.cpus_;
    if (type == static_cast<std::uint8_t>(Kind::memory)) ++srat.memory_;
  }
  return srat;
}

Result<Done> Srat::memory(Table<MemoryAffinity>& out) const noexcept {
  if (memory_ > out.capacity() - out.size()) return Error::no_room;
  for (std::size_t at = kFirstEntry; at < table_.size();) {
    const AcpiEntry entry = entry_at(table_.bytes(), at);
    if (entry.type != static_cast<std::uint8_t>(Kind::memory)) continue;
    check(static_cast<bool>(out.push(memory_of(entry.bytes, revision() >= 2))), "the room was counted");
  }
  return Done{};
}

Result<Done> Srat::cpus(Table<CpuAffinity>& out) const noexcept {
  if (cpus_ > out.capacity() - out.size()) return Error::no_room;
  for (std::size_t at = kFirstEntry; at < table_.size();) {
    const AcpiEntry entry = entry_at(table_.bytes(), at);
    if (!is_cpu(entry.type)) continue;
    check(static_cast<bool>(out.push(cpu_of(entry, revision() >= 2))), "the room was counted");
  }
  return Done{};
}

}  // namespace quarry::firmware
