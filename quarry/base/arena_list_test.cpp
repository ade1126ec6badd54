#include "quarry/base/arena_list.hpp"

#include "tests/test.hpp"

namespace quarry {
namespace {

TEST(a_list_keeps_its_elements_in_order_and_in_place) {
  std::byte bytes[256];
  Arena arena{bytes};
  ArenaList<int> list;
  expect(list.empty() && list.begin() == list.end());
  int* const first = list.push(arena, 1).value();
  expect(static_cast<bool>(list.push(arena, 2)));
  *first = 5;
  int sum = 0;
  for (const int value : list) sum = sum * 10 + value;
  expect_equal(sum, 52);
  expect_equal(list.size(), std::size_t{2});
}

TEST(a_list_in_a_full_arena_stays_as_it_is) {
  std::byte bytes[48];
  Arena arena{bytes};
  ArenaList<std::uint64_t> list;
  while (static_cast<bool>(list.push(arena, 7))) {
  }
  const std::size_t size = list.size();
  expect(size != 0);
  expect_equal(list.push(arena, 8).error(), Error::no_room);
  expect_equal(list.size(), size);
}

}  // namespace
}  // namespace quarry
