#include "quarry/base/table.hpp"

#include "tests/test.hpp"

namespace quarry {

TEST(table_keeps_order_through_insertions_and_erasures) {
  int storage[4] = {};
  Table<int> table{storage};
  expect(static_cast<bool>(table.push(1)));
  expect(static_cast<bool>(table.push(3)));
  expect(static_cast<bool>(table.insert(1, 2)));
  expect(static_cast<bool>(table.insert(0, table[2])));  // a value out of the table itself
  expect(table[0] == 3 && table[1] == 1 && table[2] == 2 && table[3] == 3);
  table.erase(1);
  expect_equal(table.size(), 3u);
  expect(table[0] == 3 && table[1] == 2 && table[2] == 3);
}

TEST(a_full_table_refuses_and_stays_as_it_was) {
  int storage[1] = {};
  Table<int> table{storage};
  expect(static_cast<bool>(table.push(7)));
  expect_equal(table.push(8).error(), Error::no_room);
  expect_equal(table.insert(0, 9).error(), Error::no_room);
  expect(table.size() == 1 && table[0] == 7);
  expect_equal(Table<int>{}.push(1).error(), Error::no_room);
}

static_assert(Stops<[] { return Table<int>{}[0]; }>);

}  // namespace quarry
