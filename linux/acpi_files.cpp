#include "linux/acpi_files.hpp"

#include <fmt/format.h>

#include "quarry/firmware/slit.hpp"
#include "quarry/firmware/srat.hpp"

namespace quarry::lnx {
namespace {

Problem unusable(const std::string& name, const char* signature, Error error) {
  return {ExitStatus::malformed_input,
          fmt::format("{}: {}: expected an ACPI table with the signature {} and a checksum that holds", name,
                      error == Error::truncated_table ? "the table is cut off" : "the table is malformed",
                      signature)};
}

}  // namespace

std::optional<Problem> read_srat(std::span<const std::byte> bytes, const std::string& name,
                                 MachineDescription& into) {
  const auto srat = firmware::Srat::from(bytes);
  if (!srat) return unusable(name, "SRAT", srat.error());
  into.memory_affinity.assign(srat.value().memory_count(), {});
  into.cpu_affinity.assign(srat.value().cpu_count(), {});
  Table<firmware::MemoryAffinity> memory{std::span{into.memory_affinity}};
  Table<firmware::CpuAffinity> cpus{std::span{into.cpu_affinity}};
  const bool fits = srat.value().memory(memory) && srat.value().cpus(cpus);
  check(fits, "a table has as many entries as it counts");
  // The table says what a log's lines say of it, and more.
  std::erase_if(into.origins, [](const Origin& origin) { return origin.kind == Origin::Kind::affinity; });
  for (std::size_t i = 0; i < into.memory_affinity.size(); ++i) {
    const auto& entry = into.memory_affinity[i];
    into.origins.push_back({Origin::Kind::affinity, PhysRange::sized(entry.base, entry.size),
                            fmt::format("{}: memory affinity {}", name, i),
                            fmt::format("domain {}{}{}", entry.domain, entry.enabled ? "" : ", disabled",
                                        entry.hotpluggable ? ", hot-pluggable" : "")});
  }
  return std::nullopt;
}

std::optional<Problem> read_slit(std::span<const std::byte> bytes, const std::string& name,
                                 MachineDescription& into) {
  const auto slit = firmware::Slit::from(bytes);
  if (!slit) return unusable(name, "SLIT", slit.error());
  const auto distances = slit.value().distances();
  into.distances.assign(distances.begin(), distances.end());
  return std::nullopt;
}

// ACPI 6.5, 5.2.12: 44 bytes of head, then entries that begin with type and length; type 1 is an I/O APIC.
std::optional<Problem> read_madt(std::span<const std::byte> bytes, const std::string& name,
                                 MachineDescription& into) {
  constexpr std::size_t head = 44, entry_head = 2;
  constexpr std::byte io_apic{1};
  if (bytes.size() < head) return unusable(name, "APIC", Error::truncated_table);
  unsigned count = 0;
  for (std::size_t at = head; at + entry_head <= bytes.size();) {
    const std::size_t length = std::to_integer<std::size_t>(bytes[at + 1]);
    if (length < entry_head || length > bytes.size() - at) return unusable(name, "APIC", Error::bad_table);
    count += bytes[at] == io_apic;
    at += length;
  }
  into.interrupt_controllers = count;
  return std::nullopt;
}

}  // namespace quarry::lnx
