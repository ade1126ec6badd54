#include "quarry/page/memory_map.hpp"

#include "quarry/base/geometries.hpp"
#include "tests/test.hpp"

namespace quarry::page {

// Two nodes: RAM from the second section on, a hole of whole roots, and a section that both nodes share.
template <Geometry G>
struct Place {
  static constexpr std::uint64_t kUnit = std::uint64_t{1}
                                         << (G.is_flat() ? G.max_order_ : G.section_bits_ - G.page_shift_);
  static constexpr std::uint64_t kFar = G.is_flat() ? 8 : 1000;

  Place() noexcept {
    for (std::byte& byte : memory) byte = std::byte{0};
    nodes[0].id = NodeId{0}, nodes[0].span = {Pfn{kUnit}, Pfn{2 * kUnit + 3}};
    nodes[1].id = NodeId{7}, nodes[1].span = {Pfn{2 * kUnit + 3}, Pfn{kFar * kUnit + 1}};
    ranges[0] = {NodeId{0}, nodes[0].span};
    ranges[1] = {NodeId{7}, {Pfn{2 * kUnit + 3}, Pfn{3 * kUnit}}};
    ranges[2] = {NodeId{7}, {Pfn{kFar * kUnit}, nodes[1].span.end()}};
    layout.nodes = nodes;
    layout.node_ranges = ranges;
  }
  MetadataSource source() noexcept {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId) noexcept -> Result<std::byte*> {
              auto& place = *static_cast<Place*>(self);
              const std::uint64_t at = align_down(place.used + alignment.raw - 1, alignment.raw);
              if (at > place.room || place.room - at < size.raw) return Error::no_memory;
              place.used = at + size.raw;
              return memory + static_cast<std::size_t>(at);
            }};
  }

  alignas(16) inline static std::byte memory[std::size_t{3} << 20];
  zones::Node nodes[2];
  zones::NodeRange ranges[3];
  zones::Layout layout{};
  std::uint64_t used = 0, room = sizeof(memory);
  MemoryMap<G> map;
};

template <Geometry G>
void finds_what_is_there_and_nothing_else() {
  using P = Place<G>;
  P place;
  expect(static_cast<bool>(place.map.init(place.layout, place.source())));
  const std::uint64_t present[] = {P::kUnit, 2 * P::kUnit - 1, 2 * P::kUnit + 3, 3 * P::kUnit - 1,
                                   P::kFar * P::kUnit};
  for (const std::uint64_t page : present) {
    Descriptor* const found = place.map.find(Pfn{page});
    expect(found != nullptr);
    expect_equal(place.map.pfn_of(*found), Pfn{page});
    expect(*found == Descriptor{});
    expect_equal(place.map.pageblock_type(Pfn{page}), MigrateType::movable);
  }
  expect(place.map.find(Pfn{0}) == nullptr);
  expect(place.map.find(Pfn{P::kUnit - 1}) == nullptr);
  expect(place.map.find(Pfn{(P::kFar + 1) * P::kUnit}) == nullptr);
  expect(place.map.find(Pfn{UINT64_MAX}) == nullptr);
  expect(place.map.find(Pfn{P::kUnit}) + 1 == place.map.find(Pfn{P::kUnit + 1}));
  expect_equal(place.map.node_of(Pfn{P::kUnit}), NodeId{0});
  expect_equal(place.map.node_of(Pfn{2 * P::kUnit + 5}), NodeId{0});  // the first node of a shared section
  expect_equal(place.map.node_of(Pfn{P::kFar * P::kUnit}), NodeId{7});
  expect_equal(place.map.next_present(Pfn{0}, Pfn{UINT64_MAX}), Pfn{P::kUnit});
  expect_equal(place.map.next_present(Pfn{0}, Pfn{5}), Pfn{5});
  expect_equal(place.map.next_present(Pfn{P::kFar * P::kUnit}, Pfn{UINT64_MAX}), Pfn{P::kFar * P::kUnit});
  expect_equal(place.map.metadata().raw <= place.used, true);
}
TEST(sparse_map_finds_what_is_there_and_nothing_else) { finds_what_is_there_and_nothing_else<k4KSparse>(); }
TEST(sparse_map_of_large_pages_finds_what_is_there) { finds_what_is_there_and_nothing_else<k64KSparse>(); }
TEST(flat_map_finds_what_is_there_and_nothing_else) { finds_what_is_there_and_nothing_else<k4KFlat>(); }
TEST(flat_map_with_huge_pages_finds_what_is_there) { finds_what_is_there_and_nothing_else<k4KFlatHuge>(); }

