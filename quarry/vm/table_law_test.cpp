#include "quarry/vm/format_x86_64.hpp"
#include "quarry/vm/table_machine_test.hpp"

namespace quarry::vm {
namespace {

constinit TestFrames memory{};

using Tree = PageTable<X86<4>, TestMap>;

// A page and a gigabyte, then one word that somebody wrote over.
//
//   root [0] --> gigabytes [0] --> 2 MiB [0] --> pages [3] --> a page
//                          [1] --> a gigabyte
struct Damaged {
  TestMachine machine{memory};
  Tree tree = Tree::make(machine.map(), machine.pages(), {}, {.phys_bits = 40}).value();
  std::uint64_t* tables[4] = {};  // the root first

  Damaged() {
    expect(bool{tree.map(VirtAddr{3 * kPage}, phys(0x1234000, kPage), {})});
    expect(bool{tree.map(VirtAddr{kGigabyte}, phys(kGigabyte, kGigabyte), {})});
    PhysAddr at = tree.root();
    for (auto& table : tables) {
      table = memory.entries_at(at);
      at = X86<4>::address_in(table[0], 1);
    }
    expect_equal(tree.audit().broken, TableLaw::holds);
  }
  void expect_found(TableLaw law, std::uint64_t offset) {
    const TableFinding finding = tree.audit();
    expect_equal(finding.broken, law);
    expect_equal(finding.offset, offset);
  }
};

TEST(an_absent_entry_that_holds_something_is_found) {
  Damaged world;
  world.tables[3][5] = 0x7000;
  world.expect_found(TableLaw::absent_is_zero, 5 * kPage);
}

// Goal: a window that is shut is absent and not zero, which only an entry for pages may be.
TEST(a_shut_window_is_no_page_and_only_a_page_is_one) {
  Damaged world;
  world.tables[3][5] = 2;
  world.expect_found(TableLaw::holds, 0);
  world.tables[2][5] = 2;
  world.expect_found(TableLaw::absent_is_zero, 5 * kTwoMegabytes);
}

TEST(a_page_larger_than_there_are_is_found) {
  Damaged world;
  world.tables[0][1] = X86<4>::leaf_at(PhysAddr{0}, 3, {});
  world.expect_found(TableLaw::leaf_is_allowed, std::uint64_t{1} << 39);
}

TEST(a_misaligned_page_and_one_beyond_memory_are_found) {
  Damaged world;
  world.tables[1][1] = X86<4>::leaf_at(PhysAddr{kTwoMegabytes}, 2, {});
  world.expect_found(TableLaw::leaf_is_aligned, kGigabyte);
  world.tables[1][1] = X86<4>::leaf_at(PhysAddr{std::uint64_t{1} << 40}, 2, {});
  world.expect_found(TableLaw::leaf_is_aligned, kGigabyte);
}

TEST(a_bit_that_nobody_wrote_is_found) {
  Damaged world;
  world.tables[3][3] |= 1u << 9;
  world.expect_found(TableLaw::leaf_is_as_written, 3 * kPage);
  world.tables[3][3] &= ~(std::uint64_t{1} << 9);
  world.expect_found(TableLaw::holds, 0);
  world.tables[2][0] |= 1u << 9;
  world.expect_found(TableLaw::table_is_as_written, 0);
}

TEST(a_table_that_is_nowhere_is_found) {
  Damaged world;
  world.tables[1][2] = X86<4>::table_at(PhysAddr{0x5000});
  world.expect_found(TableLaw::table_is_mapped, 2 * kGigabyte);
}

TEST(an_empty_table_is_found) {
  Damaged world;
  world.tables[3][3] = 0;
  world.expect_found(TableLaw::no_table_is_empty, 0);
}

TEST(a_table_that_two_entries_lead_to_is_found) {
  Damaged world;
  world.tables[1][2] = world.tables[1][0];
  world.expect_found(TableLaw::tables_are_counted, 0);
}

TEST(every_law_has_words) {
  for (unsigned law = 0; law <= static_cast<unsigned>(TableLaw::tables_are_counted); ++law)
    expect(name_of(static_cast<TableLaw>(law)) != TextView{"unknown law"});
  expect(name_of(static_cast<TableLaw>(99)) == TextView{"unknown law"});
}

}  // namespace
}  // namespace quarry::vm
