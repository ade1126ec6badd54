#include "quarry/firmware/iort.hpp"

#include "tests/table_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

using test::TableBuilder;

// A table of nodes that begin at byte 48.
TableBuilder& open_table(TableBuilder& table, std::uint32_t nodes) {
  return table.acpi("IORT", 3).u32(nodes).u32(48).u32(0);
}
TableBuilder& add_node(TableBuilder& table, unsigned type, unsigned revision, std::size_t to_width,
                       unsigned width) {
  const unsigned length = static_cast<unsigned>(16 + to_width + 4);
  table.u8(type).u16(length).u8(revision).u32(0).u32(0).u32(0).zeros(to_width);
  return table.u8(width).zeros(3);
}

}  // namespace

TEST(the_narrowest_component_or_root_complex_decides) {
  TableBuilder table;
  open_table(table, 4);
  add_node(table, 1, 2, 12, 40);
  add_node(table, 2, 1, 16, 32);
  add_node(table, 2, 0, 16, 24);  // of revision 0: its width is not there yet
  add_node(table, 0, 1, 16, 20);  // an interrupt translator
  expect_equal(lowest_iort_limit(table.finish_acpi()).value(), PhysAddr{0xffff'ffff});
}

TEST(widths_of_zero_and_of_64_bits_limit_nothing) {
  TableBuilder table;
  open_table(table, 2);
  add_node(table, 1, 2, 12, 0);
  add_node(table, 2, 3, 16, 64);
  expect_equal(lowest_iort_limit(table.finish_acpi()).value(), PhysAddr{UINT64_MAX});
}

TEST(a_node_outside_the_table_or_too_short_is_refused) {
  TableBuilder outside;
  open_table(outside, 2);
  add_node(outside, 1, 2, 12, 40);
  expect_equal(lowest_iort_limit(outside.finish_acpi()).error(), Error::bad_table);
  TableBuilder shorter;
  open_table(shorter, 1).u8(1).u16(20).u8(2).zeros(12).u32(0);
  expect_equal(lowest_iort_limit(shorter.finish_acpi()).error(), Error::bad_table);
  TableBuilder empty;
  empty.acpi("IORT", 3).u32(0);
  expect_equal(lowest_iort_limit(empty.finish_acpi()).error(), Error::bad_table);
  TableBuilder other;
  other.acpi("SRAT", 3).zeros(12);
  expect_equal(lowest_iort_limit(other.finish_acpi()).error(), Error::bad_table);
}

}  // namespace quarry::firmware
