#include "firmware.hpp"
#include "quarry/base/table.hpp"
#include "quarry/firmware/slit.hpp"
#include "quarry/firmware/srat.hpp"

namespace kernel::x86 {

namespace firmware = quarry::firmware;
using quarry::Done, quarry::Error, quarry::PhysAddr, quarry::Result;

namespace {

firmware::PhysMemory low_memory() noexcept {
  return {nullptr, [](void*, PhysAddr at, std::size_t size) noexcept -> firmware::ByteView {
            constexpr std::uint64_t end = std::uint64_t{1} << 32;
            if (at.raw >= end || end - at.raw < size) return {};
            return seen_at<std::byte>(at.raw, size);
          }};
}

// The entries of a MADT that are processors that run, or can be started now.
//
// Source    ACPI 6.4, section 5.2.12: types 0 (local APIC) and 9 (local x2APIC); flag 0 is "enabled".
template <class F>
unsigned for_each_processor(firmware::AcpiTable madt, F&& tell) noexcept {
  constexpr std::size_t first_entry = 44;
  unsigned io_apics = 0;
  for (std::size_t offset = first_entry; offset < madt.size();) {
    const auto entry = firmware::next_acpi_entry(madt.bytes(), offset);
    if (!entry) break;
    const firmware::ByteView bytes = entry.value().bytes;
    if (entry.value().type == 0 && bytes.size() >= 8) {
      const auto id = firmware::load_le<std::uint8_t>(bytes, 3);
      if ((firmware::load_le<std::uint32_t>(bytes, 4) & 1) != 0 && id != 0xff) tell(std::uint32_t{id});
    } else if (entry.value().type == 9 && bytes.size() >= 16) {
      const auto id = firmware::load_le<std::uint32_t>(bytes, 4);
      if ((firmware::load_le<std::uint32_t>(bytes, 8) & 1) != 0 && id != UINT32_MAX) tell(id);
    } else if (entry.value().type == 1) {
      ++io_apics;
    }
  }
  return io_apics;
}

Result<Done> read_processors(firmware::AcpiTable madt, quarry::Arena& arena, AcpiLists& lists) noexcept {
  std::size_t count = 0;
  lists.io_apics = for_each_processor(madt, [&](std::uint32_t) { ++count; });
  const auto ids = arena.take<std::uint32_t>(count);
  if (!ids) return ids.error();
  lists.apic_ids = ids.value();
  count = 0;
  for_each_processor(madt, [&](std::uint32_t id) { lists.apic_ids[count++] = id; });
  return Done{};
}

// The tables themselves are not in the direct map: what is kept of them lies in the arena.
Result<std::span<const std::uint8_t>> copy(std::span<const std::uint8_t> bytes,
                                           quarry::Arena& arena) noexcept {
  const auto to = arena.take<std::uint8_t>(bytes.size());
  if (!to) return to.error();
  for (std::size_t i = 0; i < bytes.size(); ++i) to.value()[i] = bytes[i];
  return std::span<const std::uint8_t>{to.value()};
}

Result<quarry::TextView> copy(quarry::TextView text, quarry::Arena& arena) noexcept {
  const auto to = arena.take<char>(text.size());
  if (!to) return to.error();
  for (std::size_t i = 0; i < text.size(); ++i) to.value()[i] = text[i];
  return quarry::TextView{to.value().data(), text.size()};
}

Result<Done> read_affinity(const firmware::AcpiTables& acpi, quarry::Arena& arena,
                           AcpiLists& lists) noexcept {
  if (const auto table = acpi.find("SRAT")) {
    if (const auto srat = firmware::Srat::from(table.value().bytes())) {
      const auto memory = arena.take<firmware::MemoryAffinity>(srat.value().memory_count());
      const auto cpus = arena.take<firmware::CpuAffinity>(srat.value().cpu_count());
      if (!memory || !cpus) return Error::no_room;
      lists.memory = memory.value(), lists.cpus = cpus.value();
      quarry::Table<firmware::MemoryAffinity> memory_table{lists.memory};
      quarry::Table<firmware::CpuAffinity> cpu_table{lists.cpus};
      if (auto read = srat.value().memory(memory_table); !read) return read;
      if (auto read = srat.value().cpus(cpu_table); !read) return read;
    }
  }
  if (const auto table = acpi.find("SLIT"))
    if (const auto slit = firmware::Slit::from(table.value().bytes())) {
      const auto copied = copy(slit.value().distances(), arena);
      if (!copied) return copied.error();
      lists.distances = copied.value();
    }
  return Done{};
}

}  // namespace

// An element of a list is never larger than twice the entry that it stands for.
AcpiSize measure_acpi(PhysAddr rsdp) noexcept {
  AcpiSize size;
  const auto acpi = firmware::AcpiTables::from(low_memory(), rsdp);
  if (!acpi) return size;
  constexpr std::size_t alignment_of_lists = 64;
  constexpr std::size_t signature = 4;
  size.bytes = acpi.value().size() * (sizeof(quarry::boot::Machine::Table) + signature) + alignment_of_lists;
  if (const auto madt = acpi.value().find("APIC")) size.bytes += 2 * madt.value().size();
  if (const auto table = acpi.value().find("SRAT")) {
    size.bytes += 2 * table.value().size();
    if (const auto srat = firmware::Srat::from(table.value().bytes()))
      size.nodes += srat.value().memory_count();
  }
  if (const auto table = acpi.value().find("SLIT"))
    if (const auto slit = firmware::Slit::from(table.value().bytes())) {
      size.bytes += table.value().size();
      size.nodes += slit.value().localities();
    }
  return size;
}

Result<AcpiLists> read_acpi(PhysAddr rsdp, quarry::Arena& arena) noexcept {
  AcpiLists lists;
  const auto acpi = firmware::AcpiTables::from(low_memory(), rsdp);
  if (!acpi) return lists;
  const auto tables = arena.take<quarry::boot::Machine::Table>(acpi.value().size());
  if (!tables) return tables.error();
  std::size_t readable = 0;
  for (std::size_t i = 0; i < acpi.value().size(); ++i) {
    const auto table = acpi.value().table(i);
    if (!table) continue;
    const auto range = quarry::PhysRange::sized(acpi.value().address(i), quarry::Bytes{table.value().size()});
    const auto name = copy(table.value().signature(), arena);
    if (!name) return name.error();
    tables.value()[readable++] = {range, name.value()};
  }
  lists.tables = tables.value().first(readable);
  if (const auto madt = acpi.value().find("APIC"))
    if (auto read = read_processors(madt.value(), arena, lists); !read) return read.error();
  if (auto read = read_affinity(acpi.value(), arena, lists); !read) return read.error();
  return lists;
}

}  // namespace kernel::x86
