#include "quarry/vm/vmalloc.hpp"

#include "quarry/vm/vmalloc_machine_test.hpp"

namespace quarry::vm {
namespace {

template <class T>
bool fails_with(const Result<T>& result, Error error) noexcept {
  return !result && result.error() == error;
}
constexpr Access kData{.write = true};

TEST(memory_is_mapped_page_by_page_and_a_guard_follows) {
  VmallocMachine machine;
  const VirtAddr first = machine.use(machine.vm.vmalloc({.size = Bytes{9000}, .caller = "setup"}), 3);
  const VirtAddr second = machine.use(machine.vm.vmalloc({.size = Bytes{1}}), 1);
  expect_equal(first, arena_page(0));
  expect_equal(second, arena_page(4));
  expect(fails_with(machine.tree.lookup(arena_page(3)), Error::not_found));
  expect(machine.at(first).access == kData);
  const AreaInfo info = machine.vm.find(first + Bytes{8999}).value();
  expect(info.range == VirtRange{arena_page(0), arena_page(3)});
  expect(info.caller == TextView{"setup"} && info.kind == AreaKind::vmalloc);
  expect_equal(info.pages, PageCount{3});
  expect_equal(machine.vm.stats().frames, PageCount{4});
  expect(fails_with(machine.vm.find(arena_page(3)), Error::not_found));
  expect(machine.is_sound());
}

TEST(frames_come_from_the_node_that_is_asked_for_or_the_cores_own) {
  VmallocMachine machine;
  const VirtAddr here = machine.use(machine.vm.vmalloc({.size = pages_of(2)}), 2);
  const VirtAddr there = machine.use(machine.vm.vmalloc({.size = pages_of(3), .node = NodeId{0}}), 3);
  expect(machine.frames.node_of(Pfn{machine.at(here).at.raw >> 12}) == NodeId{1});
  expect(machine.frames.node_of(Pfn{machine.at(there).at.raw >> 12}) == NodeId{0});
  // What one node lacks comes from the next.
  machine.use(machine.vm.vmalloc({.size = pages_of(40), .huge = HugeBlocks::never}), 40);
  std::array<PageCount, 2> nodes;
  expect(machine.vm.next(VirtAddr{0}, nodes).value().range.begin() == here);
  expect(nodes[0] == PageCount{0} && nodes[1] == PageCount{2});
  expect_equal(machine.vm.next(there + Bytes{1}, nodes).value().pages, PageCount{40});
  expect(nodes[0].raw > 0 && nodes[1].raw > 25 && nodes[0].raw + nodes[1].raw == 40);
  expect(fails_with(machine.vm.next(arena_page(100), nodes), Error::not_found));
}

TEST(zeroed_memory_is_zero) {
  VmallocMachine machine;
  const VirtAddr at =
      machine.use(machine.vm.vzalloc({.size = pages_of(6), .highest = zones::ZoneType::highmem}), 6);
  expect(machine.frames.last_request.highest != zones::ZoneType::highmem);
  for (std::uint64_t i = 0; i < 6; ++i) {
    const Pfn frame{machine.at(at + pages_of(i)).at.raw >> 12};
    const std::byte* const bytes = machine.frames.map({frame, frame + PageCount{1}});
    bool is_zero = true;
    for (std::size_t j = 0; j < 4096; ++j) is_zero = is_zero && bytes[j] == std::byte{0};
    expect(is_zero);
  }
}

TEST(memory_that_cannot_be_zeroed_is_not_handed_out) {
  VmallocMachine machine;
  const auto before = machine.held();
  expect(fails_with(machine.vm.vzalloc({.size = Bytes{kHugePage}}), Error::out_of_range));
  expect(machine.held() == before);
  machine.frames.unmapped_from = 66;
  expect(fails_with(machine.vm.vmalloc({.size = pages_of(9)}), Error::out_of_range));
  machine.frames.unmapped_from = FakeFrames::kFrames;
  expect(machine.held() == before);
}

TEST(large_sizes_come_in_huge_blocks_and_the_rest_in_frames) {
  VmallocMachine machine;
  machine.use(machine.vm.vmalloc({.size = pages_of(1)}), 1);
  const VirtAddr at = machine.use(machine.vm.vmalloc({.size = Bytes{2 * kHugePage + 5000}}), 1026);
  expect_equal(at.raw & (kHugePage - 1), 0u);
  expect_equal(machine.at(at).page, Bytes{kHugePage});
  expect_equal(machine.at(at + Bytes{kHugePage}).page, Bytes{kHugePage});
  expect_equal(machine.at(at + Bytes{2 * kHugePage}).page, Bytes{kArenaPage});
  expect_equal(machine.vm.find(at).value().pages, PageCount{1026});
  expect(machine.is_sound());
  expect(bool{machine.vm.vfree(at)});
  expect_equal(machine.frames.taken - machine.tree.tables(), 1u);  // more than the backlog holds

  const VirtAddr small = machine.vm.vmalloc({.size = pages_of(60), .huge = HugeBlocks::never}).value();
  expect_equal(small, arena_page(2));
  expect_equal(machine.at(small).page, Bytes{kArenaPage});
}

TEST(where_huge_blocks_run_out_frames_do) {
  VmallocMachine machine;
  machine.frames.huge_blocks = 0;
  expect(fails_with(machine.vm.vmalloc({.size = Bytes{kHugePage}}), Error::no_memory));
  // One call for a huge block, with the hooks left alone, then frames until there are none.
  expect(machine.frames.calls > FakeFrames::kFrames);
  expect_equal(machine.frames.taken, machine.tree.tables());
  expect(machine.is_sound());
}

TEST(what_was_freed_stays_until_the_backlog_is_full) {
  VmallocMachine machine;
  const auto before = machine.held();
  const VirtAddr first = machine.use(machine.vm.vmalloc({.size = pages_of(7)}), 7);
  const VirtAddr second = machine.use(machine.vm.vmalloc({.size = pages_of(7)}), 7);
  const VirtAddr third = machine.use(machine.vm.vmalloc({.size = pages_of(3)}), 3);
  expect(bool{machine.vm.vfree(first)});
  expect(bool{machine.vm.vfree(second)});
  expect_equal(machine.processor.told, 0u);
  expect_equal(machine.vm.stats().areas.retired, 2u);
  expect_equal(machine.vm.stats().frames, PageCount{17});
  expect(fails_with(machine.vm.find(first), Error::not_found));
  expect_equal(machine.use(machine.vm.vmalloc({.size = pages_of(1)}), 1), arena_page(20));

  expect(bool{machine.vm.vfree(third)});
  expect_equal(machine.processor.told, 1u);
  expect_equal(machine.vm.stats().flushes, 1u);
  expect_equal(machine.vm.stats().frames, PageCount{1});
  expect_equal(machine.use(machine.vm.vmalloc({.size = pages_of(1)}), 1), first);
  expect(machine.is_sound());
  expect(bool{machine.vm.vfree(first)} && bool{machine.vm.vfree(arena_page(20))});
  expect_equal(machine.vm.purge(), 2u);
  expect_equal(machine.vm.purge(), 0u);
  expect_equal(machine.vm.stats().flushes, 2u);
  expect(machine.held() == before);
}

TEST(whoever_finds_no_room_has_the_backlog_purged_first) {
  VmallocMachine machine{12};
  const VirtAddr first = machine.use(machine.vm.vmalloc({.size = pages_of(10)}), 10);
  expect(fails_with(machine.vm.vmalloc({.size = pages_of(2)}), Error::no_room));
  expect(bool{machine.vm.vfree(first)});
  expect_equal(machine.use(machine.vm.vmalloc({.size = pages_of(11)}), 11), first);
  expect_equal(machine.processor.told, 1u);
}

TEST(whoever_finds_no_frames_has_the_backlog_purged_first) {
  VmallocMachine poor;
  const VirtAddr most = poor.use(poor.vm.vmalloc({.size = pages_of(12)}), 12);
  const VirtAddr rest = poor.use(poor.vm.vmalloc({.size = pages_of(70)}), 70);
  expect(fails_with(poor.vm.vmalloc({.size = pages_of(20)}), Error::no_memory));
  expect(bool{poor.vm.vfree(most)});
  expect_equal(poor.processor.told, 0u);
  poor.use(poor.vm.vmalloc({.size = pages_of(20)}), 20);
  expect_equal(poor.processor.told, 1u);
  expect(bool{poor.vm.vfree(rest)});
}

TEST(frames_of_others_are_shown_in_their_order_and_stay_theirs) {
  VmallocMachine machine;
  const auto before = machine.held();
  constexpr std::array<Pfn, 4> shown{Pfn{7}, Pfn{8}, Pfn{3}, Pfn{7}};
  const VirtAddr at = machine.use(machine.vm.vmap(shown, {}, "show"), 4);
  for (std::size_t i = 0; i < 4; ++i)
    expect_equal(machine.at(at + pages_of(i)).at, PhysAddr{shown[i].raw << 12});
  expect(machine.at(at).access == Access{});
  expect(machine.vm.find(at).value().kind == AreaKind::vmap);
  expect_equal(machine.vm.stats().frames, PageCount{0});
  expect(bool{machine.vm.vunmap(at)});
  machine.vm.purge();
  expect(machine.held() == before);

  expect(fails_with(machine.vm.vmap({}, {}), Error::bad_argument));
  for (const std::uint64_t far : {std::uint64_t{1} << 40, std::uint64_t{UINT64_MAX}}) {
    const std::array<Pfn, 3> frames{Pfn{1}, Pfn{2}, Pfn{far}};
    expect(fails_with(machine.vm.vmap(frames, kData), Error::out_of_range));
    expect(machine.held() == before);
  }
}

TEST(devices_are_shown_from_their_first_byte_on_by_the_largest_pages_that_fit) {
  VmallocMachine machine{std::uint64_t{4} << 18};
  const VirtAddr byte = machine.vm.ioremap(phys(0xfec0'0010, 4), "ioapic").value();
  expect_equal(byte, arena_page(0) + Bytes{0x10});
  expect_equal(machine.at(byte).at, PhysAddr{0xfec0'0010});
  expect(machine.at(byte).access.type == MemoryType::device);
  const AreaInfo info = machine.vm.find(byte).value();
  expect(info.kind == AreaKind::ioremap && info.phys == PhysAddr{0xfec0'0000} &&
         info.caller == TextView{"ioapic"});

  const VirtAddr frame_buffer = machine.vm.ioremap(phys(0xe000'0000, 8 * kHugePage), "fb", kData).value();
  expect_equal(frame_buffer.raw & (8 * kHugePage - 1), 0u);
  expect_equal(machine.at(frame_buffer + Bytes{7 * kHugePage}).page, Bytes{kHugePage});
  const VirtAddr bar = machine.vm.ioremap(phys(0x40'0000'0000, kGigabyte), "bar").value();
  expect_equal(machine.at(bar).page, Bytes{kGigabyte});
  // Two bytes in two pages.
  const VirtAddr two = machine.vm.ioremap(phys(0xfee0'0fff, 2), "apic").value();
  expect_equal(machine.vm.find(two).value().range.size(), pages_of(2));

  expect(bool{machine.vm.iounmap(two)} && bool{machine.vm.iounmap(byte)});
  expect(bool{machine.vm.iounmap(frame_buffer)} && bool{machine.vm.iounmap(bar)});
  machine.vm.purge();
  expect_equal(machine.tree.tables(), 1u);

  expect(fails_with(machine.vm.ioremap(phys(0x1000, 0)), Error::bad_argument));
  expect(fails_with(machine.vm.ioremap(phys(std::uint64_t{1} << 52, 1)), Error::out_of_range));
  expect(fails_with(machine.vm.ioremap(phys(UINT64_MAX - 10, 10)), Error::out_of_range));
  expect_equal(machine.records.taken, 0u);
}

TEST(requests_of_memory_that_make_no_sense_are_refused) {
  VmallocMachine machine;
  const auto before = machine.held();
  expect(fails_with(machine.vm.vmalloc({.size = Bytes{0}}), Error::bad_argument));
  expect(
      fails_with(machine.vm.vmalloc({.size = pages_of(1), .alignment = Bytes{0x3000}}), Error::bad_argument));
  expect(fails_with(machine.vm.vmalloc({.size = Bytes{3 * kHugePage}, .alignment = Bytes{0x3000}}),
                    Error::bad_argument));
  expect(fails_with(machine.vm.vmalloc({.size = Bytes{UINT64_MAX}}), Error::no_room));
  expect(fails_with(machine.vm.vmalloc({.size = pages_of(4001)}), Error::no_memory));
  expect(machine.held() == before && machine.frames.calls == 1);
  expect_equal(machine.use(machine.vm.vmalloc({.size = pages_of(1), .alignment = Bytes{1 << 14}}), 1),
               arena_page(0));
  expect_equal(machine.use(machine.vm.vmalloc({.size = pages_of(1), .alignment = Bytes{1 << 14}}), 1),
               arena_page(4));
}

TEST(what_is_freed_wrongly_is_refused) {
  VmallocMachine machine;
  const VirtAddr mine = machine.use(machine.vm.vmalloc({.size = pages_of(3)}), 3);
  const VirtAddr device = machine.vm.ioremap(phys(0xfec0'0000, 4096)).value();
  expect(fails_with(machine.vm.vfree(mine + pages_of(1)), Error::not_found));
  expect(fails_with(machine.vm.vfree(mine + Bytes{1}), Error::not_found));
  expect(fails_with(machine.vm.vfree(VirtAddr{0}), Error::not_found));
  expect(fails_with(machine.vm.vfree(device), Error::wrong_owner));
  expect(fails_with(machine.vm.vunmap(mine), Error::wrong_owner));
  expect(fails_with(machine.vm.iounmap(mine), Error::wrong_owner));
  expect(bool{machine.vm.vfree(mine)});
  expect(fails_with(machine.vm.vfree(mine), Error::wrong_owner));
  machine.vm.purge();
  expect(fails_with(machine.vm.vfree(mine), Error::not_found));
}

TEST(what_a_tree_does_not_translate_is_not_handed_out) {
  VmallocMachine machine;
  VmallocMachine::Memory elsewhere{
      machine.tree,
      machine.lock,
      machine.frames,
      {.range = {VirtAddr{std::uint64_t{1} << 47}, VirtAddr{std::uint64_t{1} << 48}},
       .records = machine.records.hooks()}};
  const auto before = machine.held();
  expect(fails_with(elsewhere.vmalloc({.size = pages_of(2)}), Error::out_of_range));
  expect(machine.held() == before);
}

}  // namespace
}  // namespace quarry::vm
