#include "quarry/boot/bootmem.hpp"

#include "quarry/boot/device_tree_test_machine.hpp"
#include "quarry/boot/x86_test_machine.hpp"
#include "quarry/early/bootmem.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {
namespace {

alignas(8) constinit std::byte bitmaps[256u << 10] = {};

// Memory for bitmaps, wherever they lie: one behind the other in the order in which they are asked for.
struct Bitmaps {
  std::size_t used = 0;

  early::DirectMap map() noexcept {
    return {this, [](void* self, PhysRange range) noexcept -> std::byte* {
              auto& at = static_cast<Bitmaps*>(self)->used;
              if (range.size().raw > sizeof bitmaps - at) return nullptr;
              std::byte* const place = bitmaps + at;
              at += static_cast<std::size_t>(range.size().raw);
              return place;
            }};
  }
};

void choose_bootmem(State& state, Bitmaps& memory) noexcept {
  state.early = EarlyChoice::bootmem;
  state.bootmem = {.direct_map = memory.map(), .contents = early::BootmemContents::as_it_was};
}

bool is_taken(const early::Bootmem& bootmem, NodeId node, std::uint64_t pfn) noexcept {
  const early::BootmemData& data = *bootmem.find(node);
  return data.map.is_set(pfn - data.node_min_pfn().raw);
}
std::uint64_t free_pages(const early::Bootmem& bootmem, NodeId node) noexcept {
  const early::BootmemData& data = *bootmem.find(node);
  return data.map.count_clear(0, data.pages.size().raw).raw;
}

// Whole pages that memblock has free, below `end`.
std::uint64_t free_pages(const early::Memblock& memblock, Pfn end) noexcept {
  std::uint64_t count = 0;
  for (const early::MemoryRange& free : memblock.free_ranges()) {
    const PfnRange pages = PfnRange::inside(free.range, PageSize{12});
    const Pfn last = pages.end() < end ? pages.end() : end;
    if (pages.begin() < last) count += (last - pages.begin()).raw;
  }
  return count;
}

TEST(with_bootmem_those_steps_come_first_that_ask_memblock_by_name) {
  for (const Arch arch : {Arch::x86_64, Arch::arm64, Arch::arm}) {
    const auto usual = steps_of(arch), other = steps_of(arch, EarlyChoice::bootmem);
    expect_equal(other.size(), usual.size() + 1);
    std::size_t at = 0;
    for (const Asks asks : {Asks::memblock, Asks::allocator}) {
      for (const Step& step : usual)
        if (step.asks == asks) expect(step.run == other[at++].run);
      if (asks == Asks::memblock) expect(other[at++].run == &setup_bootmem);
    }
    expect_equal(at, other.size());
  }
  expect(steps_of(static_cast<Arch>(99), EarlyChoice::bootmem).empty());
}

// Goal: after the step the bitmap says of each page what memblock says.
TEST(a_pc_goes_on_with_a_bitmap_at_the_lowest_free_place) {
  x86::TestMachine pc;
  Bitmaps memory;
  choose_bootmem(pc.state, memory);
  expect(pc.boots());
  const early::Bootmem* const bootmem = pc.state.allocator.bootmem();
  expect(bootmem != nullptr);
  if (bootmem == nullptr) return;
  expect_equal(bootmem->nodes().size(), std::size_t{1});
  const early::BootmemData& node = bootmem->nodes()[0];
  expect(node.pages == PfnRange{Pfn{0}, Pfn{0x40000}});
  expect(node.map_at == Pfn{0x100});
  expect(pc.is_reserved(range(kM, kM + (32 << 10))));
  expect_equal(free_pages(*bootmem, NodeId::first), free_pages(pc.memblock, Pfn{0x40000}));
  expect(is_taken(*bootmem, NodeId::first, 0x100) && is_taken(*bootmem, NodeId::first, 0x107));
  expect(!is_taken(*bootmem, NodeId::first, 0x108));
  // The initrd ends inside a page, which is taken whole.
  const std::uint64_t last = (1023 * kM + 0xfb77a) >> 12;
  expect(is_taken(*bootmem, NodeId::first, last) && !is_taken(*bootmem, NodeId::first, last + 1));
  expect(!bootmem->audit() && !pc.memblock.audit());
  expect_equal(pc.memblock.direction(), early::Direction::top_down);
}

TEST(from_then_on_the_allocator_is_bootmem_and_memblock_stays_as_it_is) {
  x86::TestMachine pc;
  Bitmaps memory;
  choose_bootmem(pc.state, memory);
  struct Seen {
    std::uint64_t reserved = 0;
    PhysAddr at{};
  } seen;
  pc.state.hooks = {&seen, [](void* self, HookPoint point, State& state) noexcept -> Result<Done> {
                      auto& here = *static_cast<Seen*>(self);
                      if (point == HookPoint::node_data) {
                        expect(state.allocator.bootmem() == nullptr);
                        return Done{};
                      }
                      if (point != HookPoint::memmap) return Done{};
                      here.reserved = state.memblock.reserved_size().raw;
                      const auto at = state.allocator.alloc_try_nid_raw(
                          {.size = Bytes{0x3000}, .node = NodeId::first}, "descriptors");
                      if (!at) return at.error();
                      here.at = at.value();
                      return Done{};
                    }};
  expect(pc.boots());
  const early::Bootmem& bootmem = *pc.state.allocator.bootmem();
  const std::uint64_t taken = seen.at.raw >> 12;
  expect(taken >= 0x1000);  // above 16 MiB, the low goal
  expect(is_taken(bootmem, NodeId::first, taken) && is_taken(bootmem, NodeId::first, taken + 2));
  expect_equal(pc.memblock.reserved_size().raw, seen.reserved);
  expect_equal(free_pages(bootmem, NodeId::first) + 3, free_pages(pc.memblock, Pfn{0x40000}));
}

// Goal: spans of nodes that contain each other do not mix their pages up.
TEST(interleaved_nodes_have_bitmaps_of_their_own_pages) {
  x86::TestMachine pc;
  const auto affinity = [](std::uint64_t begin, std::uint64_t end, std::uint32_t domain) {
    return firmware::MemoryAffinity{
        .base = PhysAddr{begin * kM}, .size = Bytes{(end - begin) * kM}, .domain = domain};
  };
  const firmware::MemoryAffinity tables[] = {affinity(0, 256, 0), affinity(256, 512, 1),
                                             affinity(512, 1024, 0)};
  pc.machine.memory_affinity = tables;
  Bitmaps memory;
  choose_bootmem(pc.state, memory);
  expect(pc.boots());
  const early::Bootmem& bootmem = *pc.state.allocator.bootmem();
  expect_equal(bootmem.nodes().size(), std::size_t{2});
  expect(bootmem.find(NodeId{0})->pages == PfnRange{Pfn{0}, Pfn{0x40000}});
  expect(bootmem.find(NodeId{1})->pages == PfnRange{Pfn{0x10000}, Pfn{0x20000}});
  expect(is_taken(bootmem, NodeId{0}, 0x18000) && !is_taken(bootmem, NodeId{1}, 0x18000));
  expect(bootmem.find(NodeId{1})->map_at == Pfn{0x10000});  // on the node itself
  expect_equal(free_pages(bootmem, NodeId{0}) + free_pages(bootmem, NodeId{1}),
               free_pages(pc.memblock, Pfn{0x40000}));
}

TEST(a_board_has_bitmaps_of_low_memory_alone_and_nothing_unmapped_in_them) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("secret").numbers("reg", kG + 256 * kM, 2 * kM).flag("no-map").end().end();
  TestBoard board{Arch::arm, tree, 32};
  Bitmaps memory;
  State& state = board.begin();
  choose_bootmem(state, memory);
  expect(static_cast<bool>(run(state)));
  const early::Bootmem& bootmem = *state.allocator.bootmem();
  expect_equal(bootmem_end(state), Pfn{0x70000});
  expect(bootmem.nodes()[0].pages == PfnRange{Pfn{0x40000}, Pfn{0x70000}});
  expect_equal(bootmem.config().long_bits, early::LongBits::bits32);
  expect(is_taken(bootmem, NodeId::first, 0x50000) && !is_taken(bootmem, NodeId::first, 0x50200));
  expect_equal(free_pages(bootmem, NodeId::first), free_pages(*board.memblock, Pfn{0x70000}));
}

