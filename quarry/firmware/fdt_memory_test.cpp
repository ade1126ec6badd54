#include "quarry/firmware/fdt_memory.hpp"

#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {

TEST(a_memory_node_is_typed_and_nothing_is_decided) {
  FdtBuilder builder;
  builder.cells("#address-cells", 2).cells("#size-cells", 2);
  builder.begin("memory@0").text("device_type", "memory").numbers("reg", 0x1000, 0, 0x8000'0000, 0x4000'0001);
  builder.flag("hotpluggable").cells("numa-node-id", 3).text("status", "disabled").end();
  builder.begin("memory@1")
      .text("device_type", "memory")
      .numbers("reg", 1, 2)
      .cells("linux,usable-memory", 0, 7, 0, 9, 5);
  builder.end()
      .begin("memory@2")
      .text("device_type", "memory")
      .end()
      .begin("memory@3")
      .numbers("reg", 1, 2)
      .end();
  const Fdt tree = Fdt::from(builder.finish()).value();

  const auto first = *memory_node(tree, *tree.find("/memory@0"));
  expect(first.has_regs && !first.usable_memory && !first.available && first.hotpluggable);
  expect(first.numa_node == 3u && first.regs.whole());
  expect_equal(first.regs.size(), 2u);
  expect_equal(first.regs[0].size, Bytes{0});
  expect_equal(first.regs[1].base, PhysAddr{0x8000'0000});
  expect_equal(first.regs[1].size, Bytes{0x4000'0001});

  const auto second = *memory_node(tree, *tree.find("/memory@1"));
  expect(second.usable_memory && second.available && !second.hotpluggable && !second.numa_node);
  expect_equal(second.regs.size(), 1u);
  expect_equal(second.regs[0].base, PhysAddr{7});
  expect(!second.regs.whole());

  const auto third = *memory_node(tree, *tree.find("/memory@2"));
  expect(!third.has_regs && third.regs.empty());
  expect(!memory_node(tree, *tree.find("/memory@3")) && !memory_node(tree, tree.root()));
}

TEST(a_silent_root_has_one_cell_each) {
  FdtBuilder builder;
  builder.begin("memory").text("device_type", "memory").cells("reg", 5, 6).end();
  const Fdt tree = Fdt::from(builder.finish()).value();
  expect(root_cells(tree) == FdtCells{1, 1});
  expect_equal(memory_node(tree, *tree.find("/memory"))->regs[0].size, Bytes{6});
  expect(model(tree).empty() && !machine_compatible_with(tree, "acme,board"));
}

TEST(the_model_may_come_from_compatible) {
  FdtBuilder silent;
  silent.text("compatible", "acme,board", "acme,soc");
  expect(model(Fdt::from(silent.finish()).value()) == "acme,board");
  FdtBuilder builder;
  builder.text("compatible", "acme,board").text("model", "Acme Board");
  const Fdt tree = Fdt::from(builder.finish()).value();
  expect(model(tree) == "Acme Board" && machine_compatible_with(tree, "acme,board"));
}

TEST(reserved_memory_needs_the_roots_cells_and_ranges) {
  const auto well_formed = [](std::uint32_t address, std::uint32_t size, TextView ranges) {
    FdtBuilder builder;
    builder.cells("#address-cells", 2).cells("#size-cells", 1);
    builder.begin("reserved-memory")
        .cells("#address-cells", address)
        .cells("#size-cells", size)
        .flag(ranges)
        .end();
    return reserved_memory(Fdt::from(builder.finish()).value())->well_formed;
  };
  expect(well_formed(2, 1, "ranges"));
  expect(!well_formed(1, 1, "ranges") && !well_formed(2, 2, "ranges") && !well_formed(2, 1, "range"));
  FdtBuilder empty, bare;
  expect(!reserved_memory(Fdt::from(empty.finish()).value()));
  bare.begin("reserved-memory").flag("ranges").end();
  expect(!reserved_memory(Fdt::from(bare.finish()).value())->well_formed);
}

TEST(a_static_reservation_shows_every_property) {
  FdtBuilder builder;
  builder.cells("#address-cells", 2).cells("#size-cells", 1);
  builder.begin("reserved-memory");
  builder.begin("static@1000").cells("reg", 0, 0x1000, 0x2000, 1, 0, 16).flag("no-map").flag("reusable");
  builder.text("compatible", "shared-dma-pool").flag("linux,cma-default").text("status", "disabled").end();
  builder.begin("dynamic").cells("size", 0x4000).cells("alignment", 0, 0x2000).flag("linux,dma-default");
  builder.cells("alloc-ranges", 0, 0x10000, 0x8000).end();
  builder.begin("odd").cells("size", 0, 1).cells("alignment", 1).cells("alloc-ranges", 1, 2).end();
  builder.end();
  const Fdt tree = Fdt::from(builder.finish()).value();
  const auto at = [&](TextView name) {
    return reserved_node(tree, *reserved_memory(tree)->node.child(name));
  };

  const FdtReservedNode fixed = at("static");
  expect(fixed.name() == "static@1000" && fixed.has_reg && fixed.no_map && fixed.reusable &&
         fixed.cma_default);
  expect(!fixed.available && !fixed.dma_default && !fixed.has_alloc_ranges && !fixed.size.present);
  expect(fixed.compatible_with("shared-dma-pool") && fixed.regs.whole());
  expect_equal(fixed.regs.size(), 2u);
  expect_equal(fixed.regs[1].base, PhysAddr{0x1'0000'0000});

  const FdtReservedNode dynamic = at("dynamic");
  expect(!dynamic.has_reg && dynamic.available && dynamic.dma_default && !dynamic.no_map &&
         !dynamic.reusable);
  expect(dynamic.size.well_formed && dynamic.alignment.well_formed && dynamic.has_alloc_ranges);
  expect_equal(dynamic.size.value, 0x4000u);
  expect_equal(dynamic.alignment.value, 0x2000u);
  expect_equal(dynamic.alloc_ranges[0].size, Bytes{0x8000});

  const FdtReservedNode odd = at("odd");
  expect(odd.size.present && !odd.size.well_formed && odd.alignment.present && !odd.alignment.well_formed);
  expect_equal(odd.size.value, 0u);
  expect(odd.has_alloc_ranges && odd.alloc_ranges.empty() && !odd.alloc_ranges.whole());
}

TEST(chosen_tells_initrd_options_and_kdump) {
  FdtBuilder builder;
  builder.cells("#address-cells", 2).cells("#size-cells", 2).begin("chosen@0");
  builder.cells("linux,initrd-start", 0x8000'0000)
      .numbers("linux,initrd-end", 0x1'0000'0001)
      .text("bootargs", "mem=1G");
  builder.numbers("linux,usable-memory-range", 1, 2, 3, 4).numbers("linux,elfcorehdr", 5, 6).end();
  const FdtChosen said = chosen(Fdt::from(builder.finish()).value());
  expect(said.initrd_start == PhysAddr{0x8000'0000} && said.initrd_end == PhysAddr{0x1'0000'0001});
  expect(said.bootargs == TextView{"mem=1G"} && said.has_usable_range && said.has_elfcorehdr);
  expect_equal(said.usable_range.size(), 2u);
  expect_equal(said.elfcorehdr[0].size, Bytes{6});

  FdtBuilder odd;
  odd.begin("chosen").cells("linux,initrd-start", 1, 2, 3).flag("linux,initrd-end").end();
  const FdtChosen nothing = chosen(Fdt::from(odd.finish()).value());
  expect(!nothing.initrd_start && !nothing.initrd_end && !nothing.bootargs);
  expect(!nothing.has_usable_range && !nothing.has_elfcorehdr);
  FdtBuilder without;
  expect(!chosen(Fdt::from(without.finish()).value()).bootargs);
}

TEST(distances_are_triples_wherever_the_map_is) {
  FdtBuilder builder;
  builder.begin("deep").begin("map").text("compatible", "numa-distance-map-v1");
  builder.cells("distance-matrix", 0, 0, 10, 0, 1, 20, 1).end().end();
  const auto map = *distance_map(Fdt::from(builder.finish()).value());
  expect(map.has_matrix);
  expect_equal(map.size(), 2u);
  expect_equal(map[1].to, 1u);
  expect_equal(map[1].distance, 20u);
  expect_equal(map[0].distance, 10u);

  FdtBuilder odd, none;
  const std::byte bytes[5] = {};
  odd.begin("map").text("compatible", "numa-distance-map-v1").bytes("distance-matrix", bytes).end();
  const auto broken = *distance_map(Fdt::from(odd.finish()).value());
  expect(!broken.has_matrix);
  expect_equal(broken.size(), 0u);
  expect(!distance_map(Fdt::from(none.finish()).value()));
}

TEST(processors_are_counted_unless_they_failed) {
  FdtBuilder builder;
  builder.begin("cpus").cells("#address-cells", 2).cells("#size-cells", 0);
  builder.begin("cpu@0").numbers("reg", 0x100).cells("numa-node-id", 1).end();
  builder.begin("core@1").text("device_type", "cpu").text("status", "disabled").end();
  builder.begin("cpu@2").text("status", "fail-hot").end().begin("cpu-map").end().end();
  const Fdt tree = Fdt::from(builder.finish()).value();
  expect_equal(count_cpus(tree), 2u);
  const FdtNode cpus = *tree.find("/cpus");
  const auto first = *cpu_node(cpus, *tree.find("/cpus/cpu@0"));
  expect(first.reg.well_formed && first.available && first.numa_node == 1u);
  expect_equal(first.reg.value, 0x100u);
  const auto second = *cpu_node(cpus, *tree.find("/cpus/core@1"));
  expect(!second.available && !second.reg.present && !second.numa_node);
  expect(!cpu_node(cpus, *tree.find("/cpus/cpu-map")) && !cpu_node(cpus, *tree.find("/cpus/cpu@2")));
  FdtBuilder none;
  expect_equal(count_cpus(Fdt::from(none.finish()).value()), 0u);
}

}  // namespace quarry::firmware
