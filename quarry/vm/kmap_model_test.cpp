// Windows at random: whoever shows a frame reaches it, on every core, and never another.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/kmap_world.hpp"

namespace quarry::vm {
namespace {

// Across two tables.
struct FourLevels : walker::WalkedX86<4> {
  static constexpr KmapPlaces kPlaces{VirtAddr{0xffff'c900'001f'e000}, VirtAddr{0xffff'ffff'ff1f'e000}};
};
struct Sv39 : walker::WalkedRiscv64<39> {
  static constexpr KmapPlaces kPlaces{VirtAddr{0xffff'ffc8'0000'0000}, VirtAddr{0xffff'ffc8'0000'8000}};
};

template <class F>
class KmapModel : public ::testing::Test {};
using Formats = ::testing::Types<Split3G, Split2G, FourLevels, Sv39>;
TYPED_TEST_SUITE(KmapModel, Formats);

TYPED_TEST(KmapModel, shows_each_user_the_frame_that_it_asked_for) {
  EXPECT_TRUE(rc::check("random moves", [] {
    KmapWorld<TypeParam, 5, 3> world;
    const int steps = *rc::gen::inRange(1, 120);
    for (int i = 0; i < steps && world.wrong().empty(); ++i) {
      world.audit();
      const auto core = *rc::gen::inRange(0u, kKmapCores);
      const Pfn frame = world.high(*rc::gen::inRange<std::uint64_t>(0, 9));
      switch (*rc::gen::weightedElement<int>({{6, 0}, {5, 1}, {1, 2}, {3, 3}, {3, 4}, {1, 5}})) {
        case 0: world.kmap(core, frame); break;
        case 1: world.kunmap(core, frame); break;
        case 2: world.flush(core); break;
        case 3: world.kmap_local(core, frame); break;
        case 4: world.kunmap_local(core, *rc::gen::inRange<std::size_t>(0, 3)); break;
        default:
          world.map_beside(core, world.beside() + Bytes{4096 * *rc::gen::inRange<std::uint64_t>(0, 2)});
      }
    }
    if (world.wrong().empty()) world.end();
    RC_ASSERT(world.wrong() == "");
  }));
}
}  // namespace
}  // namespace quarry::vm
