#include "quarry/firmware/atags.hpp"

#include <array>

#include "tests/table_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

constexpr std::uint32_t kCore = 0x54410001, kMem = 0x54410002, kRevision = 0x54410007, kCmdline = 0x54410009,
                        kInitrd2 = 0x54420005;

void fill(TableBuilder& list) noexcept {
  list.u32(5).u32(kCore).u32(1).u32(4096).u32(0);
  list.u32(4).u32(kMem).u32(0x1000'0000).u32(0x8000'0000);
  list.u32(3).u32(0x54410006).u32(7);  // a serial number's first half
  list.u32(4).u32(kMem).u32(0x800'0000).u32(0xc000'0000);
  list.u32(4).u32(kCmdline).text("mem=64M").u8(0);
  list.u32(4).u32(kInitrd2).u32(0x8080'0000).u32(0x10'0000).u32(3).u32(kRevision).u32(0x33);
  list.u32(0).u32(0);
}

}  // namespace

TEST(a_tagged_list_is_read_in_order) {
  TableBuilder list;
  fill(list);
  list.u32(0xffff).u32(kMem);  // after the end
  std::array<AtagMemory, 2> storage;
  Table<AtagMemory> banks{storage};
  const Atags said = Atags::from(list.bytes(), banks).value();
  expect_equal(said.banks, 2u);
  expect_equal(banks[0].base, PhysAddr{0x8000'0000});
  expect_equal(banks[0].size, Bytes{0x1000'0000});
  expect_equal(banks[1].base, PhysAddr{0xc000'0000});
  expect(said.page_size == 4096u && said.command_line == TextView{"mem=64M"} && said.revision == 0x33u);
  expect_equal(said.initrd->base, PhysAddr{0x8080'0000});
  expect_equal(said.initrd->size, Bytes{0x10'0000});
  expect_equal(said.bytes, list.size() - 8);
  expect_equal(Atags::from(list.bytes(), banks).error(), Error::no_room);
  expect_equal(banks.size(), 2u);
}

TEST(a_list_cut_anywhere_is_refused) {
  TableBuilder list;
  fill(list);
  for (std::size_t size = 0; size < list.size(); ++size) {
    std::array<AtagMemory, 2> storage;
    Table<AtagMemory> banks{storage};
    expect_equal(Atags::from(list.bytes().first(size), banks).error(), Error::truncated_table);
    expect(banks.empty());
  }
}

TEST(a_list_that_makes_no_sense_is_refused) {
  const auto error = [](auto&& build) {
    TableBuilder list;
    build(list);
    Table<AtagMemory> none;
    return Atags::from(list.u32(0).u32(0).bytes(), none).error();
  };
  expect_equal(error([](TableBuilder& l) { l.u32(4).u32(kMem).zeros(8); }),
               Error::bad_table);  // no ATAG_CORE first
  expect_equal(error([](TableBuilder& l) { l.u32(0).u32(0); }), Error::bad_table);
  expect_equal(error([](TableBuilder& l) { l.u32(1).u32(kCore); }), Error::bad_table);
  expect_equal(error([](TableBuilder& l) { l.u32(0).u32(kCore); }), Error::bad_table);  // would never move on
  expect_equal(error([](TableBuilder& l) { l.u32(2).u32(kCore).u32(3).u32(kMem).u32(0); }), Error::bad_table);
  expect_equal(error([](TableBuilder& l) { l.u32(2).u32(kCore).u32(2).u32(kRevision); }), Error::bad_table);
  expect_equal(error([](TableBuilder& l) { l.u32(2).u32(kCore).u32(0xffffffff).u32(kCmdline); }),
               Error::truncated_table);
  expect_equal(error([](TableBuilder& l) { l.u32(2).u32(kCore).u32(4).u32(kMem).zeros(8); }), Error::no_room);
}

TEST(a_core_tag_without_a_body_says_nothing) {
  TableBuilder list;
  list.u32(2).u32(kCore).u32(3).u32(kCmdline).text("abcd").u32(0).u32(0);
  Table<AtagMemory> none;
  const Atags said = Atags::from(list.bytes(), none).value();
  expect(!said.page_size && !said.initrd && !said.revision);
  expect(said.command_line == TextView{"abcd"});  // the tag ends before a zero does
  expect_equal(said.banks, 0u);
}

}  // namespace quarry::firmware
