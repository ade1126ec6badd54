#include "quarry/firmware/boot_params.hpp"

#include <array>

#include "quarry/firmware/e820.hpp"
#include "tests/table_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

TableBuilder& entry(TableBuilder& table, std::uint64_t base, std::uint64_t size,
                    std::uint32_t type) noexcept {
  return table.u64(base).u64(size).u32(type);
}

TableBuilder zero_page() noexcept {
  TableBuilder page;
  page.zeros(4096);
  return page;
}

}  // namespace

TEST(entries_of_both_sizes_come_as_reported) {
  TableBuilder basic, extended;
  entry(entry(basic, 0x100, 0x200, 1), UINT64_MAX, UINT64_MAX, 0xdeadbeef);
  entry(extended, 0x100, 0x200, 1).u32(0);
  entry(extended, UINT64_MAX, UINT64_MAX, 0xdeadbeef).u32(1);
  for (const auto size : {E820EntrySize::basic, E820EntrySize::extended}) {
    std::array<MapEntry, 2> storage;
    Table<MapEntry> out{storage};
    TableBuilder& table = size == E820EntrySize::basic ? basic : extended;
    expect(static_cast<bool>(decode_e820_table(table.bytes(), size, out)));
    expect_equal(out.size(), 2u);
    expect(out[0] == MapEntry{PhysAddr{0x100}, Bytes{0x200}, MapType::usable});
    expect(out[1] == MapEntry{PhysAddr{UINT64_MAX}, Bytes{UINT64_MAX}, MapType{0xdeadbeef}});
    expect_equal(decode_e820_table(table.bytes(), size, out).error(), Error::no_room);
    expect_equal(out.size(), 2u);
  }
}

TEST(an_e820_table_cut_inside_an_entry_is_refused) {
  TableBuilder table;
  entry(entry(table, 0, 1, 1), 2, 3, 2);
  unsigned good = 0;
  for (std::size_t size = 0; size <= table.size(); ++size) {
    std::array<MapEntry, 4> storage;
    Table<MapEntry> out{storage};
    const auto done = decode_e820_table(table.bytes().first(size), E820EntrySize::basic, out);
    if (done) ++good;
    if (!done) expect(done.error() == Error::truncated_table && out.empty());
  }
  expect_equal(good, 3u);  // none, one and two entries
}

TEST(a_zero_page_is_a_page) {
  TableBuilder page = zero_page();
  expect_equal(BootParams::from(page.bytes().first(4095)).error(), Error::truncated_table);
  expect(static_cast<bool>(BootParams::from(page.bytes())));
}

TEST(the_zero_page_gives_its_table_and_no_more) {
  TableBuilder page = zero_page();
  page.at(0x2d0, 0x1234, 8)
      .at(0x2d8, 0x10, 8)
      .at(0x2e0, 1, 4)
      .at(0x2e4, 0x9000, 8)
      .at(0x2ec, 1, 8)
      .at(0x2f4, 2, 4);
  page.at(0x1e8, 2, 1);
  std::array<MapEntry, 128> storage;
  Table<MapEntry> out{storage};
  expect(static_cast<bool>(BootParams::from(page.bytes()).value().e820(out)));
  expect_equal(out.size(), 2u);
  expect_equal(out[0].base, PhysAddr{0x1234});
  expect_equal(out[1].type, MapType::reserved);

  out.clear();
  page.at(0x1e8, 128, 1);
  expect(static_cast<bool>(BootParams::from(page.bytes()).value().e820(out)));
  expect_equal(out.size(), 128u);
  expect_equal(BootParams::from(page.bytes()).value().e820(out).error(), Error::no_room);
  out.clear();
  page.at(0x1e8, 129, 1);
  expect_equal(BootParams::from(page.bytes()).value().e820(out).error(), Error::bad_table);
  expect(out.empty());
}

TEST(the_zero_page_knows_where_things_are) {
  TableBuilder page = zero_page();
  const BootParams nothing = BootParams::from(page.bytes()).value();
  expect(nothing.initrd().empty() && !nothing.efi() && nothing.setup_data() == PhysAddr{0});
  page.at(0x002, 0xfc00, 2).at(0x1e0, 0x7fb00, 4).at(0x250, 0x1'2345'6789, 8).at(0x070, 0xf59d0, 8);
  page.at(0x218, 0x600'0000, 4).at(0x21c, 0x1000, 4).at(0x0c0, 1, 4).at(0x0c4, 2, 4).at(0x228, 0x2000, 4);
  page.at(0x0c8, 3, 4).at(0x1c0, 0x34364c45, 4).at(0x1c8, 48, 4).at(0x1cc, 1, 4).at(0x1d0, 0x5000, 4);
  page.at(0x1d4, 480, 4).at(0x1dc, 7, 4);
  const BootParams params = BootParams::from(page.bytes()).value();
  expect_equal(params.ext_mem_k(), 0xfc00u);
  expect_equal(params.alt_mem_k(), 0x7fb00u);
  expect_equal(params.setup_data(), PhysAddr{0x1'2345'6789});
  expect_equal(params.acpi_rsdp(), PhysAddr{0xf59d0});
  expect(params.initrd() == PhysRange::sized(PhysAddr{0x1'0600'0000}, Bytes{0x2'0000'1000}));
  expect_equal(params.command_line(), PhysAddr{0x3'0000'2000});
  expect_equal(params.efi()->memory_map, PhysAddr{0x7'0000'5000});
  expect_equal(params.efi()->memory_map_size, 480u);
  expect_equal(params.efi()->descriptor_size, 48u);
  page.at(0x1c0, 0x32334c45, 4);
  expect(params.efi().has_value());
  page.at(0x1c0, 0x34364c46, 4);
  expect(!params.efi());
}

TEST(setup_data_brings_more_entries) {
  TableBuilder data;
  data.u64(0x8000).u32(SetupData::kE820Ext).u32(45);
  expect_equal(decode_setup_data(data.bytes().first(15)).error(), Error::truncated_table);
  const SetupData header = decode_setup_data(data.bytes()).value();
  expect_equal(header.next, PhysAddr{0x8000});
  expect_equal(header.type, SetupData::kE820Ext);
  expect_equal(header.length, 45u);

  TableBuilder payload;
  entry(entry(payload, 1, 2, 3), 4, 5, 6).zeros(5);
  std::array<MapEntry, 2> storage;
  Table<MapEntry> out{storage};
  expect(static_cast<bool>(decode_e820_ext(payload.bytes(), out)));
  expect_equal(out.size(), 2u);
  expect_equal(out[1].base, PhysAddr{4});
  expect_equal(decode_e820_ext(payload.bytes(), out).error(), Error::no_room);
}

TEST(the_older_calls_make_two_entries) {
  const MemoryFallback newer = memory_fallback(0x1000, 0x1000);
  expect(newer.source == MemoryFallback::Source::e801);
  expect(newer.low == MapEntry{PhysAddr{0}, Bytes{0x9f000}, MapType::usable});
  expect(newer.high == MapEntry{PhysAddr{0x100000}, Bytes{0x40'0000}, MapType::usable});
  const MemoryFallback older = memory_fallback(0x1000, 0xffff);
  expect(older.source == MemoryFallback::Source::bios_88);
  expect_equal(older.high.size, Bytes{0xffffull << 10});
  expect_equal(memory_fallback(UINT32_MAX, 0).high.size, Bytes{std::uint64_t{UINT32_MAX} << 10});
}

}  // namespace quarry::firmware
