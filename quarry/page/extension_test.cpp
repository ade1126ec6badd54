#include "quarry/page/extension.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/page/test_source.hpp"
#include "tests/test.hpp"

namespace quarry::page {

namespace {

// Two stretches of memory with a hole between them.
template <Geometry G>
struct Place {
  static constexpr std::uint64_t kUnit = std::uint64_t{1}
                                         << (G.is_flat() ? G.max_order_ : G.section_bits_ - G.page_shift_);
  Place() {
    nodes[0].span = {Pfn{kUnit}, Pfn{2 * kUnit}};
    nodes[1].span = {Pfn{3 * kUnit}, Pfn{4 * kUnit}};
    nodes[1].id = NodeId{1};
    ranges[0] = {NodeId{0}, nodes[0].span};
    ranges[1] = {NodeId{1}, nodes[1].span};
    layout.nodes = nodes;
    layout.node_ranges = ranges;
    expect(static_cast<bool>(map.init(layout, source.keeping())));
  }
  zones::Node nodes[2] = {};
  zones::NodeRange ranges[2] = {};
  zones::Layout layout{};
  TestSource source;
  MemoryMap<G> map;
  Extension room[3];
  Extensions<MemoryMap<G>> extensions{room};
};

bool no(void* self) noexcept {
  ++*static_cast<unsigned*>(self);
  return false;
}

}  // namespace

#define TEST_ON_MAPS(name)                    \
  template <::quarry::Geometry G>             \
  static void name();                         \
  TEST(name##_sparse) { name<k16KSparse>(); } \
  TEST(name##_flat) { name<k4KFlat>(); }      \
  template <::quarry::Geometry G>             \
  static void name()

TEST_ON_MAPS(every_page_has_bytes_of_its_own) {
  using P = Place<G>;
  P place;
  auto& extensions = place.extensions;
  unsigned asked = 0;
  const auto flags = extensions.add({.name = "flags", .size = Bytes{1}, .alignment = Bytes{1}}).value();
  const auto off = extensions.add({.name = "off", .size = Bytes{64}, .self = &asked, .need = &no}).value();
  const auto word = extensions.add({.name = "word", .size = Bytes{4}, .alignment = Bytes{4}}).value();
  expect(extensions.find(flags, Pfn{P::kUnit}) == nullptr);  // not started
  const std::uint64_t before = place.source.held;
  expect(static_cast<bool>(extensions.start(place.layout, place.map, place.source.keeping())));
  expect_equal(asked, 1u);
  expect(extensions.is_needed(word) && !extensions.is_needed(off));
  expect_equal(extensions.bytes_per_page().raw, 8u);
  expect_equal(place.source.held - before, 2 * P::kUnit * 8);
  const std::uint64_t pages[] = {P::kUnit, P::kUnit + 1, 2 * P::kUnit - 1, 3 * P::kUnit, 4 * P::kUnit - 1};
  for (const std::uint64_t page : pages) {
    expect_equal(*extensions.template of<std::uint32_t>(word, Pfn{page}), 0u);
    *extensions.template of<std::uint32_t>(word, Pfn{page}) = static_cast<std::uint32_t>(page);
    *extensions.find(flags, Pfn{page}) = std::byte{1};
  }
  for (const std::uint64_t page : pages)
    expect_equal(*extensions.template of<std::uint32_t>(word, Pfn{page}), static_cast<std::uint32_t>(page));
  expect_equal(*extensions.template of<std::uint32_t>(word, Pfn{P::kUnit + 2}), 0u);
  expect(extensions.find(off, Pfn{P::kUnit}) == nullptr);
  for (const std::uint64_t page : {P::kUnit - 1, 2 * P::kUnit, 4 * P::kUnit})
    expect(extensions.find(word, Pfn{page}) == nullptr);
}

TEST_ON_MAPS(who_needs_nothing_takes_nothing) {
  Place<G> place;
  unsigned asked = 0;
  expect(static_cast<bool>(
      place.extensions.add({.name = "off", .size = Bytes{8}, .self = &asked, .need = &no})));
  place.source.room = place.source.held;
  expect(static_cast<bool>(place.extensions.start(place.layout, place.map, place.source.keeping())));
  expect_equal(place.extensions.bytes_per_page().raw, 0u);
}

TEST_ON_MAPS(an_extension_that_makes_no_sense_is_refused) {
  Place<G> place;
  auto& extensions = place.extensions;
  expect(extensions.add({.name = "nothing", .size = Bytes{0}}).error() == Error::bad_argument);
  expect(extensions.add({.name = "odd", .size = Bytes{3}, .alignment = Bytes{3}}).error() ==
         Error::bad_argument);
  expect(extensions.add({.name = "none", .size = Bytes{3}, .alignment = Bytes{0}}).error() ==
         Error::bad_argument);
  for (unsigned i = 0; i < 3; ++i)
    expect(static_cast<bool>(extensions.add({.name = "fits", .size = Bytes{8}})));
  expect(extensions.add({.name = "too many", .size = Bytes{8}}).error() == Error::no_room);
  expect_equal(extensions.view().size(), 3u);
  place.source.room = place.source.held + 8;
  expect(extensions.start(place.layout, place.map, place.source.keeping()).error() == Error::no_memory);
}

TEST(page_extensions_come_and_go_with_their_section) {
  using P = Place<k16KSparse>;
  const PfnRange section{Pfn{5 * P::kUnit}, Pfn{6 * P::kUnit}};
  for (unsigned how = 0; how < 2; ++how) {
    P place;
    const auto source = how == 0 ? place.source.keeping() : place.source.taking_back();
    const auto id = place.extensions.add({.name = "word", .size = Bytes{8}}).value();
    expect(static_cast<bool>(place.extensions.start(place.layout, place.map, source)));
    std::uint64_t held = 0;
    for (unsigned round = 0; round < 3; ++round) {
      expect(static_cast<bool>(place.map.add_sections(section, NodeId{1}, source)));
      expect(place.extensions.find(id, section.begin()) == nullptr || how == 0);
      expect(static_cast<bool>(place.extensions.add_sections(section, source)));
      std::uint64_t* const word = place.extensions.of<std::uint64_t>(id, section.begin());
      expect(word != nullptr && *word == 0);
      *word = 42;
      if (round == 0) held = place.source.held;
      expect_equal(place.source.held, held);
      place.extensions.remove_sections(section, source);
      expect(static_cast<bool>(place.map.remove_sections(section, source)));
      expect(place.extensions.find(id, section.begin()) == nullptr);
    }
    expect(!place.source.is_wrong);
    expect(place.extensions.find(id, Pfn{P::kUnit}) != nullptr);
  }
}

}  // namespace quarry::page
