#include "quarry/buddy/watermark.hpp"

#include "quarry/base/geometries.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

TEST(square_root_rounds_down) {
  expect_equal(square_root(0), 0u);
  expect_equal(square_root(15), 3u);
  expect_equal(square_root(16), 4u);
  expect_equal(square_root(UINT64_MAX), 0xffffffffu);
}

TEST(min_free_kbytes_is_within_its_bounds) {
  constexpr PageSize page{12};
  expect_equal(min_free_kbytes(PageCount{0}, page), 128u);
  expect_equal(min_free_kbytes(PageCount{188400}, page), 3472u);  // a recorded arm boot
  expect_equal(min_free_kbytes(PageCount{std::uint64_t{1} << 34}, page), 262144u);
}

// Two recorded boots: x86_64 with three zones, arm64 with one. Both have transparent huge pages.
TEST(recommended_min_free_kbytes_are_those_of_linux) {
  expect_equal(recommended_min_free_kbytes(8000, PageCount{1005569}, 3, k4KSparse), 67584u);
  expect_equal(recommended_min_free_kbytes(5700, PageCount{508659}, 1, k4KSparse), 22528u);
  expect_equal(recommended_min_free_kbytes(30000, PageCount{508659}, 1, k4KSparse), 30000u);
  expect_equal(recommended_min_free_kbytes(0, PageCount{2000}, 1, k4KSparse), 400u);  // a twentieth
}

TEST(watermarks_of_a_low_zone_are_its_share) {
  const WatermarkConfig config;
  const Watermarks dma =
      watermarks_of(PageCount{3840}, Memory::low, PageCount{1003000}, 67584, PageSize{12}, config);
  expect(dma == Watermarks{PageCount{64}, PageCount{80}, PageCount{96}});
  const Watermarks only =
      watermarks_of(PageCount{508659}, Memory::low, PageCount{508659}, 22528, PageSize{12}, config);
  expect(only == Watermarks{PageCount{5632}, PageCount{7040}, PageCount{8448}});
  const Watermarks none =
      watermarks_of(PageCount{0}, Memory::low, PageCount{508659}, 22528, PageSize{12}, config);
  expect(none == Watermarks{});
  expect(watermarks_of(PageCount{0}, Memory::low, PageCount{0}, 128, PageSize{12}, config) == Watermarks{});
}

// A recorded arm boot: 868 pages for 188,400 of low memory, and 131,072 pages of high memory beside it.
TEST(watermarks_of_high_memory_are_bounded_but_their_steps_are_a_share) {
  const WatermarkConfig config;
  const PageCount lowmem{188400};
  const Watermarks high = watermarks_of(PageCount{131072}, Memory::high, lowmem, 3472, PageSize{12}, config);
  expect(high == Watermarks{PageCount{128}, PageCount{278}, PageCount{428}});
  const Watermarks empty = watermarks_of(PageCount{0}, Memory::high, lowmem, 3472, PageSize{12}, config);
  expect(empty == Watermarks{PageCount{32}, PageCount{32}, PageCount{32}});
}

TEST(watermark_steps_follow_the_scale_factor_in_large_zones) {
  const Watermarks marks =
      watermarks_of(PageCount{100000000}, Memory::low, PageCount{100000000}, 262144, PageSize{12}, {});
  expect(marks == Watermarks{PageCount{65536}, PageCount{165536}, PageCount{265536}});
}

// The x86_64 boot above: "protection: (0, 2950, 3903, 3903, 3903)" and "(0, 0, 952, 952, 952)".
TEST(lowmem_reserve_is_what_lies_above_divided_by_the_ratio) {
  const PageCount managed[zones::kZoneTypes] = {PageCount{3840}, PageCount{755404}, PageCount{243912},
                                                PageCount{0}, PageCount{0}};
  const WatermarkConfig config;
  const auto reserve = [&](ZoneType lower, ZoneType requested) {
    return lowmem_reserve(managed, lower, requested, config).raw;
  };
  expect_equal(reserve(ZoneType::dma, ZoneType::dma), 0u);
  expect_equal(reserve(ZoneType::dma, ZoneType::dma32), 2950u);
  expect_equal(reserve(ZoneType::dma, ZoneType::normal), 3903u);
  expect_equal(reserve(ZoneType::dma, ZoneType::movable), 3903u);
  expect_equal(reserve(ZoneType::dma32, ZoneType::normal), 952u);
  expect_equal(reserve(ZoneType::normal, ZoneType::dma32), 0u);
  expect_equal(reserve(ZoneType::highmem, ZoneType::movable), 0u);
  const PageCount empty[zones::kZoneTypes] = {PageCount{0}, PageCount{755404}, PageCount{0}, PageCount{0},
                                              PageCount{0}};
  expect_equal(lowmem_reserve(empty, ZoneType::dma, ZoneType::normal, config).raw, 0u);
}

}  // namespace quarry::buddy
