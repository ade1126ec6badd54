#include "quarry/view/slabinfo.hpp"

#include "quarry/view/memory_line.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {

TEST(slabinfo_reads_as_proc_prints_it) {
  test::Page page;
  auto out = page.sink();
  print_slabinfo_line(out, {.name = "kmalloc-64",
                            .object_size = 64,
                            .size = 64,
                            .align = 64,
                            .objects_per_slab = 64,
                            .pages_per_slab = PageCount{1},
                            .active_objects = 3,
                            .total_objects = 128,
                            .active_slabs = 1,
                            .total_slabs = 2,
                            .at_hand = 2});
  expect(page.view() == TextView{"kmalloc-64             5    128     64   64    1 : tunables    0    0    0"
                                 " : slabdata      2      2      0\n"});
}

TEST(memory_line_reads_as_the_kernel_prints_it) {
  constexpr auto kib = [](std::uint64_t n) { return Bytes{n << 10}; };
  MemoryLine line{.available = kib(2040936),
                  .physical = kib(2097148),
                  .kernel_code = kib(11264),
                  .rwdata = kib(1700),
                  .rodata = kib(3732),
                  .init = kib(2048),
                  .bss = kib(377),
                  .reserved = kib(39828),
                  .cma_reserved = kib(16384),
                  .highmem = kib(1294332),
                  .has_highmem = true};
  test::Page page;
  auto out = page.sink();
  print_memory_line(out, line);
  line.has_highmem = false;
  print_memory_line(out, line);
  expect(
      page.view() ==
      TextView{
          "Memory: 2040936K/2097148K available (11264K kernel code, 1700K rwdata, 3732K rodata, 2048K init, "
          "377K bss, 39828K reserved, 16384K cma-reserved, 1294332K highmem)\n"
          "Memory: 2040936K/2097148K available (11264K kernel code, 1700K rwdata, 3732K rodata, 2048K init, "
          "377K bss, 39828K reserved, 16384K cma-reserved)\n"});
}

}  // namespace quarry::view
