#include "quarry/view/buddyinfo.hpp"

#include "quarry/base/geometries.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

CountedZone dma_zone() noexcept {
  CountedZone zone{.node = NodeId{0}, .type = zones::ZoneType::dma};
  zone.stats.free_blocks[6][page::index_of(page::MigrateType::unmovable)] = 1;
  zone.stats.free_blocks[6][page::index_of(page::MigrateType::movable)] = 2;
  zone.stats.free_blocks[10][page::index_of(page::MigrateType::movable)] = 3;
  zone.stats.pageblocks[page::index_of(page::MigrateType::movable)] = 7;
  return zone;
}

}  // namespace

TEST(buddyinfo_reads_as_proc_prints_it) {
  const CountedZone zones[] = {dma_zone()};
  test::Page page;
  auto out = page.sink();
  print_buddyinfo(out, Order{10}, zones);
  expect(page.view() == TextView{"Node 0, zone      DMA      0      0      0      0      0      0      3 "
                                 "     0      0      0      3 \n"});
}

TEST(pagetypeinfo_reads_as_proc_prints_it) {
  const CountedZone zones[] = {dma_zone()};
  test::Page<4096> page;
  auto out = page.sink();
  print_pagetypeinfo(out, k4KSparse, CmaColumn::absent, zones);
  const TextView text = page.view();
  expect(text.starts_with(
      "Page block order: 9\nPages per block:  512\n\n"
      "Free pages count per migrate type at order       0      1      2      3      4      5      6      7 "
      "     8      9     10 \n"
      "Node    0, zone      DMA, type    Unmovable      0      0      0      0      0      0      1      0 "
      "     0      0      0 \n"
      "Node    0, zone      DMA, type      Movable      0      0      0      0      0      0      2      0 "
      "     0      0      3 \n"));
  expect(text.ends_with(
      "\nNumber of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate \n"
      "Node 0, zone      DMA            0            7            0            0            0 \n"));
  const std::size_t without = page.size;
  print_pagetypeinfo(out, k4KSparse, CmaColumn::present, zones);
  expect(page.size > 2 * without && !page.cut);
}

}  // namespace quarry::view
