#include "quarry/buddy/fragmentation.hpp"

#include "tests/test.hpp"

namespace quarry::buddy {

TEST(the_indices_tell_lack_of_memory_from_pieces) {
  ZoneStats nothing;
  expect_equal(fragmentation_index(nothing, Order{4}), std::int64_t{0});
  expect_equal(unusable_index(nothing, Order{0}), std::uint64_t{1000});
  ZoneStats pieces;
  pieces.free_blocks[0][1] = 1000;
  expect_equal(fragmentation_index(pieces, Order{1}), std::int64_t{1000 - (1000 + 500000) / 1000});
  // 1000 pages would be 62.5 blocks of order 4.
  expect_equal(fragmentation_index(pieces, Order{4}), std::int64_t{1000 - (1000 + 62500) / 1000});
  expect(fragmentation_index(pieces, Order{9}) > 990);
  expect_equal(fragmentation_index(pieces, Order{0}), std::int64_t{-1000});
  expect_equal(unusable_index(pieces, Order{0}), std::uint64_t{0});
  expect_equal(unusable_index(pieces, Order{1}), std::uint64_t{1000});
  ZoneStats little;
  little.free_blocks[2][0] = 1;
  expect(fragmentation_index(little, Order{10}) < 0);  // one block: it is not in pieces, it is small
  expect_equal(fragmentation_index(little, Order{2}), std::int64_t{-1000});
  expect_equal(unusable_index(little, Order{2}), std::uint64_t{0});
}

}  // namespace quarry::buddy
