// Processors, nodes, initrd, tables: what is one value, or one table. A part of mix_parts.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "linux/mix_parts.hpp"

namespace quarry::lnx {
namespace {

using firmware::CpuAffinity;
using firmware::MemoryAffinity;

// Collects differences, each with what takes it over.
class Values {
 public:
  using Take = std::function<void(MachineDescription&)>;
  void add(Difference difference, Take take) {
    part_.differences.push_back(std::move(difference));
    takes_.push_back(std::move(take));
  }
  MixPart finish() && {
    part_.take = [takes = std::move(takes_)](const Chosen& chosen, MachineDescription& into) {
      for (std::size_t i = 0; i < takes.size(); ++i)
        if (chosen[i]) takes[i](into);
      return true;
    };
    return std::move(part_);
  }

 private:
  MixPart part_;
  std::vector<Take> takes_;
};

bool is_same(const MemoryAffinity& a, const MemoryAffinity& b) {
  return a.base == b.base && a.size == b.size && a.domain == b.domain && a.enabled == b.enabled &&
         a.hotpluggable == b.hotpluggable;
}
bool is_same(const CpuAffinity& a, const CpuAffinity& b) {
  return a.cpu == b.cpu && a.domain == b.domain && a.enabled == b.enabled;
}
template <class Entry>
bool are_same(const std::vector<Entry>& a, const std::vector<Entry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Entry& x, const Entry& y) { return is_same(x, y); });
}

template <class Entry>
std::string affinity_words(const std::vector<Entry>& table) {
  if (table.empty()) return {};
  std::vector<std::uint32_t> domains;
  for (const Entry& entry : table)
    if (entry.enabled) domains.push_back(entry.domain);
  std::sort(domains.begin(), domains.end());
  domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
  const auto plural = [](std::size_t n) { return n == 1 ? "" : "s"; };
  return fmt::format("{} entr{} on {} domain{}", table.size(), table.size() == 1 ? "y" : "ies",
                     domains.size(), plural(domains.size()));
}

std::string table_words(const std::vector<AcpiTable>& tables) {
  if (tables.empty()) return {};
  std::uint64_t bytes = 0;
  for (const AcpiTable& table : tables) bytes += table.range.size().raw;
  return fmt::format("{} of {}", tables.size(), byte_words(bytes));
}

std::string yes_words(bool is_so) { return is_so ? "yes" : "no"; }

}  // namespace

bool are_same_tables(const std::vector<AcpiTable>& a, const std::vector<AcpiTable>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const AcpiTable& x, const AcpiTable& y) {
    return x.signature == y.signature && x.range.size() == y.range.size();
  });
}

MixPart numa_part(const MachineDescription& from, const MachineDescription& to) {
  Values values;
  if (!are_same(from.memory_affinity, to.memory_affinity))
    values.add({DifferenceKind::numa, "SRAT: memory of nodes", affinity_words(from.memory_affinity),
                affinity_words(to.memory_affinity)},
               [&to](MachineDescription& into) { into.memory_affinity = to.memory_affinity; });
  if (!are_same(from.cpu_affinity, to.cpu_affinity))
    values.add({DifferenceKind::numa, "SRAT: processors of nodes", affinity_words(from.cpu_affinity),
                affinity_words(to.cpu_affinity)},
               [&to](MachineDescription& into) { into.cpu_affinity = to.cpu_affinity; });
  const auto words = [](const std::vector<std::uint8_t>& distances) {
    return distances.empty() ? std::string{} : fmt::format("{} distances", distances.size());
  };
  if (from.distances != to.distances)
    values.add(
        {DifferenceKind::numa, "SLIT: how far nodes are apart", words(from.distances), words(to.distances)},
        [&to](MachineDescription& into) { into.distances = to.distances; });
  return std::move(values).finish();
}

MixPart values_part(const MachineDescription& from, const MachineDescription& to) {
  Values values;
  if (from.cpus != to.cpus)
    values.add({DifferenceKind::processors, "number of processors", fmt::format("{}", from.cpus),
                fmt::format("{}", to.cpus)},
               [&to](MachineDescription& into) { into.cpus = to.cpus; });
  if (from.has_gigabyte_pages != to.has_gigabyte_pages)
    values.add({DifferenceKind::processors, "pages of 1 GiB", yes_words(from.has_gigabyte_pages),
                yes_words(to.has_gigabyte_pages)},
               [&to](MachineDescription& into) { into.has_gigabyte_pages = to.has_gigabyte_pages; });
  if (from.interrupt_controllers != to.interrupt_controllers)
    values.add({DifferenceKind::processors, "interrupt controllers",
                fmt::format("{}", from.interrupt_controllers), fmt::format("{}", to.interrupt_controllers)},
               [&to](MachineDescription& into) { into.interrupt_controllers = to.interrupt_controllers; });
  if (from.model != to.model)
    values.add({DifferenceKind::processors, "model", from.model, to.model},
               [&to](MachineDescription& into) { into.model = to.model; });
  if (from.initrd.size() != to.initrd.size()) {
    const auto words = [](PhysRange initrd) {
      return initrd.empty() ? std::string{} : byte_words(initrd.size().raw);
    };
    values.add({DifferenceKind::initrd, "initrd", words(from.initrd), words(to.initrd)},
               [&to](MachineDescription& into) { into.initrd = to.initrd; });
  }
  const auto tables = [&](const char* what, std::vector<AcpiTable> MachineDescription::* list) {
    if (!are_same_tables(from.*list, to.*list))
      values.add({DifferenceKind::tables, what, table_words(from.*list), table_words(to.*list)},
                 [&to, list](MachineDescription& into) { into.*list = to.*list; });
  };
  tables("ACPI tables", &MachineDescription::acpi_tables);
  tables("setup_data", &MachineDescription::setup_data);
  tables("UEFI's tables", &MachineDescription::efi_tables);
  return std::move(values).finish();
}

}  // namespace quarry::lnx
