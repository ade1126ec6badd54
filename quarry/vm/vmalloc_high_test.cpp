// High memory behind vmalloc(): taken first, and zeroed through windows.
#include "quarry/vm/vmalloc_machine_test.hpp"

namespace quarry::vm {
namespace {

constexpr std::size_t kLow = 64;  // frames in the direct map
using Windows = LocalKmap<TestTree, FakeFrames>;

// What page tables lead to from an address.
struct ThroughTables {
  VmallocMachine** machine;
  std::byte* operator()(VirtAddr at) const noexcept {
    ++seen;
    const PhysAddr found = (*machine)->at(at).at;
    return (*machine)->frames.memory_of(Pfn{found.raw >> 12});
  }
  unsigned& seen;
};

// A machine whose vzalloc() has two windows, or none.
struct World {
  explicit World(bool has_zero = true) noexcept
      : zero{windows, ThroughTables{&self, shown}},
        machine{8192, has_zero ? zero.hook() : FrameZero{}},
        windows{
            machine.tree,
            machine.frames,
            {.range = {VirtAddr{kFixmap}, VirtAddr{kFixmap} + pages_of(2)}, .depths = depths, .slots = 2}} {
    machine.frames.high_from = kLow;
    Walkers walkers = machine.processor.walkers();
    walkers.gone_here = walkers.gone;
    machine.tree.set_walkers(walkers);
    expect(bool{windows.open(machine.lock)});
    expect(!windows.audit());
    opened = machine.tree.tables();
  }
  bool is_high(VirtAddr at) const noexcept {
    return machine.at(at).at.raw >> 12 >= FakeFrames::kFirst + kLow;
  }
  bool is_zero(VirtAddr at) noexcept {
    const std::byte* const bytes = machine.frames.memory_of(Pfn{machine.at(at).at.raw >> 12});
    for (std::size_t i = 0; i < 4096; ++i)
      if (bytes[i] != std::byte{0}) return false;
    return true;
  }
  static constexpr std::uint64_t kFixmap = 0xffff'ffff'ff00'0000;
  unsigned shown = 0;
  std::uint64_t opened = 0;
  std::array<LocalDepth, 1> depths{};
  ZeroByWindows<Windows, ThroughTables> zero;
  VmallocMachine machine;
  Windows windows;
  VmallocMachine* self = &machine;
};

TEST(vmalloc_takes_high_memory_first_and_its_own_lists_are_low) {
  World world;
  // 32 high frames; the list of the last ones is a page of its own.
  const VirtAddr at = world.machine.use(world.machine.vm.vmalloc({.size = pages_of(30)}), 30);
  for (std::uint64_t i = 0; i < 30; ++i) expect(world.is_high(at + pages_of(i)));
  expect(world.machine.frames.last_request.highest < zones::ZoneType::highmem);  // for a table
  const VirtAddr more = world.machine.use(world.machine.vm.vmalloc({.size = pages_of(20)}), 20);
  expect(world.is_high(more) && !world.is_high(more + pages_of(19)));
  const VirtAddr low = world.machine.use(
      world.machine.vm.vmalloc({.size = pages_of(1), .highest = zones::ZoneType::normal}), 1);
  expect(!world.is_high(low));
  expect(world.machine.is_sound());
}

TEST(high_memory_is_zeroed_through_windows) {
  World world;
  const VirtAddr at = world.machine.use(world.machine.vm.vzalloc({.size = pages_of(40)}), 40);
  expect(world.is_high(at) && !world.is_high(at + pages_of(39)));
  for (std::uint64_t i = 0; i < 40; ++i) expect(world.is_zero(at + pages_of(i)));
  expect_equal(world.shown, 32u);  // the rest by the direct map
  expect_equal(world.windows.depth(0), 0u);
  expect(!world.windows.audit() && world.machine.is_sound());
}

TEST(without_windows_zeroed_memory_is_low) {
  World world{false};
  const VirtAddr at = world.machine.use(world.machine.vm.vzalloc({.size = pages_of(9)}), 9);
  for (std::uint64_t i = 0; i < 9; ++i)
    expect(!world.is_high(at + pages_of(i)) && world.is_zero(at + pages_of(i)));
  expect_equal(world.shown, 0u);
}

TEST(memory_whose_windows_are_all_in_use_is_not_handed_out) {
  World world;
  const auto before = world.machine.held();
  const port::OneCore::Guard guard{world.machine.frames.cores()};
  expect(bool{world.windows.kmap_local(guard, Pfn{1})} && bool{world.windows.kmap_local(guard, Pfn{2})});
  const auto refused = world.machine.vm.vzalloc({.size = pages_of(5)});
  expect(!refused && refused.error() == Error::no_room);
  expect(world.machine.held() == before);
  expect(bool{world.windows.kunmap_local(guard, VirtAddr{World::kFixmap} + pages_of(1))});
  world.machine.use(world.machine.vm.vzalloc({.size = pages_of(5)}), 5);
}

TEST(zeroed_memory_that_fails_at_any_page_leaves_nothing_behind) {
  World world;
  const auto before = world.machine.held();
  auto& frames = world.machine.frames;
  std::uint64_t refused = 0;
  for (;; ++refused) {
    frames.fail_call = frames.calls + refused + 1;
    const auto got = world.machine.vm.vzalloc({.size = pages_of(9)});
    if (got) break;
    expect(got.error() == Error::no_memory && world.machine.held() == before);
    expect_equal(world.windows.depth(0), 0u);
    expect(!world.windows.audit() && world.machine.is_sound());
  }
  expect_equal(refused, std::uint64_t{9 + 1 + 3});  // frames, a page for their list, and three tables
}

}  // namespace
}  // namespace quarry::vm
