// SRAT, SLIT and MADT.
#include <array>

#include "quarry/firmware/madt.hpp"
#include "quarry/firmware/slit.hpp"
#include "quarry/firmware/srat.hpp"
#include "tests/table_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

// One entry of each type, and one of a type that nobody knows.
void fill_srat(TableBuilder& table, unsigned revision) noexcept {
  table.acpi("SRAT", revision).u32(1).u64(0);
  table.u8(0).u8(16).u8(0x34).u8(5).u32(1).u8(0).u8(0x12).u8(0xab).u8(0xcd).u32(0);
  table.u8(1).u8(40).u32(0xcdab1234).u16(0).u64(0x1'0000'0000).u64(0x4000'0000).u32(0).u32(3).u64(0);
  table.u8(77).u8(4).u16(0xffff);
  table.u8(2).u8(24).u16(0).u32(0x11223344).u32(0x1234).u32(0).u32(0).u32(0);
  table.u8(3).u8(18).u32(9).u32(8).u32(1).u32(0);
  table.u8(1).u8(40).u32(2).u16(0).u64(UINT64_MAX).u64(UINT64_MAX).u32(0).u32(0).u64(0);
  table.finish_acpi();
}

}  // namespace

TEST(an_srat_tells_domains_of_memory_and_processors) {
  TableBuilder table;
  fill_srat(table, 3);
  const Srat srat = Srat::from(table.bytes()).value();
  std::array<MemoryAffinity, 2> memory_storage;
  std::array<CpuAffinity, 3> cpu_storage;
  Table<MemoryAffinity> memory{memory_storage};
  Table<CpuAffinity> cpus{cpu_storage};
  expect(static_cast<bool>(srat.memory(memory)) && static_cast<bool>(srat.cpus(cpus)));
  expect_equal(srat.memory_count(), 2u);
  expect_equal(srat.cpu_count(), 3u);
  expect_equal(memory[0].base, PhysAddr{0x1'0000'0000});
  expect_equal(memory[0].size, Bytes{0x4000'0000});
  expect_equal(memory[0].domain, 0xcdab1234u);
  expect(memory[0].enabled && memory[0].hotpluggable && !memory[1].enabled && !memory[1].hotpluggable);
  expect_equal(cpus[0].domain, 0xcdab1234u);
  expect_equal(cpus[0].cpu, 5u);
  expect_equal(cpus[1].domain, 0x11223344u);
  expect_equal(cpus[1].cpu, 0x1234u);
  expect(cpus[0].enabled && !cpus[1].enabled && cpus[2].enabled);
  expect_equal(cpus[2].cpu, 8u);
  expect_equal(cpus[2].domain, 9u);
  expect_equal(srat.memory(memory).error(), Error::no_room);
  expect_equal(srat.cpus(cpus).error(), Error::no_room);
  expect_equal(memory.size() + cpus.size(), 5u);
}

TEST(in_revision_one_a_domain_has_eight_bits) {
  TableBuilder table;
  fill_srat(table, 1);
  std::array<MemoryAffinity, 2> memory_storage;
  std::array<CpuAffinity, 3> cpu_storage;
  Table<MemoryAffinity> memory{memory_storage};
  Table<CpuAffinity> cpus{cpu_storage};
  const Srat srat = Srat::from(table.bytes()).value();
  expect(static_cast<bool>(srat.memory(memory)) && static_cast<bool>(srat.cpus(cpus)));
  expect_equal(memory[0].domain, 0x34u);
  expect_equal(cpus[0].domain, 0x34u);
  expect_equal(cpus[1].domain, 0x11223344u);
}

TEST(a_short_srat_is_refused_at_every_length) {
  TableBuilder whole;
  fill_srat(whole, 3);
  std::size_t sound = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_equal(Srat::from(whole.bytes().first(size)).error(), Error::truncated_table);
    if (size < 36) continue;
    TableBuilder cut;  // the header knows about the cut
    for (const std::byte byte : whole.bytes().first(size)) cut.u8(std::to_integer<unsigned>(byte));
    sound += Srat::from(cut.finish_acpi()) ? 1u : 0u;
  }
  expect_equal(sound, 6u);  // the cuts between entries
}

TEST(an_srat_entry_shorter_than_its_type_is_refused) {
  const std::size_t least[] = {16, 40, 24, 18};
  for (unsigned type = 0; type < 4; ++type) {
    TableBuilder exact, shorter;
    exact.acpi("SRAT", 3).zeros(12).u8(type).u8(static_cast<unsigned>(least[type])).zeros(least[type] - 2);
    shorter.acpi("SRAT", 3)
        .zeros(12)
        .u8(type)
        .u8(static_cast<unsigned>(least[type] - 1))
        .zeros(least[type] - 3);
    expect(static_cast<bool>(Srat::from(exact.finish_acpi())));
    expect_equal(Srat::from(shorter.finish_acpi()).error(), Error::bad_table);
  }
}

TEST(a_slit_is_a_square) {
  TableBuilder table;
  table.acpi("SLIT", 1).u64(2).u8(10).u8(21).u8(22).u8(10);
  const Slit slit = Slit::from(table.finish_acpi()).value();
  expect_equal(slit.localities(), 2u);
  expect_equal(slit.distance(0, 1), 21u);
  expect_equal(slit.distance(1, 0), 22u);
  expect_equal(slit.distances().size(), 4u);
  expect(slit.plausible());
  for (const std::uint64_t localities :
       {std::uint64_t{3}, std::uint64_t{0x10000}, std::uint64_t{0x1'0000'0000}, UINT64_MAX}) {
    table.at(36, localities, 8);
    expect_equal(Slit::from(table.finish_acpi()).error(), Error::bad_table);
  }
  for (std::size_t size = 0; size < table.size(); ++size)
    expect_equal(Slit::from(table.bytes().first(size)).error(), Error::truncated_table);
  TableBuilder headless;
  headless.acpi("SLIT", 1).zeros(7);
  expect_equal(Slit::from(headless.finish_acpi()).error(), Error::truncated_table);
}

TEST(linux_believes_only_plausible_distances) {
  const auto plausible = [](unsigned here, unsigned there) {
    TableBuilder table;
    table.acpi("SLIT", 1).u64(2).u8(10).u8(there).u8(20).u8(here);
    return Slit::from(table.finish_acpi()).value().plausible();
  };
  expect(plausible(10, 11) && plausible(10, 255));
  expect(!plausible(11, 20) && !plausible(9, 20) && !plausible(10, 10) && !plausible(10, 0));
}

TEST(a_madt_counts_enabled_processors_of_each_kind) {
  TableBuilder table;
  table.acpi("APIC", 4).zeros(8);
  table.u8(0).u8(8).u8(0).u8(0).u32(1).u8(0).u8(8).u8(1).u8(1).u32(2).u8(0).u8(8).u8(2).u8(0xff).u32(1);
  table.u8(1)
      .u8(12)
      .zeros(10)
      .u8(9)
      .u8(16)
      .u16(0)
      .u32(300)
      .u32(1)
      .u32(5)
      .u8(9)
      .u8(16)
      .u16(0)
      .u32(UINT32_MAX)
      .u32(1)
      .u32(6);
  table.u8(11).u8(80).u16(0).u32(0).u32(0).u32(1).zeros(64);
  const MadtCpus cpus = count_madt_cpus(table.finish_acpi()).value();
  expect_equal(cpus.local_apic, 1u);
  expect_equal(cpus.x2apic, 1u);
  expect_equal(cpus.gicc, 1u);
  expect_equal(cpus.disabled, 1u);
  expect_equal(cpus.enabled(), 3u);
  for (std::size_t size = 0; size < table.size(); ++size)
    expect_equal(count_madt_cpus(table.bytes().first(size)).error(), Error::truncated_table);
  TableBuilder odd, headless;
  odd.acpi("APIC", 4).zeros(8).u8(0).u8(7).zeros(5);
  expect_equal(count_madt_cpus(odd.finish_acpi()).error(), Error::bad_table);
  headless.acpi("APIC", 4).zeros(7);
  expect_equal(count_madt_cpus(headless.finish_acpi()).error(), Error::truncated_table);
}

}  // namespace quarry::firmware
