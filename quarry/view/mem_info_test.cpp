#include "quarry/view/mem_info.hpp"

#include "quarry/base/geometries.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

using buddy::Obstacle;
using page::MigrateType;
using zones::ZoneType;

// A small node: DMA with blocks of several types, and Normal, which is nearly used up.
struct Machine {
  zones::Zone zones[zones::kZoneTypes] = {};
  zones::Layout layout;
  RefusingZone refusing[2];

  Machine() noexcept {
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      layout.ranges[type] = {static_cast<ZoneType>(type), type != 3, {}};
    zones[2].cma = PageCount{512};
    layout.zones = zones;
    auto& dma = refusing[0];
    dma.counted.type = ZoneType::dma;
    dma.present = PageCount{3998};
    dma.counted.stats.managed = PageCount{3840};
    dma.counted.stats.free = PageCount{17};
    dma.counted.stats.free_blocks[0][page::index_of(MigrateType::unmovable)] = 3;
    dma.counted.stats.free_blocks[0][page::index_of(MigrateType::reclaimable)] = 2;
    dma.counted.stats.free_blocks[2][page::index_of(MigrateType::movable)] = 3;
    dma.counted.stats.marks = {PageCount{85}, PageCount{106}, PageCount{127}};
    for (unsigned type = 1; type < zones::kZoneTypes; ++type)
      dma.counted.stats.lowmem_reserve[type] = PageCount{1953};
    dma.obstacle = {Obstacle::Why::below_mark, PageCount{17}, PageCount{85 + 1953 + 8}};
    auto& normal = refusing[1];
    normal.counted.type = ZoneType::normal;
    normal.present = PageCount{4096};
    normal.local = PageCount{5};
    normal.counted.stats.managed = PageCount{4000};
    normal.counted.stats.free = PageCount{520};
    normal.counted.stats.free_cma = PageCount{512};
    normal.counted.stats.on_cores = PageCount{7};
    normal.counted.stats.highatomic = PageCount{512};
    normal.counted.stats.free_blocks[9][page::index_of(MigrateType::cma)] = 1;
    normal.counted.stats.free_blocks[3][page::index_of(MigrateType::highatomic)] = 1;
    normal.counted.stats.marks = {PageCount{90}, PageCount{112}, PageCount{134}};
    normal.obstacle = {Obstacle::Why::no_block, PageCount{520}, PageCount{1}};
  }
};

constexpr FailedRequest kOrder3{.order = Order{3}};

}  // namespace

TEST(a_failure_is_named_as_linux_names_it) {
  test::Page page;
  auto out = page.sink();
  print_failure(out, {.who = "shell", .order = Order{10}, .request = {.highest = ZoneType::dma32}});
  expect(page.view() ==
         TextView{"shell: page allocation failure: order:10, mode:0xcc4(GFP_KERNEL|GFP_DMA32), "
                  "nodemask=(null)\n"});
}

TEST(mem_info_reads_as_linux_prints_it) {
  const Machine machine;
  test::Page<2048> page;
  auto out = page.sink();
  print_mem_info(out, k4KSparse, machine.layout, machine.refusing, kOrder3, DeviceColumn::present,
                 {PageCount{3}, PageCount{40}});
  expect(!page.cut);
  expect(
      page.view() ==
      TextView{"Mem-Info:\n"
               " slab_reclaimable:3 slab_unreclaimable:40\n"
               " free:537 free_pcp:7 free_cma:512\n"
               "Node 0 DMA free:68kB boost:0kB min:340kB low:424kB high:508kB reserved_highatomic:0KB "
               "present:15992kB managed:15360kB free_pcp:0kB local_pcp:0kB free_cma:0kB\n"
               "lowmem_reserve[]: 0 1953 1953 1953 1953\n"
               "Node 0 Normal free:2080kB boost:0kB min:360kB low:448kB high:536kB "
               "reserved_highatomic:2048KB present:16384kB managed:16000kB free_pcp:28kB local_pcp:20kB "
               "free_cma:2048kB\n"
               "lowmem_reserve[]: 0 0 0 0 0\n"
               "Node 0 DMA: 5*4kB (UE) 0*8kB 3*16kB (M) 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB "
               "0*2048kB 0*4096kB = 68kB\n"
               "Node 0 Normal: 0*4kB 0*8kB 0*16kB 1*32kB (H) 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB "
               "1*2048kB (C) 0*4096kB = 2080kB\n"
               "8094 pages RAM\n0 pages HighMem/MovableOnly\n254 pages reserved\n512 pages cma reserved\n"});
}

// Zones that the request may not have are in no line but the sums, as in Linux.
TEST(mem_info_leaves_out_what_is_above_the_request) {
  const Machine machine;
  test::Page<2048> page;
  auto out = page.sink();
  FailedRequest failed = kOrder3;
  failed.request.highest = ZoneType::dma32;
  print_mem_info(out, k4KSparse, machine.layout, machine.refusing, failed, DeviceColumn::absent, {});
  for (std::size_t at = 0; at < page.size; ++at) expect(!page.view().part(at).starts_with("Node 0 Normal"));
  expect(page.view().starts_with(
      "Mem-Info:\n slab_reclaimable:0 slab_unreclaimable:0\n free:537 free_pcp:0 free_cma:512\n"));
}

TEST(each_zone_says_what_forbids_it_and_by_how_much) {
  Machine machine;
  test::Page<2048> page;
  auto out = page.sink();
  print_obstacles(out, Order{10}, machine.refusing, kOrder3);
  machine.refusing[0].obstacle = {Obstacle::Why::too_high, PageCount{0}, PageCount{0}};
  machine.refusing[1].obstacle = {Obstacle::Why::empty, PageCount{0}, PageCount{0}};
  FailedRequest here = kOrder3;
  here.request.highest = ZoneType::dma;
  print_obstacles(out, Order{10}, machine.refusing, here);
  here.request.placement = buddy::Placement::this_node;
  here.request.node = NodeId{1};
  print_obstacles(out, Order{10}, std::span{machine.refusing}.first(1), here);
  machine.refusing[0].obstacle = {};
  print_obstacles(out, Order{10}, std::span{machine.refusing}.first(1), kOrder3);
  expect(page.view() ==
         TextView{"Node 0 DMA: 17 pages are free, 2046 would have to be: min 85 + lowmem reserve 1953 + the "
                  "block's 8; 2029 too few\n"
                  "Node 0 Normal: 520 pages are free, enough, but in no block of order 3 that it may have: "
                  "the largest free ones are 1 of order 9 (CMA)\n"
                  "Node 0 DMA: not asked: the request goes no higher than DMA\n"
                  "Node 0 Normal: it manages no page\n"
                  "Node 0 DMA: not asked: the request is for node 1 alone\n"
                  "Node 0 DMA: it could serve the request\n"});
}

// What an urgent request leaves of the mark, what is kept for others and what lies in areas is told apart.
TEST(what_would_have_to_be_free_is_told_part_by_part) {
  Machine machine;
  RefusingZone& normal = machine.refusing[1];
  normal.obstacle = {Obstacle::Why::below_mark, PageCount{1}, PageCount{45 + 512 + 512 + 1}};
  test::Page<1024> page;
  auto out = page.sink();
  print_obstacles(out, Order{10}, {&normal, 1}, {.request = {.urgency = buddy::Urgency::high}});
  expect(page.view() ==
         TextView{"Node 0 Normal: 1 page is free, 1070 would have to be: what is left of min 45 + "
                  "kept for urgent requests 512 + free in contiguous areas 512 + the block's 1; "
                  "1069 too few\n"});
}

}  // namespace quarry::view
