#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

// Goal: a later min_free_kbytes moves the watermarks, with the pages managed then, and leaves the lowmem reserves as
// they were computed first.
TEST_ON_GEOMETRIES(a_later_min_free_leaves_lowmem_reserves) {
  TestMachine<G> machine;
  machine.add_zone(0, ZoneType::dma, 0, 2);
  machine.add_zone(0, ZoneType::normal, 2, 6);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(machine.blocks(0, 4))));
  constexpr std::uint64_t kib = std::uint64_t{1} << (G.page_shift_ - 10);  // of a page
  allocator.set_watermarks(64 * kib);
  const auto dma = machine.zone(0, ZoneType::dma);
  const ZoneStats first = allocator.stats(dma);
  expect_equal(first.marks.min, PageCount{32});
  const PageCount reserve = first.lowmem_reserve[static_cast<unsigned>(ZoneType::normal)];
  expect(reserve > PageCount{0});

  expect(static_cast<bool>(allocator.release(machine.blocks(4, 6))));
  allocator.set_min_free(192 * kib);
  const ZoneStats later = allocator.stats(dma);
  expect_equal(later.marks.min, PageCount{64});
  expect_equal(later.lowmem_reserve[static_cast<unsigned>(ZoneType::normal)], reserve);
  allocator.set_watermarks(192 * kib);
  expect_equal(allocator.stats(dma).marks.min, PageCount{64});
  expect(allocator.stats(dma).lowmem_reserve[static_cast<unsigned>(ZoneType::normal)] > reserve);
}

}  // namespace quarry::buddy
