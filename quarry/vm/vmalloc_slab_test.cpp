// vmalloc on the slab allocator's records and on its frames: the sources that a kernel has.
#include "quarry/slab/test_machine.hpp"
#include "quarry/vm/format_arm.hpp"
#include "quarry/vm/vmalloc.hpp"
#include "tests/test.hpp"

namespace quarry::vm {
namespace {

using slab::testing::TestPages;
static_assert(FrameSource<TestPages> && LowMemory<TestPages>);

struct PagesMap {
  TestPages* pages;
  std::byte* map(PfnRange frames) const noexcept {
    return pages->find(frames.begin()) == nullptr ? nullptr : pages->map(frames);
  }
};
using Tree = PageTable<Arm64<39, Half::upper>, PagesMap>;
using Memory = Vmalloc<Tree, TestPages, SpinLock>;
constexpr VirtAddr kBase{0xffff'ffc0'0800'0000};

TablePages tables_of(TestPages& pages) noexcept {
  return {&pages,
          [](void* self) noexcept { return static_cast<TestPages*>(self)->alloc_pages(Order{0}, {}); },
          [](void* self, Pfn page) noexcept {
            expect(bool{static_cast<TestPages*>(self)->free_pages(page, Order{0})});
          }};
}

TEST(records_and_frames_come_from_the_allocators_and_go_back_to_them) {
  auto& machine = slab::testing::booted_machine();
  auto* const cache =
      machine.slabs.create({.name = "vmap_area", .size = sizeof(Area), .align = alignof(Area)}).value();
  auto tree = Tree::make(PagesMap{&machine.pages}, tables_of(machine.pages)).value();
  SpinLock lock;
  Memory memory{
      tree, lock, machine.pages, {.range = {kBase, kBase + Bytes{1 << 24}}, .records = records_of(*cache)}};
  const std::uint64_t before = machine.pages.in_use();

  const auto first = memory.vzalloc({.size = Bytes{10 << 12}, .node = NodeId{1}});
  const auto second = memory.vmalloc({.size = Bytes{3 << 12}});
  const auto device = memory.ioremap(PhysRange::sized(PhysAddr{0x900'0000}, Bytes{4096}));
  expect(bool{first} && bool{second} && bool{device});
  std::array<PageCount, 3> on_nodes;
  expect_equal(memory.next(first.value(), on_nodes).value().pages, PageCount{10});
  expect(on_nodes[0] == PageCount{0} && on_nodes[1] == PageCount{10});
  expect_equal(cache->stats().active_objects, 3u);
  expect(!memory.audit() && !tree.audit());

  expect(bool{memory.vfree(first.value())} && bool{memory.vfree(second.value())} &&
         bool{memory.iounmap(device.value())});
  expect_equal(memory.purge(), 3u);
  expect_equal(cache->stats().active_objects, 0u);
  expect_equal(tree.tables(), 1u);
  cache->shrink();
  expect_equal(machine.pages.in_use(), before);
  expect(machine.slabs.destroy(*cache).value().none());
}

}  // namespace
}  // namespace quarry::vm