// Goal: a hole that costs more bitmap than there is memory ends the boot with a reason.
TEST(a_bitmap_that_fits_nowhere_ends_the_boot) {
  using firmware::MapType;
  x86::TestMachine pc;
  const firmware::MapEntry far[] = {
      x86::entry(0, 0x9fc00, MapType::usable), x86::entry(kM, 80 * kM, MapType::usable),
      x86::entry(std::uint64_t{1} << 45, (std::uint64_t{1} << 45) + kM, MapType::usable)};
  pc.machine.map = far;
  pc.machine.initrd = {};
  Bitmaps memory;
  choose_bootmem(pc.state, memory);
  expect(!pc.boots());
  expect_equal(pc.state.failure.error, Error::no_memory);
  expect(TextView{pc.state.failure.step} == "init_bootmem_node");
  expect_equal(pc.state.failure.needed, Bytes{(std::uint64_t{1} << 30) + 4096});
  expect(pc.state.failure.largest_hole.raw > 0 && pc.state.failure.largest_hole.raw < 80 * kM);
  expect(pc.state.allocator.bootmem() == nullptr);
}

TEST(a_direct_map_that_does_not_reach_the_bitmap_ends_the_boot) {
  x86::TestMachine pc;
  pc.state.early = EarlyChoice::bootmem;
  expect(!pc.boots());
  expect_equal(pc.state.failure.error, Error::out_of_range);
}

}  // namespace
}  // namespace quarry::boot
