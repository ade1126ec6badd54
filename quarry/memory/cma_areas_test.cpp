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
  void reserve(std::uint64_t begin, std::uint64_t end, TextView name) {
    const PhysRange range{PhysAddr{begin}, PhysAddr{end}};
    expect(static_cast<bool>(early->memblock().reserve(range, name)));
    expect(static_cast<bool>(early->state().cma.push(arena, {name, range})));
  }
  void start() {
    expect(static_cast<bool>(early->cut_zones()));
    expect(static_cast<bool>(map.init(early->layout(), metadata_outside(arena))));
    expect(static_cast<bool>(allocator.init(early->layout(), map, metadata_outside(arena), {})));
  }
};

}  // namespace

TEST(reserved_areas_become_areas_to_allocate_from) {
  Machine pc;
  pc.reserve(32 * kMiB, 40 * kMiB, "reserved");
  pc.reserve(14 * kMiB, 18 * kMiB, "across zones");
  pc.reserve(20 * kMiB, 21 * kMiB, "half a pageblock");
  pc.start();
  buddy::CmaArea<Allocator> areas[3];
  const std::span<buddy::CmaArea<Allocator>> all{areas};
  expect(build_areas(*pc.early, pc.allocator, all.first(2), metadata_outside(pc.arena)).error() ==
         Error::no_room);
  const auto given = build_areas(*pc.early, pc.allocator, all, metadata_outside(pc.arena));
  expect_equal(given.value().raw, 13 * kMiB >> 12);
  expect(areas[0].is_active() && areas[0].name() == "reserved");
  expect(!areas[1].is_active() && !areas[1].is_described() && !areas[2].is_active());
  expect_equal(areas[0].alloc(PageCount{16}, Order{4}).value(), Pfn{32 * kMiB >> 12});
  std::uint64_t free = 0, cma = 0, managed = 0;
  for (std::uint32_t zone = 0; zone < pc.allocator.zone_count(); ++zone) {
    free += pc.allocator.free_pages_of(zone).raw;
    cma += pc.early->layout().zones[zone].cma.raw;
    managed += pc.early->layout().zones[zone].managed.raw;
  }
  expect_equal(managed, given.value().raw);
  expect_equal(free, managed - 16);
  expect_equal(cma, 8 * kMiB >> 12);
  expect(!pc.allocator.audit());
}

TEST(an_area_that_is_free_already_is_an_error) {
  Machine pc;
  pc.reserve(32 * kMiB, 34 * kMiB, "twice");
  pc.start();
  expect(static_cast<bool>(pc.allocator.release({Pfn{32 * kMiB >> 12}, Pfn{33 * kMiB >> 12}})));
  buddy::CmaArea<Allocator> area;
  const std::span<buddy::CmaArea<Allocator>> all{&area, 1};
  expect(!build_areas(*pc.early, pc.allocator, all, metadata_outside(pc.arena)));
  expect(!pc.allocator.audit());
}

}  // namespace quarry::memory
