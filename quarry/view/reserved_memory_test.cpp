#include "quarry/view/reserved_memory.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

using Kind = boot::ReservedMemoryEvent::Kind;

constexpr PhysRange range(std::uint64_t begin, std::uint64_t end) noexcept {
  return {PhysAddr{begin}, PhysAddr{end}};
}

}  // namespace

TEST(each_event_is_a_line_of_the_kernel_s) {
  test::Page page;
  auto out = page.sink();
  print_reserved_memory(
      out, {.kind = Kind::not_reserved, .node = "a@48000000", .range = range(0x4800'0000, 0x4810'0000)},
      kNarrowAddress);
  print_reserved_memory(out, {.kind = Kind::not_allocated, .node = "pool", .range = range(0, 8u << 20)},
                        kWideAddress);
  print_reserved_memory(
      out, {.kind = Kind::area_made, .node = "pool", .range = range(0x7e80'0000, 0x7f00'0000)}, kWideAddress);
  print_reserved_memory(out, {.kind = Kind::initialized, .node = "pool", .other = "shared-dma-pool"},
                        kWideAddress);
  print_reserved_memory(out, {.kind = Kind::refused, .node = "b"}, kWideAddress);
  expect(
      page.view() ==
      TextView{"OF: fdt: Reserved memory: failed to reserve memory for node 'a@48000000': base 0x48000000, "
               "size 1 MiB\n"
               "OF: reserved mem: failed to allocate memory for node 'pool': size 8 MiB\n"
               "Reserved memory: created CMA memory pool at 0x000000007e800000, size 8 MiB\n"
               "OF: reserved mem: initialized node pool, compatible id shared-dma-pool\n"
               "OF: reserved mem: node b compatible matching fail\n"});
}

TEST(an_overlap_is_two_lines_with_exclusive_ends) {
  test::Page page;
  auto out = page.sink();
  print_reserved_memory(out,
                        {.kind = Kind::overlap,
                         .node = "a",
                         .range = range(0x4800'0000, 0x4900'0000),
                         .other = "b",
                         .other_range = range(0x4840'0000, 0x4850'0000)},
                        kNarrowAddress);
  expect(page.view() == TextView{"OF: reserved mem: OVERLAP DETECTED!\n"
                                 "a (0x48000000--0x49000000) overlaps with b (0x48400000--0x48500000)\n"});
}

}  // namespace quarry::view