TEST(sparse_map_has_no_descriptors_in_holes) {
  Place<k4KSparse> place;
  expect(static_cast<bool>(place.map.init(place.layout, place.source())));
  expect(place.map.find(Pfn{3 * place.kUnit}) == nullptr);
  expect(place.map.find(Pfn{999 * place.kUnit}) == nullptr);
  expect(!place.map.is_online(Pfn{999 * place.kUnit}));
  expect(place.map.is_online(Pfn{1000 * place.kUnit}));
  expect_equal(place.map.next_present(Pfn{3 * place.kUnit}, Pfn{UINT64_MAX}), Pfn{1000 * place.kUnit});
}

TEST(flat_map_has_descriptors_in_holes) {
  Place<k4KFlat> place;
  expect(static_cast<bool>(place.map.init(place.layout, place.source())));
  expect(place.map.find(Pfn{5 * place.kUnit}) != nullptr);
}

TEST(memory_map_keeps_a_type_for_each_pageblock) {
  Place<k4KSparse> place;
  expect(static_cast<bool>(place.map.init(place.layout, place.source())));
  place.map.set_pageblock_type(Pfn{place.kUnit + 512}, MigrateType::cma);
  expect_equal(place.map.pageblock_type(Pfn{place.kUnit + 511}), MigrateType::movable);
  expect_equal(place.map.pageblock_type(Pfn{place.kUnit + 1023}), MigrateType::cma);
  expect_equal(place.map.pageblock_type(Pfn{place.kUnit + 1024}), MigrateType::movable);
}

TEST(sparse_map_marks_deferred_sections) {
  Place<k4KSparse> place;
  expect(static_cast<bool>(place.map.init(place.layout, place.source())));
  const Pfn far{1000 * place.kUnit};
  expect(!place.map.is_deferred(far) && place.map.is_untouched(far));
  place.map.set_deferred(far, 3);
  expect(place.map.is_deferred(far + PageCount{5}));
  expect(!place.map.is_deferred(Pfn{place.kUnit}));
  expect_equal(place.map.zone_of_deferred(far), 3u);
  expect_equal(place.map.next_deferred({Pfn{place.kUnit}, far + PageCount{place.kUnit}}), far);
  expect_equal(place.map.next_deferred({Pfn{place.kUnit}, far}), far);
  place.map.clear_deferred(far);
  expect(!place.map.is_deferred(far) && place.map.is_online(far));
}

// Every place where memory can run out, one after the other.
template <Geometry G>
void reports_that_its_source_is_empty() {
  std::uint64_t enough = 0;
  {
    Place<G> place;
    expect(static_cast<bool>(place.map.init(place.layout, place.source())));
    enough = place.used;
  }
  for (unsigned eighths = 0; eighths < 8; ++eighths) {
    Place<G> place;
    place.room = (enough * eighths) >> 3;
    const auto done = place.map.init(place.layout, place.source());
    expect(!done);
    if (!done) expect_equal(done.error(), Error::no_memory);
  }
}
TEST(sparse_map_reports_that_its_source_is_empty) { reports_that_its_source_is_empty<k4KSparse>(); }
TEST(flat_map_reports_that_its_source_is_empty) { reports_that_its_source_is_empty<k4KFlat>(); }

TEST(head_of_finds_the_block_around_a_page) {
  Place<k4KSparse> place;
  expect(static_cast<bool>(place.map.init(place.layout, place.source())));
  const std::uint64_t base = place.kUnit;
  place.map.at(Pfn{base + 8}).become_allocated(Order{2}, 0, MigrateType::movable);
  expect_equal(head_of(place.map, Pfn{base + 8}).value(), Pfn{base + 8});
  expect_equal(head_of(place.map, Pfn{base + 11}).value(), Pfn{base + 8});
  expect_equal(head_of(place.map, Pfn{base + 12}).error(), Error::not_found);
  expect_equal(head_of(place.map, Pfn{base + 7}).error(), Error::not_found);
  expect_equal(head_of(place.map, Pfn{3}).error(), Error::not_found);
}

}  // namespace quarry::page
