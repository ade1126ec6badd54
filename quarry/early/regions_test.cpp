#include "quarry/early/regions.hpp"

#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

constexpr Region kThree[]{{.base = PhysAddr{10}, .size = Bytes{10}},
                          {.base = PhysAddr{20}, .size = Bytes{5}},
                          {.base = PhysAddr{40}, .size = Bytes{10}}};

TEST(gaps_lie_between_regions_and_at_both_ends) {
  expect(gap_before(kThree, 0) == bytes(0, 10));
  expect(gap_before(kThree, 1) == bytes(20, 20));
  expect(gap_before(kThree, 2) == bytes(25, 40));
  expect(gap_before(kThree, 3) == bytes(50, UINT64_MAX));
  expect(gap_before(Regions{}, 0) == bytes(0, UINT64_MAX));
}

TEST(pieces_are_missing_before_between_and_behind_regions) {
  expect_equal(missing_pieces(kThree, bytes(10, 25)), 0u);
  expect_equal(missing_pieces(kThree, bytes(12, 26)), 1u);
  expect_equal(missing_pieces(kThree, bytes(9, 25)), 1u);
  expect_equal(missing_pieces(kThree, bytes(25, 40)), 1u);
  expect_equal(missing_pieces(kThree, bytes(0, 60)), 3u);
  expect_equal(missing_pieces(kThree, bytes(60, 70)), 1u);
  expect_equal(missing_pieces(kThree, bytes(60, 60)), 0u);
}

TEST(an_address_is_in_one_region_or_in_none) {
  for (std::uint64_t at = 0; at < 60; ++at) {
    const bool is_in = (at >= 10 && at < 25) || (at >= 40 && at < 50);
    const auto found = search(kThree, PhysAddr{at});
    expect_equal(found.has_value(), is_in);
    if (found) expect(kThree[*found].range().contains(PhysAddr{at}));
    expect_equal(overlaps(kThree, bytes(at, at + 1)), is_in);
  }
  expect(!overlaps(kThree, bytes(25, 40)) && overlaps(kThree, bytes(25, 41)));
  expect(!search(kThree, PhysAddr{UINT64_MAX}));
}

}  // namespace
}  // namespace quarry::early
