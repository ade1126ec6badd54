#include "quarry/base/geometries.hpp"

#include "tests/test.hpp"

namespace quarry {

TEST(with_geometry_finds_each_instantiated_geometry_and_no_other) {
  unsigned calls = 0;
  for (const Geometry& wanted : {k4KSparse, k4KFlat, k4KFlatHuge, k16KSparse, k64KSparse})
    expect(with_geometry(wanted, [&]<Geometry G>() { calls += G == wanted ? 1u : 100u; }));
  expect_equal(calls, 5u);
  constexpr Geometry other{{.page_shift = 12, .max_order = 9, .pageblock_order = 9}};
  expect(!with_geometry(other, [&]<Geometry G>() { calls += G.page_shift_; }));
  expect_equal(calls, 5u);
}

}  // namespace quarry
