// vmalloc() and movable pages on a page allocator with high memory: who gets what of which zone.
#include "quarry/buddy/test_machine.hpp"
#include "quarry/vm/kmap_machine_test.hpp"
#include "quarry/vm/vmalloc_machine_test.hpp"

namespace quarry::vm {
namespace {

using zones::ZoneType;
LowFrames<port::OneCore>::Memory memory;  // of tables

//   |-- Normal --|-- HighMem --|-- Movable --|      two blocks of 8 MiB, and one each
class Board {
 public:
  static constexpr Geometry kGeometry = k4KFlat;
  using Cores = port::OneCore;
  using Machine = buddy::TestMachine<kGeometry>;
  static constexpr std::uint64_t kBlock = Machine::kBlock;

  Board() noexcept {
    machine.add_zone(0, ZoneType::normal, 0, 2);
    machine.add_zone(0, ZoneType::highmem, 2, 3);
    machine.add_zone(0, ZoneType::movable, 3, 4);
    expect(bool{machine.start()});
    expect(bool{machine.allocator.release(machine.blocks(0, 4))});
  }
  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    return machine.allocator.alloc_pages(order, request);
  }
  Result<Done> free_pages(Pfn at, Order order) noexcept { return machine.allocator.free_pages(at, order); }
  std::byte* map(PfnRange) noexcept { return nullptr; }
  NodeId node_of(Pfn) const noexcept { return NodeId{0}; }
  NodeId home_of(unsigned) const noexcept { return NodeId{0}; }
  const Cores& cores() const noexcept { return cores_; }

  static ZoneType zone_of(PhysAddr at) noexcept {
    const std::uint64_t block = (at.raw >> 12) / kBlock;
    return block < 2 ? ZoneType::normal : block == 2 ? ZoneType::highmem : ZoneType::movable;
  }
  std::uint64_t free_in(ZoneType type) const noexcept {
    return machine.allocator.free_pages_of(Machine::zone(0, type)).raw;
  }
  Machine machine;

 private:
  [[no_unique_address]] Cores cores_;
};
static_assert(FrameSource<Board>);

struct World {
  using Low = LowFrames<port::OneCore>;
  using Tree = PageTable<ArmLpae, Low>;
  ZoneType zone_at(VirtAddr at) const noexcept { return Board::zone_of(tree.lookup(at).value().at); }

  Board board;
  Low low{memory, port::OneCore{}};
  Tree tree{Tree::make(low, low.tables()).value()};
  NoLock lock;
  TestRecords<8> records;
  // Of 3G/1G, behind 768 MiB of direct map.
  Vmalloc<Tree, Board, NoLock> vm{tree,
                                  lock,
                                  board,
                                  {.range = {VirtAddr{0xf080'0000}, VirtAddr{0xff80'0000}},
                                   .records = records.hooks(),
                                   .backlog = Bytes{0}}};
};

TEST(vmalloc_empties_high_memory_before_it_takes_low_memory) {
  World world;
  constexpr Bytes kHuge{std::uint64_t{2} << 20};
  const VirtAddr some = world.vm.vmalloc({.size = pages_of(3)}).value();
  for (std::uint64_t i = 0; i < 3; ++i) expect(world.zone_at(some + pages_of(i)) == ZoneType::highmem);
  const VirtAddr large = world.vm.vmalloc({.size = kHuge}).value();
  expect(world.zone_at(large) == ZoneType::highmem);
  expect_equal(world.tree.lookup(large).value().page, kHuge);
  // Two blocks of 2 MiB are left in HighMem, then only Normal has any.
  for (unsigned i = 0; i < 2; ++i)
    expect(world.zone_at(world.vm.vmalloc({.size = kHuge}).value()) == ZoneType::highmem);
  expect_equal(world.board.free_in(ZoneType::normal), 2 * Board::kBlock);
  const VirtAddr next = world.vm.vmalloc({.size = kHuge}).value();
  expect(world.zone_at(next) == ZoneType::normal);
  expect_equal(world.board.free_in(ZoneType::movable), Board::kBlock);
  expect(bool{world.vm.vfree(large)});
  world.vm.purge();
  expect(world.zone_at(world.vm.vmalloc({.size = kHuge}).value()) == ZoneType::highmem);
  // Where the direct map must reach, high memory is left alone.
  const VirtAddr low = world.vm.vmalloc({.size = pages_of(1), .highest = ZoneType::normal}).value();
  expect(world.zone_at(low) == ZoneType::normal);
}

TEST(movable_pages_empty_what_is_highest_first) {
  Board board;
  const buddy::Request movable{.highest = ZoneType::movable, .type = buddy::MigrateType::movable};
  constexpr ZoneType kOrder[] = {ZoneType::movable, ZoneType::highmem, ZoneType::normal, ZoneType::normal};
  for (const ZoneType expected : kOrder)
    expect(Board::zone_of(PhysAddr{board.alloc_pages(Order{11}, movable).value().raw << 12}) == expected);
  expect(!board.alloc_pages(Order{0}, movable));
}

TEST(the_kernels_own_pages_are_never_high) {
  Board board;
  for (unsigned i = 0; i < 2; ++i)
    expect(Board::zone_of(PhysAddr{board.alloc_pages(Order{11}, {}).value().raw << 12}) == ZoneType::normal);
  const auto none = board.alloc_pages(Order{0}, {});
  expect(!none && none.error() == Error::no_memory);
  expect_equal(board.free_in(ZoneType::highmem), Board::kBlock);
}

}  // namespace
}  // namespace quarry::vm
