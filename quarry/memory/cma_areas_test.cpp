#include "quarry/memory/cma_areas.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/metadata.hpp"
#include "tests/test.hpp"

namespace quarry::memory {

namespace {

using Allocator = buddy::PageAllocator<k4KSparse>;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

constinit std::byte tables[4 * kMiB] = {};

// A PC whose RAM ends at 64 MiB, up to the moment when areas are activated. Zone DMA ends at 16 MiB.
struct Machine {
  firmware::MapEntry entries[2] = {{PhysAddr{kMiB}, Bytes{63 * kMiB}, firmware::MapType::usable},
                                   {PhysAddr{0xf0000}, Bytes{0x10000}, firmware::MapType::reserved}};
  boot::Machine machine;
  Arena arena{tables};
  EarlySystem* early = nullptr;
  page::MemoryMap<k4KSparse> map;
  Allocator allocator;

  Machine() {
    __builtin_memset(tables, 0, sizeof tables);
    machine.arch = boot::Arch::x86_64;
    machine.geometry = k4KSparse;
    machine.map = entries;
    machine.limits.real_mode_size = Bytes{0};
    early = EarlySystem::make(machine, arena, {}).value();
    expect(static_cast<bool>(early->run_flow()));
  }
  void reserve(std::uint64_t begin, std::uint64_t end, TextView name, Order order_per_bit = Order{0}) {
    const PhysRange range{PhysAddr{begin}, PhysAddr{end}};
    expect(static_cast<bool>(early->memblock().reserve(range, name)));
    expect(static_cast<bool>(
        early->state().cma.push(arena, {.name = name, .range = range, .order_per_bit = order_per_bit})));
  }
  void start() {
    expect(static_cast<bool>(early->cut_zones()));
    expect(static_cast<bool>(map.init(early->layout(), metadata_outside(arena))));
    expect(static_cast<bool>(allocator.init(early->layout(), map, metadata_outside(arena), {})));
  }
  unsigned bugs_noted() const {
    unsigned count = 0;
    for (const boot::Note& note : early->state().notes)
      if (note.kind == boot::Note::Kind::linux_bug) ++count;
    return count;
  }
};

}  // namespace

TEST(reserved_areas_become_areas_to_allocate_from) {
  Machine pc;
  pc.reserve(32 * kMiB, 40 * kMiB, "reserved");
  pc.reserve(14 * kMiB, 18 * kMiB, "across zones");
  pc.reserve(20 * kMiB, 21 * kMiB, "half a pageblock");
  pc.start();
  CmaAreas<Allocator> areas;
  expect(static_cast<bool>(areas.keep_room(*pc.early, pc.allocator, metadata_outside(pc.arena))));
  expect(areas.all().empty());
  const std::size_t used = pc.arena.used();
  const auto given = areas.activate(*pc.early, pc.allocator);
  expect_equal(pc.arena.used(), used);  // all was laid aside before
  expect_equal(given.value().raw, 13 * kMiB >> 12);
  // What lies across zones is one area in each where Linux's bugs are not wanted.
  const auto all = areas.all();
  expect_equal(all.size(), 3u);
  if (all.size() != 3) return;
  expect(all[0].is_active() && all[0].name() == "reserved");
  expect(all[1].is_active() && all[2].is_active() && all[2].name() == "across zones");
  expect_equal(all[1].pages().end(), Pfn{16 * kMiB >> 12});
  expect_equal(all[2].pages().begin(), Pfn{16 * kMiB >> 12});
  expect_equal(all[0].alloc(PageCount{16}, Order{4}).value(), Pfn{32 * kMiB >> 12});
  expect_equal(all[2].alloc(PageCount{512}).value(), Pfn{16 * kMiB >> 12});
  expect(all[2].alloc(PageCount{1}).error() == Error::no_memory);
  std::uint64_t free = 0, cma = 0, managed = 0;
  for (std::uint32_t zone = 0; zone < pc.allocator.zone_count(); ++zone) {
    free += pc.allocator.free_pages_of(zone).raw;
    cma += pc.early->layout().zones[zone].cma.raw;
    managed += pc.early->layout().zones[zone].managed.raw;
  }
  expect_equal(managed, given.value().raw);
  expect_equal(free, managed - 16 - 512);
  expect_equal(cma, 12 * kMiB >> 12);
  expect(!pc.allocator.audit());
}

// Linux gives up an area across zones, and says so; the areas behind it are there all the same.
TEST(an_area_across_zones_is_none_where_linux_is_reproduced) {
  Machine pc;
  pc.machine.limits.known_bugs = boot::KnownBugs::reproduced;
  pc.reserve(14 * kMiB, 18 * kMiB, "across zones");
  pc.reserve(32 * kMiB, 34 * kMiB, "behind");
  pc.start();
  CmaAreas<Allocator> areas;
  expect(static_cast<bool>(areas.keep_room(*pc.early, pc.allocator, metadata_outside(pc.arena))));
  expect_equal(areas.activate(*pc.early, pc.allocator).value().raw, 6 * kMiB >> 12);
  expect_equal(areas.all().size(), 1u);
  expect(areas.all()[0].name() == "behind");
  expect_equal(areas.all()[0].alloc(PageCount{512}).value(), Pfn{32 * kMiB >> 12});
  expect_equal(pc.bugs_noted(), 1u);
}

TEST(a_bit_of_an_area_stands_for_what_was_reserved_so) {
  Machine pc;
  pc.reserve(32 * kMiB, 40 * kMiB, "hugetlb", Order{9});
  pc.start();
  CmaAreas<Allocator> areas;
  expect(static_cast<bool>(areas.keep_room(*pc.early, pc.allocator, metadata_outside(pc.arena))));
  expect(static_cast<bool>(areas.activate(*pc.early, pc.allocator)));
  expect_equal(areas.all()[0].bitmap().size(), 4u);
  expect_equal(areas.all()[0].alloc(PageCount{1}).value(), Pfn{32 * kMiB >> 12});
  expect_equal(areas.all()[0].alloc(PageCount{1}).value(), Pfn{34 * kMiB >> 12});
}

// Nobody knows whose its pages are: it is counted, and no area; nothing is handed out twice.
TEST(an_area_of_which_a_part_is_free_already_is_none) {
  Machine pc;
  pc.reserve(32 * kMiB, 34 * kMiB, "twice");
  pc.start();
  CmaAreas<Allocator> areas;
  expect(static_cast<bool>(areas.keep_room(*pc.early, pc.allocator, metadata_outside(pc.arena))));
  expect(static_cast<bool>(pc.early->memblock().free({PhysAddr{32 * kMiB}, PhysAddr{33 * kMiB}}, "twice")));
  expect(static_cast<bool>(pc.allocator.release({Pfn{32 * kMiB >> 12}, Pfn{33 * kMiB >> 12}})));
  expect_equal(areas.activate(*pc.early, pc.allocator).value().raw, 2 * kMiB >> 12);
  expect(areas.all().empty());
  expect_equal(pc.bugs_noted(), 1u);
  expect(!pc.allocator.audit());
}

TEST(areas_without_room_for_their_tables_are_refused) {
  Machine pc;
  pc.reserve(32 * kMiB, 34 * kMiB, "area");
  pc.start();
  for (const std::size_t room : {std::size_t{8}, sizeof(CmaAreas<Allocator>::Area) + 8}) {
    Arena small{std::span{tables}.last(room)};
    CmaAreas<Allocator> areas;
    expect(areas.keep_room(*pc.early, pc.allocator, metadata_outside(small)).error() == Error::no_memory);
  }
}

}  // namespace quarry::memory
