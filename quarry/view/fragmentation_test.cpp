#include "quarry/view/fragmentation.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

using page::MigrateType;

CountedZone zone_with(std::uint64_t pages, std::uint64_t pairs, std::uint64_t fours) noexcept {
  CountedZone zone{.node = NodeId{0}, .type = zones::ZoneType::dma};
  zone.stats.free_blocks[0][page::index_of(MigrateType::unmovable)] = pages;
  zone.stats.free_blocks[1][page::index_of(MigrateType::movable)] = pairs;
  zone.stats.free_blocks[2][page::index_of(MigrateType::cma)] = fours;
  return zone;
}

}  // namespace

// A zone as a kernel had it: 1 of order 6, 1 of order 7, 1 of order 9, 3 of order 10.
TEST(unusable_index_reads_as_debugfs_prints_it) {
  CountedZone zones[] = {{.node = NodeId{0}, .type = zones::ZoneType::dma},
                         {.node = NodeId{12}, .type = zones::ZoneType::movable}};
  for (const unsigned order : {6u, 7u, 9u}) zones[0].stats.free_blocks[order][0] = 1;
  zones[0].stats.free_blocks[10][1] = 3;
  test::Page page;
  auto out = page.sink();
  print_unusable_index(out, Order{10}, zones);
  expect(page.view() ==
         TextView{
             "Node 0, zone      DMA 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.016 0.050 0.050 0.186 \n"
             "Node 12, zone  Movable 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 1.000 \n"});
}

TEST(extfrag_index_reads_as_debugfs_prints_it) {
  const CountedZone zones[] = {zone_with(6, 1, 0), zone_with(0, 0, 1), zone_with(0, 0, 0),
                               zone_with(0, 1, 0)};
  test::Page page;
  auto out = page.sink();
  print_extfrag_index(out, Order{3}, zones);
  // 8 pages in 7 blocks, but none of 4: 1000 - (1000 + 2000) / 7, and so on. A single block is not in pieces.
  expect(page.view() == TextView{"Node 0, zone      DMA -1.000 -1.000  0.572  0.715 \n"
                                 "Node 0, zone      DMA -1.000 -1.000 -1.000  0.-500 \n"
                                 "Node 0, zone      DMA  0.000  0.000  0.000  0.000 \n"
                                 "Node 0, zone      DMA -1.000 -1.000  0.-500  0.-250 \n"});
}

}  // namespace quarry::view
