#include "quarry/view/vmallocinfo.hpp"

#include <array>

#include "quarry/vm/vmalloc_machine_test.hpp"
#include "tests/page_sink.hpp"

namespace quarry::view {
namespace {

TEST(vmallocinfo_reads_as_proc_prints_it) {
  vm::VmallocMachine machine;
  expect(
      bool{machine.vm.vmalloc({.size = vm::pages_of(4), .caller = "irq_init_percpu_irqstack+0x114/0x1b0"})});
  const auto freed = machine.vm.vmalloc({.size = vm::pages_of(2), .caller = "gone"});
  expect(bool{machine.vm.ioremap(vm::phys(0xfed0'0000, 1024), "hpet_enable.part.0+0x20/0x560")});
  const std::array<Pfn, 2> frames{Pfn{1}, Pfn{2}};
  expect(bool{machine.vm.vmap(frames, {}, "")});
  expect(bool{machine.vm.vmalloc({.size = vm::pages_of(40), .caller = "bpf_prog_alloc+0x1a/0xa0"})});
  expect(bool{machine.vm.vfree(freed.value())});

  test::Page<> page;
  auto out = page.sink();
  std::array<PageCount, 2> on_nodes;
  print_vmallocinfo(out, machine.vm, on_nodes, 16);
  expect(
      page.view() ==
      TextView{
          "0xffffc90000000000-0xffffc90000005000   20480 irq_init_percpu_irqstack+0x114/0x1b0 pages=4 vmalloc"
          " N1=4\n"
          "0xffffc90000008000-0xffffc9000000a000    8192 hpet_enable.part.0+0x20/0x560"
          " phys=0x00000000fed00000 ioremap\n"
          "0xffffc9000000a000-0xffffc9000000d000   12288 vmap\n"
          "0xffffc9000000d000-0xffffc90000036000  167936 bpf_prog_alloc+0x1a/0xa0 pages=40 vmalloc"
          " N0=15 N1=25\n"
          "0xffffc90000005000-0xffffc90000008000   12288 unpurged vm_area\n"});
}

TEST(vmallocinfo_of_32_bit_pointers_has_short_addresses_and_long_physical_ones) {
  test::Page<> page;
  auto out = page.sink();
  print_vmallocinfo_line(out,
                         {.range = {vm::VirtAddr{0xf080'0000}, vm::VirtAddr{0xf080'1000}},
                          .guard = Bytes{0x1000},
                          .kind = vm::AreaKind::ioremap,
                          .caller = "of_iomap+0x40/0x48",
                          .phys = PhysAddr{0x1'0900'0000}},
                         {}, 8);
  expect(page.view() ==
         TextView{"0xf0800000-0xf0802000    8192 of_iomap+0x40/0x48 phys=0x0000000109000000 ioremap\n"});
}

}  // namespace
}  // namespace quarry::view
