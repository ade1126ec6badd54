// The comparison itself: what is shown by both, by one, by neither; lists; how boots end; reasons.
#include "linux/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace quarry::lnx {
namespace {

const Quantity* find(const Comparison& comparison, std::string_view name) {
  for (const Quantity& quantity : comparison.quantities)
    if (quantity.name == name) return &quantity;
  return nullptr;
}

Outcomes with_zone(std::uint64_t managed) {
  Outcomes outcomes;
  ZoneOutcome zone;
  zone.name = "DMA";
  zone.start_pfn = 1;
  zone.spanned = 4095;
  zone.present = 3998;
  zone.managed = managed;
  outcomes.zones = std::vector{zone};
  return outcomes;
}

TEST(Compare, a_number_agrees_differs_or_is_unknown) {
  const Comparison same = compare(with_zone(3840), with_zone(3840), {});
  EXPECT_EQ(same.total().differ, 0u);
  EXPECT_EQ(same.total().unknown, 0u);
  ASSERT_NE(find(same, "node 0 DMA managed"), nullptr);
  EXPECT_EQ(find(same, "node 0 DMA managed")->verdict, Verdict::agree);
  EXPECT_EQ(find(same, "node 0 DMA watermarks"), nullptr) << "neither side shows them";

  const Comparison other = compare(with_zone(3841), with_zone(3840), {});
  EXPECT_EQ(other.total().differ, 1u);
  const Quantity* const managed = find(other, "node 0 DMA managed");
  EXPECT_EQ(managed->verdict, Verdict::differ);
  EXPECT_EQ(managed->ours, "3841");
  EXPECT_EQ(managed->theirs, "3840");
  EXPECT_FALSE(managed->reason.empty());

  const Comparison silent = compare(with_zone(3840), {}, {});
  EXPECT_EQ(silent.total().agree, 0u);
  EXPECT_EQ(silent.total().differ, 0u);
  EXPECT_EQ(find(silent, "node 0 DMA managed")->verdict, Verdict::unknown);
}

TEST(Compare, what_only_linux_shows_is_a_difference) {
  Outcomes theirs;
  theirs.log.percpu =
      LoggedPercpu{.pages = 61, .static_bytes = 1, .reserved_bytes = 2, .dynamic_bytes = 3, .unit_bytes = 4};
  const Comparison comparison = compare({}, theirs, {});
  const Quantity* const percpu = find(comparison, "per-CPU layout");
  ASSERT_NE(percpu, nullptr);
  EXPECT_EQ(percpu->verdict, Verdict::differ);
  EXPECT_EQ(percpu->ours, "not modelled");
  EXPECT_NE(percpu->reason.find("not modelled"), std::string::npos);
}

TEST(Compare, a_zone_that_one_side_has_not_differs) {
  Outcomes none;
  none.zones.emplace();
  for (const auto& [ours, theirs] : {std::pair{with_zone(1), none}, std::pair{none, with_zone(1)}}) {
    const Comparison comparison = compare(ours, theirs, {});
    const Quantity* const present = find(comparison, "node 0 DMA present");
    ASSERT_NE(present, nullptr);
    EXPECT_EQ(present->verdict, Verdict::differ);
  }
}

TEST(Compare, lists_show_the_lines_that_the_other_has_not) {
  const auto with = [](const std::vector<std::uint64_t>& begins) {
    Outcomes outcomes;
    outcomes.log.node_ranges.clear();
    for (const std::uint64_t begin : begins)
      outcomes.log.node_ranges.push_back({0, PhysRange::sized(PhysAddr{begin}, Bytes{0x1000})});
    return outcomes;
  };
  const Comparison comparison = compare(with({0, 0x10000}), with({0, 0x20000}), {});
  const Quantity* const ranges = find(comparison, "early memory node ranges");
  EXPECT_EQ(ranges->ours, "0 0x10000-0x10fff");
  EXPECT_EQ(ranges->theirs, "0 0x20000-0x20fff");
  const Comparison swapped = compare(with({0, 0x10000}), with({0x10000, 0}), {});
  EXPECT_EQ(find(swapped, "early memory node ranges")->verdict, Verdict::differ) << "the order counts";
  EXPECT_NE(find(swapped, "early memory node ranges")->ours, "none");
}

TEST(Compare, an_update_that_was_printed_is_held_against_the_map_in_the_end) {
  Outcomes ours, theirs;
  const PhysRange first = PhysRange::sized(PhysAddr{0}, Bytes{0x1000});
  ours.log.maps = {
      {kFinalMap, {{first, "reserved"}, {PhysRange::sized(PhysAddr{0x1000}, Bytes{0x1000}), "usable"}}}};
  theirs.log.map_changes = {{first, "usable", "reserved"},
                            {PhysRange::sized(PhysAddr{0x1800}, Bytes{0x100}), "usable", {}}};
  const Comparison comparison = compare(ours, theirs, {});
  EXPECT_EQ(comparison.total().agree, 1u);
  EXPECT_EQ(comparison.total().differ, 1u);
  EXPECT_EQ(find(comparison, "0x1800-0x18ff usable removed")->ours, "still usable");
}

TEST(Compare, two_boots_that_stop_end_alike) {
  Outcomes died;
  died.log.panicked = true;
  EXPECT_EQ(compare({}, died, {.failure = "no room"}).total().differ, 0u);
  EXPECT_EQ(compare({}, died, {}).total().differ, 1u) << "ours lived";
  Outcomes lived;
  lived.log.managed_kib = 1;
  const Comparison ours_died = compare({}, lived, {.failure = "no room"});
  EXPECT_EQ(find(ours_died, "the page allocator")->reason, "no room");
}

TEST(Compare, quantities_stand_by_kind_and_one_kind_can_be_kept) {
  Comparison comparison = compare(with_zone(1), with_zone(2), {});
  const auto kinds = comparison.kinds();
  std::vector<std::string> names;
  for (const auto& [name, counts] : kinds) {
    EXPECT_TRUE(is_quantity_kind(name)) << name;
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    names.push_back(name);
  }
  comparison.keep_only("managed");
  EXPECT_EQ(comparison.quantities.size(), 1u);
  EXPECT_FALSE(is_quantity_kind("weather"));
}

}  // namespace
}  // namespace quarry::lnx
