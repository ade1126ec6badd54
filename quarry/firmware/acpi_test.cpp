#include "quarry/firmware/acpi.hpp"

#include "tests/table_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

// Four tables at fixed addresses; everything else cannot be seen.
struct Ram {
  static constexpr std::uint64_t kRsdp = 0xf0000, kRoot = 0x1000, kFirst = 0x2000, kSecond = 0x1'0000'0000;
  TableBuilder rsdp, root, first, second;

  PhysMemory memory() noexcept {
    return {this, [](void* self, PhysAddr at, std::size_t size) noexcept -> ByteView {
              auto& ram = *static_cast<Ram*>(self);
              const std::uint64_t bases[] = {kRsdp, kRoot, kFirst, kSecond};
              TableBuilder* const tables[] = {&ram.rsdp, &ram.root, &ram.first, &ram.second};
              for (int i = 0; i < 4; ++i)
                if (at.raw >= bases[i] && at.raw - bases[i] < tables[i]->size()) {
                  const ByteView rest =
                      tables[i]->bytes().subspan(static_cast<std::size_t>(at.raw - bases[i]));
                  return rest.size() < size ? rest : rest.first(size);
                }
              return {};
            }};
  }
  void point(unsigned revision) noexcept {
    rsdp.text("RSD PTR ").u8(0).text("QUARRY").u8(revision).u32(revision < 2 ? std::uint32_t{kRoot} : 0);
    rsdp.fix_checksum(8, 20);
    if (revision >= 2) rsdp.u32(36).u64(kRoot).u8(0).zeros(3).fix_checksum(32, 36);
  }
  void list(unsigned revision) noexcept {
    first.acpi("APIC", 1).finish_acpi();
    second.acpi("SRAT", 3).zeros(12).finish_acpi();
    if (revision < 2)
      root.acpi("RSDT", 1).u32(kFirst).u32(0x3000).finish_acpi();
    else
      root.acpi("XSDT", 1).u64(kFirst).u64(kSecond).zeros(7).finish_acpi();
  }
};

}  // namespace

TEST(a_table_is_as_long_as_it_says_and_adds_up_to_zero) {
  TableBuilder builder;
  builder.acpi("SLIT", 7).zeros(20).finish_acpi();
  builder.zeros(8);
  const AcpiTable table = AcpiTable::from(builder.bytes()).value();
  expect(table.signature() == "SLIT" && table.oem_id() == "QUARRY" && table.oem_table_id() == "TESTTABL");
  expect_equal(table.revision(), 7u);
  expect_equal(table.size(), 56u);
  for (std::size_t size = 0; size < 56; ++size)
    expect_equal(AcpiTable::from(builder.bytes().first(size)).error(), Error::truncated_table);
  expect_equal(AcpiTable::from(builder.bytes(), "SRAT").error(), Error::bad_table);
  expect(static_cast<bool>(AcpiTable::from(builder.bytes(), "SLIT")));
  for (std::size_t at = 8; at < 56; ++at) {  // each byte counts
    builder.bytes()[at] ^= std::byte{1};
    expect_equal(AcpiTable::from(builder.bytes()).error(), Error::bad_table);
    builder.bytes()[at] ^= std::byte{1};
  }
  builder.at(4, 35, 4);
  expect_equal(AcpiTable::from(builder.bytes()).error(), Error::bad_table);
}

TEST(tables_are_found_through_rsdt_and_xsdt) {
  Ram old, now;
  old.point(0), old.list(0);
  now.point(2), now.list(2);
  const AcpiTables narrow = AcpiTables::from(old.memory(), PhysAddr{Ram::kRsdp}).value();
  expect_equal(narrow.size(), 2u);
  expect(narrow.find("APIC").value().signature() == "APIC");
  expect_equal(narrow.table(1).error(), Error::out_of_range);
  expect_equal(narrow.find("SRAT").error(), Error::not_found);

  const AcpiTables wide = AcpiTables::from(now.memory(), PhysAddr{Ram::kRsdp}).value();
  expect_equal(wide.size(), 2u);
  expect_equal(wide.address(1), PhysAddr{Ram::kSecond});
  expect_equal(wide.find("SRAT").value().revision(), 3u);
  now.second.at(40, 1, 1);
  expect_equal(wide.find("SRAT").error(), Error::bad_table);
}

TEST(a_wrong_root_pointer_is_refused) {
  for (const unsigned revision : {0u, 2u}) {
    Ram ram;
    ram.point(revision);
    const std::span<std::byte> bytes = ram.rsdp.bytes();
    expect_equal(Rsdp::from(bytes).value().length, bytes.size());
    for (std::size_t size = 0; size < bytes.size(); ++size)
      expect_equal(Rsdp::from(ByteView{bytes}.first(size)).error(), Error::truncated_table);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] ^= std::byte{1};
      const auto wrong = Rsdp::from(bytes);
      expect(!wrong && wrong.error() != Error::no_memory);
      bytes[at] ^= std::byte{1};
    }
  }
}

TEST(what_memory_cannot_show_is_an_error) {
  Ram ram;
  expect_equal(AcpiTables::from(ram.memory(), PhysAddr{Ram::kRsdp}).error(), Error::out_of_range);
  ram.point(2);
  expect_equal(AcpiTables::from(ram.memory(), PhysAddr{Ram::kRsdp}).error(), Error::out_of_range);
  ram.root.acpi("RSDT", 1).finish_acpi();  // where an XSDT should be
  expect_equal(AcpiTables::from(ram.memory(), PhysAddr{Ram::kRsdp}).error(), Error::bad_table);
  expect_equal(AcpiTables::from(ram.memory(), PhysAddr{Ram::kRoot}).error(), Error::bad_table);
}

TEST(entries_of_a_table_never_leave_it) {
  TableBuilder builder;
  builder.u8(7).u8(4).u16(0).u8(8).u8(1).u8(9).u8(3);
  std::size_t at = 0;
  const AcpiEntry first = next_acpi_entry(builder.bytes(), at).value();
  expect_equal(first.type, 7u);
  expect_equal(first.bytes.size(), 4u);
  expect_equal(at, 4u);
  expect_equal(next_acpi_entry(builder.bytes(), at).error(), Error::bad_table);
  at = 6;
  expect_equal(next_acpi_entry(builder.bytes(), at).error(), Error::truncated_table);
  at = 7;
  expect_equal(next_acpi_entry(builder.bytes(), at).error(), Error::truncated_table);
  expect_equal(at, 7u);
}

}  // namespace quarry::firmware
