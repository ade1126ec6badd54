#include "quarry/zones/hotplug.hpp"

#include "tests/test.hpp"

namespace quarry::zones {

namespace {

constexpr std::uint32_t kNormal = static_cast<std::uint32_t>(ZoneType::normal);
constexpr std::uint32_t kMovable = static_cast<std::uint32_t>(ZoneType::movable);

// Two nodes; the second one is empty.
struct Place {
  Place() {
    for (unsigned i = 0; i < 2 * kZoneTypes; ++i) {
      zones[i].type = static_cast<ZoneType>(i < kZoneTypes ? i : i - kZoneTypes);
      zones[i].node = i < kZoneTypes ? NodeId{0} : NodeId{1};
    }
    nodes[1].id = NodeId{1};
    nodes[1].first_zone = kZoneTypes;
    layout.nodes = nodes;
    layout.zones = zones;
    grow(layout, kNormal, {Pfn{100}, Pfn{200}});
  }
  Node nodes[2] = {};
  Zone zones[2 * kZoneTypes] = {};
  Layout layout{};
};

}  // namespace

TEST(a_zone_and_its_node_grow_both_ways) {
  Place place;
  const Zone& zone = place.zones[kNormal];
  expect(zone.span() == PfnRange{Pfn{100}, Pfn{200}});
  grow(place.layout, kNormal, {Pfn{300}, Pfn{400}});
  grow(place.layout, kNormal, {Pfn{10}, Pfn{20}});
  expect(zone.span() == PfnRange{Pfn{10}, Pfn{400}});
  expect_equal(zone.present.raw, 210u);
  expect(place.nodes[0].span == zone.span());
  expect_equal(place.nodes[0].present.raw, 210u);
  expect(place.nodes[1].span.empty() && zone.managed.raw == 0);
}

TEST(a_node_spans_what_its_zones_do) {
  Place place;
  grow(place.layout, kMovable, {Pfn{50}, Pfn{250}});
  expect(place.nodes[0].span == PfnRange{Pfn{50}, Pfn{250}});
  shrink(place.layout, kMovable, {Pfn{50}, Pfn{150}}, {Pfn{150}, Pfn{250}});
  expect(place.nodes[0].span == PfnRange{Pfn{100}, Pfn{250}});
  expect_equal(place.nodes[0].present.raw, 200u);
  shrink(place.layout, kMovable, {Pfn{150}, Pfn{250}}, {});
  expect(place.zones[kMovable].start == Pfn{} && place.zones[kMovable].spanned.raw == 0);
  expect(place.nodes[0].span == PfnRange{Pfn{100}, Pfn{200}});
}

TEST(an_empty_node_gets_memory_and_loses_it) {
  Place place;
  grow(place.layout, kZoneTypes + kMovable, {Pfn{1000}, Pfn{1100}});
  expect(place.nodes[1].span == PfnRange{Pfn{1000}, Pfn{1100}});
  expect_equal(place.nodes[0].present.raw, 100u);
  shrink(place.layout, kZoneTypes + kMovable, {Pfn{1000}, Pfn{1100}}, {});
  expect(place.nodes[1].span.empty() && place.nodes[1].present.raw == 0);
}

TEST(the_zone_around_new_memory_gets_it) {
  Place place;
  const auto zone = [&](std::uint64_t page, OnlineTo to) {
    return zone_for(place.layout, place.nodes[0], {Pfn{page}, Pfn{page + 10}}, to);
  };
  grow(place.layout, 1, {Pfn{0}, Pfn{50}});  // DMA32
  grow(place.layout, kMovable, {Pfn{190}, Pfn{500}});
  expect_equal(zone(20, OnlineTo::either), 1u);
  expect_equal(zone(20, OnlineTo::kernel), 1u);
  expect_equal(zone(20, OnlineTo::movable), kMovable);
  expect_equal(zone(60, OnlineTo::either), kNormal);  // between zones
  expect_equal(zone(150, OnlineTo::either), kNormal);
  expect_equal(zone(195, OnlineTo::either), kNormal);  // both span it
  expect_equal(zone(300, OnlineTo::either), kMovable);
  expect_equal(zone(300, OnlineTo::kernel), kNormal);
  expect_equal(zone(900, OnlineTo::either), kNormal);
}

}  // namespace quarry::zones
