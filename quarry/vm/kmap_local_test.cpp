#include "quarry/vm/kmap_local.hpp"

#include "quarry/vm/frame_zero.hpp"
#include "quarry/vm/kmap_machine_test.hpp"
#include "tests/test.hpp"

namespace quarry::vm {
namespace {

LowFrames<TestCores>::Memory memory;
constexpr Pfn high(std::uint64_t number) noexcept { return Pfn{0x10'0000 + number}; }

template <class T>
bool fails_with(const Result<T>& result, Error error) noexcept {
  return !result && result.error() == error;
}

struct World : TestCores::State, KmapMachine<> {
  World() noexcept : KmapMachine<>{memory, TestCores{*this}} { expect(bool{open()}); }
  ~World() { expect(is_sound()); }
  VirtAddr show(const TestCores::Guard& guard, Pfn frame) noexcept {
    const Result<VirtAddr> at = local.kmap_local(guard, frame);
    expect(bool{at});
    if (!at) return VirtAddr{};
    expect_equal(reach(guard.core(), at.value()), PhysAddr{frame.raw << 12});
    return at.value();
  }
  VirtAddr window(unsigned core, std::uint64_t slot) const noexcept {
    return local_range.begin() + Bytes{(core * 3 + slot) * kPage};
  }
};

TEST(each_core_has_a_stack_of_windows) {
  World world;
  for (unsigned core = 0; core < kKmapCores; ++core) {
    world.now = core;
    const TestCores::Guard guard{world.low.cores()};
    const VirtAddr first = world.show(guard, high(1));
    const VirtAddr second = world.show(guard, high(1));  // a window each, the same frame or not
    expect_equal(first, world.window(core, 0));
    expect_equal(second, world.window(core, 1));
    expect_equal(world.local.depth(core), 2u);
    expect(bool{world.local.kunmap_local(guard, second + Bytes{17})});
    expect_equal(world.show(guard, high(2)), second);
    expect(bool{world.local.kunmap_local(guard, second)} && bool{world.local.kunmap_local(guard, first)});
    expect_equal(world.local.depth(core), 0u);
  }
  expect_equal(world.told, 0u);  // no core ever told another
  expect_equal(world.told_here, 9u);
}

TEST(what_was_given_last_goes_first) {
  World world;
  const TestCores::Guard guard{world.low.cores()};
  const VirtAddr first = world.show(guard, high(1));
  const VirtAddr second = world.show(guard, high(2));
  expect(fails_with(world.local.kunmap_local(guard, first), Error::bad_argument));
  expect_equal(world.reach(0, first), PhysAddr{high(1).raw << 12});
  expect(bool{world.local.kunmap_local(guard, second)});
  expect(fails_with(world.local.kunmap_local(guard, second), Error::wrong_owner));
  expect(bool{world.local.kunmap_local(guard, first)});
  expect(fails_with(world.local.kunmap_local(guard, first), Error::wrong_owner));
}

TEST(one_cores_windows_are_no_other_cores) {
  World world;
  const TestCores::Guard guard{world.low.cores()};
  const VirtAddr mine = world.show(guard, high(1));
  world.now = 1;
  const TestCores::Guard other{world.low.cores()};
  expect(fails_with(world.local.kunmap_local(other, mine), Error::wrong_owner));
  expect(fails_with(world.local.kunmap_local(guard, world.window(1, 0)), Error::wrong_owner));
  world.now = 0;
  expect(bool{world.local.kunmap_local(guard, mine)});
}

TEST(a_core_without_windows_has_no_room_and_the_next_has) {
  World world;
  {
    const TestCores::Guard guard{world.low.cores()};
    for (std::uint64_t i = 0; i < 3; ++i) world.show(guard, high(i));
    expect(fails_with(world.local.kmap_local(guard, high(3)), Error::no_room));
    expect_equal(world.local.depth(0), 3u);
    // A low frame needs none.
    const Pfn low{LowFrames<TestCores>::kFirst + 3};
    const VirtAddr at = world.local.kmap_local(guard, low).value();
    expect_equal(at, address_of(world.low.map({low, low + PageCount{1}})));
    expect(bool{world.local.kunmap_local(guard, at)});
    expect_equal(world.local.depth(0), 3u);
  }
  world.now = 2;
  const TestCores::Guard guard{world.low.cores()};
  expect_equal(world.show(guard, high(3)), world.window(2, 0));
}

TEST(local_frames_and_addresses_that_make_no_sense_are_refused) {
  World world;
  const TestCores::Guard guard{world.low.cores()};
  expect(fails_with(world.local.kmap_local(guard, Pfn{std::uint64_t{1} << 28}), Error::out_of_range));
  expect(fails_with(world.local.kmap_local(guard, Pfn{UINT64_MAX}), Error::out_of_range));
  for (const std::uint64_t at : {std::uint64_t{0}, world.pool_range.begin().raw, world.local_range.end().raw,
                                 std::uint64_t{UINT64_MAX}})
    expect(fails_with(world.local.kunmap_local(guard, VirtAddr{at}), Error::not_found));
  expect_equal(world.told_here, 0u);
}

TEST(local_windows_with_other_memory_than_they_need_are_not_opened) {
  World world;
  const VirtRange range{VirtAddr{0x1000'0000}, VirtAddr{0x1000'9000}};
  const auto opens = [&](LocalKmapConfig config) noexcept {
    World::Local local{world.tree, world.low, config};
    return local.open(world.table_lock);
  };
  std::span<LocalDepth> depths{world.depths};
  expect(fails_with(opens({.range = range, .depths = depths.first(2), .slots = 3}), Error::bad_argument));
  expect(fails_with(opens({.range = range, .depths = depths, .slots = 4}), Error::bad_argument));
  expect(fails_with(opens({.range = world.local_range, .depths = depths, .slots = 3}), Error::busy));
  Walkers all_or_nothing = world.walkers();
  all_or_nothing.gone_here = nullptr;
  world.tree.set_walkers(all_or_nothing);
  expect(fails_with(opens({.range = range, .depths = depths, .slots = 3}), Error::bad_argument));
  world.tree.set_walkers({});  // nobody walks the tree yet
  expect(bool{opens({.range = range, .depths = depths, .slots = 3})});
}

// Goal: where the direct map reaches a frame, that is where zeroes are written, and nowhere else.
TEST(frames_are_zeroed_where_they_are_shown) {
  World world;
  for (auto& frame : std::span{memory}.last(4)) frame.words.fill(7);
  ZeroByWindows<World::Local> zero{world.local};
  const Pfn first{LowFrames<TestCores>::kFirst + 13};
  const FrameZero hook = zero.hook();
  expect(bool{hook.zero(hook.self, {first, first + PageCount{2}})});
  for (std::size_t i = 12; i < 16; ++i) {
    bool is_as_expected = true;
    for (const std::uint64_t word : memory[i].words)
      is_as_expected = is_as_expected && word == (i == 13 || i == 14 ? 0u : 7u);
    expect(is_as_expected);
  }
  expect(fails_with(zero.zero({Pfn{std::uint64_t{1} << 28}, Pfn{(std::uint64_t{1} << 28) + 1}}),
                    Error::out_of_range));
  expect_equal(world.depth[0], 0u);
}

}  // namespace
}  // namespace quarry::vm
