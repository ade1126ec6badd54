#include "quarry/base/geometries.hpp"
#include "quarry/page/memory_map.hpp"
#include "quarry/page/test_source.hpp"
#include "tests/geometry_tests.hpp"

namespace quarry::page {

namespace {

// One node whose memory is section 1.
template <Geometry G>
struct Place {
  using Map = MemoryMap<G>;
  static constexpr std::uint64_t kSection = Map::kSectionPages;

  Place() {
    range.span = node.span = sections(1, 2);
    layout.nodes = {&node, 1};
    layout.node_ranges = {&range, 1};
    expect(static_cast<bool>(map.init(layout, source.keeping())));
  }
  static PfnRange sections(std::uint64_t begin, std::uint64_t end) {
    return {Pfn{begin * kSection}, Pfn{end * kSection}};
  }

  zones::Node node{};
  zones::NodeRange range{};
  zones::Layout layout{};
  TestSource source;
  Map map;
};

}  // namespace

TEST_ON_SPARSE(sections_come_and_go) {
  using P = Place<G>;
  P place;
  const auto source = place.source.keeping();
  expect(static_cast<bool>(place.map.add_sections(P::sections(3, 5), NodeId{0}, source)));
  for (const std::uint64_t page : {3 * P::kSection, 5 * P::kSection - 1}) {
    Descriptor* const found = place.map.find(Pfn{page});
    expect(found != nullptr && *found == Descriptor{});
    expect_equal(place.map.pfn_of(*found), Pfn{page});
    expect(!place.map.is_online(Pfn{page}));
    expect(!place.map.zone_of_section(Pfn{page}));
  }
  expect(place.map.find(Pfn{3 * P::kSection - 1}) == nullptr);
  expect(place.map.find(Pfn{5 * P::kSection}) == nullptr);
  expect(place.map.is_online(Pfn{P::kSection}));  // there since the beginning
  place.map.set_online(Pfn{3 * P::kSection}, 7);
  expect_equal(place.map.zone_of_section(Pfn{3 * P::kSection + 1}).value(), 7u);
  expect(place.map.remove_sections(P::sections(3, 5), source).error() == Error::busy);
  expect(place.map.find(Pfn{4 * P::kSection}) != nullptr);
  place.map.set_offline(Pfn{3 * P::kSection});
  expect(static_cast<bool>(place.map.remove_sections(P::sections(3, 5), source)));
  expect(place.map.find(Pfn{3 * P::kSection}) == nullptr);
  expect(!place.map.is_online(Pfn{3 * P::kSection}));
  expect_equal(place.map.next_present(Pfn{2 * P::kSection}, Pfn{9 * P::kSection}), Pfn{9 * P::kSection});
}

TEST_ON_SPARSE(what_makes_no_sense_is_refused) {
  using P = Place<G>;
  P place;
  const auto source = place.source.keeping();
  const std::uint64_t held = place.source.held;
  expect(place.map.add_sections({}, NodeId{0}, source).error() == Error::bad_argument);
  expect(place.map.add_sections({Pfn{1}, Pfn{P::kSection}}, NodeId{0}, source).error() ==
         Error::bad_argument);
  expect(place.map.add_sections(P::sections(0, 2), NodeId{0}, source).error() == Error::busy);
  expect(place.map.remove_sections(P::sections(0, 2), source).error() == Error::bad_argument);
  expect(place.map.remove_sections({Pfn{P::kSection}, Pfn{2 * P::kSection - 1}}, source).error() ==
         Error::bad_argument);
  expect(place.map.remove_sections(P::sections(1, 2), source).error() == Error::busy);
  expect(place.map.find(Pfn{0}) == nullptr && place.source.held == held);
}

// What a section was described with goes back, as it was taken; what was there since the beginning is kept.
TEST_ON_SPARSE(a_source_that_takes_back_gets_everything_back) {
  using P = Place<G>;
  P place;
  const auto source = place.source.taking_back();
  expect(static_cast<bool>(place.map.add_sections(P::sections(2, 5), NodeId{0}, source)));
  expect(static_cast<bool>(place.map.remove_sections(P::sections(2, 5), source)));
  const std::uint64_t held = place.source.held, metadata = place.map.metadata().raw;
  for (unsigned round = 0; round < 3; ++round) {
    expect(static_cast<bool>(place.map.add_sections(P::sections(2, 5), NodeId{0}, source)));
    expect_equal(place.source.held, held + 3 * P::kSection * sizeof(Descriptor));
    expect(*place.map.find(Pfn{3 * P::kSection}) == Descriptor{});
    expect(static_cast<bool>(place.map.remove_sections(P::sections(3, 4), source)));
    expect(place.map.find(Pfn{2 * P::kSection}) != nullptr &&
           place.map.find(Pfn{3 * P::kSection}) == nullptr);
    expect(static_cast<bool>(place.map.remove_sections(P::sections(2, 3), source)));
    expect(static_cast<bool>(place.map.remove_sections(P::sections(4, 5), source)));
    expect_equal(place.source.held, held);
    expect_equal(place.map.metadata().raw, metadata);
  }
  place.map.set_offline(Pfn{P::kSection});
  expect(static_cast<bool>(place.map.remove_sections(P::sections(1, 2), source)));
  expect_equal(place.source.held, held);
  expect(static_cast<bool>(place.map.add_sections(P::sections(1, 2), NodeId{0}, source)));
  expect_equal(place.source.held, held);
  expect(place.map.find(Pfn{P::kSection}) != nullptr);
  expect(!place.source.is_wrong);
}

// A section's pageblocks are movable when it comes again, whatever they were.
TEST_ON_SPARSE(a_section_comes_again_as_if_it_were_new) {
  using P = Place<G>;
  P place;
  const auto source = place.source.keeping();
  const Pfn page{2 * P::kSection};
  expect(static_cast<bool>(place.map.add_sections(P::sections(2, 3), NodeId{0}, source)));
  place.map.set_pageblock_type(page, MigrateType::reclaimable);
  place.map.set_pageblock_type(page, MigrateType::isolate);
  expect_equal(place.map.pageblock_type(page), MigrateType::isolate);
  expect_equal(place.map.type_beneath_isolation(page), MigrateType::reclaimable);
  const std::uint64_t held = place.source.held;
  expect(static_cast<bool>(place.map.remove_sections(P::sections(2, 3), source)));
  expect(static_cast<bool>(place.map.add_sections(P::sections(2, 3), NodeId{3}, source)));
  expect_equal(place.source.held, held);
  expect_equal(place.map.pageblock_type(page), MigrateType::movable);
  expect_equal(place.map.node_of(page), NodeId{3});
}

// Far away: the table of roots grows, and what is there already stays.
TEST_ON_SPARSE(a_section_beyond_the_tables_makes_them_grow) {
  using P = Place<G>;
  for (unsigned how = 0; how < 2; ++how) {
    P place;
    const auto source = how == 0 ? place.source.keeping() : place.source.taking_back();
    Descriptor* const before = place.map.find(Pfn{P::kSection});
    const std::uint64_t far = 5000;
    expect(static_cast<bool>(place.map.add_sections(P::sections(far, far + 1), NodeId{0}, source)));
    expect(place.map.find(Pfn{P::kSection}) == before);
    expect(place.map.find(Pfn{far * P::kSection}) != nullptr);
    expect(place.map.find(Pfn{(far + 300) * P::kSection}) == nullptr);
    expect_equal(place.map.next_present(Pfn{2 * P::kSection}, Pfn{UINT64_MAX}), Pfn{far * P::kSection});
    expect(!place.source.is_wrong);
  }
}

// The source fails at every step in turn: nothing is there that was not there before, and the next try works.
TEST_ON_SPARSE(a_source_that_fails_leaves_no_section) {
  using P = Place<G>;
  std::uint64_t fails = 0;
  for (std::uint64_t room = 0;; room += 16 * P::kSection >> 1) {
    P place;
    const auto source = place.source.taking_back();
    place.source.room = place.source.held + room;
    const auto added = place.map.add_sections(P::sections(300, 303), NodeId{0}, source);
    for (std::uint64_t section = 300; section < 303; ++section)
      expect((place.map.find(Pfn{section * P::kSection}) != nullptr) == static_cast<bool>(added));
    if (added) break;
    expect(added.error() == Error::no_memory && !place.source.is_wrong);
    place.source.room = TestSource::kMemory;
    expect(static_cast<bool>(place.map.add_sections(P::sections(300, 303), NodeId{0}, source)));
    ++fails;
  }
  expect(fails > 3);
}

}  // namespace quarry::page
