#include "quarry/view/gfp.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

using namespace buddy;

bool reads(const Request& request, TextView text) noexcept {
  test::Page page;
  auto out = page.sink();
  print_gfp(out, request);
  return page.view() == text;
}

}  // namespace

TEST(a_request_reads_as_linux_prints_its_flags) {
  expect(reads({}, "0xcc0(GFP_KERNEL)"));
  expect(reads({.urgency = Urgency::atomic, .effort = Effort::no_wait}, "0xa20(GFP_ATOMIC)"));
  expect(reads({.effort = Effort::no_wait}, "0x800(GFP_NOWAIT)"));
  expect(reads({.effort = Effort::fast_only}, "0x0(none)"));
  expect(reads({.highest = zones::ZoneType::dma}, "0xcc1(GFP_KERNEL|GFP_DMA)"));
  expect(reads({.highest = zones::ZoneType::dma32, .type = MigrateType::reclaimable},
               "0xcd4(GFP_KERNEL|GFP_DMA32|__GFP_RECLAIMABLE)"));
  expect(reads({.highest = zones::ZoneType::highmem, .urgency = Urgency::high},
               "0xce2(GFP_KERNEL|__GFP_HIGHMEM|__GFP_HIGH)"));
  expect(reads({.highest = zones::ZoneType::movable, .type = MigrateType::movable},
               "0xcca(GFP_KERNEL|__GFP_HIGHMEM|__GFP_MOVABLE)"));
  expect(reads({.placement = Placement::this_node, .urgency = Urgency::unlimited},
               "0x220cc0(GFP_KERNEL|__GFP_MEMALLOC|__GFP_THISNODE)"));
  expect(reads({.urgency = Urgency::atomic}, "0xee0(GFP_KERNEL|__GFP_HIGH|__GFP_ATOMIC)"));
}

}  // namespace quarry::view
