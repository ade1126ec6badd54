// Machines between two others: each difference named once, nothing chosen is the one, everything chosen the other.
#include "linux/machine_mix.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>

#include "linux/describe.hpp"
#include "linux/mix_parts.hpp"
#include "linux/tree_facts.hpp"
#include "linux/tree_tokens.hpp"
#include "linux/tree_writer.hpp"

namespace quarry::lnx {
namespace {

using firmware::MapEntry;
using firmware::MapType;

MachineDescription pc(DescribeOptions options = {}) { return *describe("pc-2g", options); }

PhysRange mib(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin << 20}, PhysAddr{end << 20}}; }

MapEntry entry(std::uint64_t begin, std::uint64_t end, MapType type = MapType::usable) {
  return {mib(begin, end).begin(), mib(begin, end).size(), type};
}

std::vector<std::string> whats(const MachineMix& mix) {
  std::vector<std::string> all;
  for (const Difference& difference : mix.differences()) all.push_back(difference.what);
  return all;
}

using Words = std::vector<std::string>;

TEST(MachineMix, machines_that_are_alike_have_no_differences) {
  for (const Builtin& builtin : builtins()) {
    const MachineMix mix{*describe(builtin.name), *describe(builtin.name)};
    EXPECT_EQ(whats(mix), Words{}) << builtin.name;
    EXPECT_TRUE(mix.mixed({}));
  }
}

TEST(MachineMix, command_lines_differ_word_by_word) {
  const MachineMix mix{pc({.command_line = "quiet mem=1G root=/dev/vda dyndbg=\"file a +p\""}),
                       pc({.command_line = "mem=2G root=/dev/vda dyndbg=\"file a +p\" cma=64M"})};
  EXPECT_EQ(whats(mix), (Words{"quiet", "mem", "cma=64M"}));
  EXPECT_EQ(mix.differences()[1].before, "mem=1G");
  EXPECT_EQ(mix.differences()[1].after, "mem=2G");
  const auto line = [&](Chosen chosen) { return mix.mixed(chosen)->command_line; };
  EXPECT_EQ(line({false, false, false}), mix.from().command_line);
  EXPECT_EQ(line({true, true, true}), mix.to().command_line);
  EXPECT_EQ(line({false, true, false}), "quiet mem=2G root=/dev/vda dyndbg=\"file a +p\"");
  EXPECT_EQ(line({true, false, true}), "mem=1G root=/dev/vda dyndbg=\"file a +p\" cma=64M");
}

TEST(MachineMix, words_that_change_places_are_a_difference) {
  const MachineMix mix{pc({.command_line = "hugepagesz=1G hugepages=2"}),
                       pc({.command_line = "hugepages=2 hugepagesz=1G"})};
  ASSERT_EQ(mix.differences().size(), 1u);
  EXPECT_EQ(mix.mixed({true})->command_line, "hugepages=2 hugepagesz=1G");
}

TEST(MachineMix, a_line_of_very_many_words_is_one_difference) {
  std::string line;
  for (unsigned i = 0; i < 1000; ++i) line += "w" + std::to_string(i) + " ";
  const MachineMix mix{pc(), pc({.command_line = line})};
  ASSERT_EQ(mix.differences().size(), 1u);
  EXPECT_EQ(mix.mixed({true})->command_line, line);
}

//   from   |---- usable ----|--rsv--|          |
//   to     |-usable-|--rsv----------|--usable--|
TEST(MachineMix, maps_differ_by_address_and_memory_comes_before_it_goes) {
  MachineDescription from = pc(), to = pc();
  from.map = {entry(0, 64), entry(64, 80, MapType::reserved)};
  to.map = {entry(0, 32), entry(32, 80, MapType::reserved), entry(96, 128)};
  const MachineMix mix{from, to};
  EXPECT_EQ(whats(mix), (Words{"[mem 0x6000000-0x7ffffff]", "[mem 0x2000000-0x3ffffff]"}));
  EXPECT_EQ(mix.differences()[0].before, "");
  EXPECT_EQ(mix.differences()[0].after, "usable");
  EXPECT_EQ(mix.differences()[1].before, "usable");
  EXPECT_EQ(mix.differences()[1].after, "reserved");
  EXPECT_EQ(mix.mixed({false, false})->map, from.map);
  EXPECT_EQ(mix.mixed({true, true})->map, to.map);
  EXPECT_EQ(mix.mixed({true, false})->map,
            (std::vector{entry(0, 64), entry(64, 80, MapType::reserved), entry(96, 128)}));
}

TEST(MachineMix, ranges_in_other_entries_are_a_difference_of_their_own) {
  MachineDescription from = pc(), to = pc();
  from.map = {entry(0, 64)};
  to.map = {entry(0, 32), entry(32, 64)};
  const MachineMix mix{from, to};
  ASSERT_EQ(mix.differences().size(), 1u);
  EXPECT_EQ(mix.differences()[0].kind, DifferenceKind::memory);
  EXPECT_EQ(mix.mixed({true})->map, to.map);
}

TEST(MachineMix, an_initrd_at_the_end_of_ram_follows_the_memory) {
  MachineDescription from = pc(), to = pc();
  from.map = {entry(0, 64)};
  from.initrd = mib(60, 64);
  to.map = {entry(0, 128), entry(512, 640)};
  to.initrd = mib(636, 640);
  const MachineMix grows{from, to}, shrinks{to, from};
  EXPECT_EQ(whats(grows), (Words{"[mem 0x4000000-0x7ffffff]", "[mem 0x20000000-0x27ffffff]"}));
  EXPECT_EQ(grows.mixed({true, false})->initrd, from.initrd);
  EXPECT_EQ(grows.mixed({true, true})->initrd, to.initrd);
  // Where the one of `to` lies is gone: it lies where it will.
  EXPECT_EQ(shrinks.mixed({false, true})->initrd, from.initrd);
  EXPECT_EQ(shrinks.mixed({true, false})->initrd, to.initrd);
}

TEST(MachineMix, a_kernel_in_another_place_of_the_same_memory_is_a_difference) {
  MachineDescription to = pc({.kernel_at = PhysAddr{0x4000000}});
  const MachineMix mix{pc(), to};
  ASSERT_EQ(whats(mix), Words{"where the kernel lies"});
  EXPECT_EQ(mix.mixed({true})->image.whole, to.image.whole);
  EXPECT_EQ(mix.mixed({true})->image.bss, to.image.bss);
  EXPECT_EQ(mix.mixed({false})->image.whole, pc().image.whole);
}

TEST(MachineMix, an_option_of_the_configuration_is_taken_over_with_what_follows_from_it) {
  MachineDescription from = pc(), to = pc();
  to.kernel.config.insert_or_assign("CONFIG_NODES_SHIFT", "3");
  to.kernel.config.insert_or_assign("CONFIG_OF_NO_INTEREST", "y");
  ASSERT_TRUE(derive(to.kernel, 12, 27));
  from.kernel.limits.phys_bits = to.kernel.limits.phys_bits = 52;  // what the processor has
  const MachineMix mix{from, to};
  ASSERT_EQ(whats(mix), Words{"CONFIG_NODES_SHIFT"});
  EXPECT_EQ(mix.mixed({true})->kernel.limits.max_nodes, 8u);
  EXPECT_EQ(mix.mixed({true})->kernel.limits.phys_bits, 52u);
  EXPECT_EQ(mix.mixed({false})->kernel.limits.max_nodes, from.kernel.limits.max_nodes);
}

TEST(MachineMix, another_architecture_is_one_difference) {
  const MachineMix mix{pc(), *describe("arm64-virt-8g")};
  ASSERT_EQ(mix.differences().size(), 1u);
  EXPECT_EQ(mix.differences()[0].kind, DifferenceKind::architecture);
  EXPECT_EQ(mix.mixed({true})->kernel.arch, boot::Arch::arm64);
  EXPECT_EQ(mix.mixed({false})->kernel.arch, boot::Arch::x86_64);
}

// --- Trees -------------------------------------------------------------------------------------------------

MachineDescription board(const std::vector<PhysRange>& memory, const std::vector<std::string>& reserved,
                         const char* bootargs = "quiet") {
  TreeWriter tree;
  tree.number("#address-cells", 2).number("#size-cells", 2);
  for (const PhysRange range : memory) {
    tree.begin("memory@" + std::to_string(range.begin().raw >> 20)).text("device_type", "memory");
    tree.ranges("reg", std::span{&range, 1}).end();
  }
  if (!reserved.empty()) {
    tree.begin("reserved-memory").number("#address-cells", 2).number("#size-cells", 2).flag("ranges");
    for (std::size_t i = 0; i < reserved.size(); ++i) {
      const PhysRange range = mib(1100 + 16 * i, 1104 + 16 * i);
      tree.begin(reserved[i]).ranges("reg", std::span{&range, 1}).end();
    }
    tree.end();
  }
  tree.begin("chosen").text("bootargs", bootargs).end();
  MachineDescription machine = *describe("arm64-virt-8g");
  machine.tree = tree.finish();
  machine.command_line = bootargs;
  return machine;
}

TEST(MachineMix, trees_differ_by_banks_and_reserved_nodes) {
  const MachineDescription from = board({mib(1024, 2048)}, {"fw", "vpu"}, "a=1");
  const MachineDescription to = board({mib(1024, 2048), mib(4096, 5120)}, {"fw", "gpu", "npu"}, "a=1 b=2");
  const MachineMix mix{from, to};
  EXPECT_EQ(whats(mix), (Words{"/memory@4096", "/reserved-memory/vpu", "/reserved-memory/gpu",
                               "/reserved-memory/npu", "b=2"}));
  EXPECT_EQ(mix.mixed(Chosen(5, false))->tree, from.tree);
  EXPECT_EQ(mix.mixed(Chosen(5, true))->tree, to.tree);
  const auto some = mix.mixed({true, true, false, true, false});
  const auto facts = read_tree_facts(some->tree, "mixed");
  ASSERT_TRUE(facts) << facts.problem().text;
  EXPECT_EQ(facts->memory, (std::vector{mib(1024, 2048), mib(4096, 5120)}));
  EXPECT_EQ(facts->taken.size(), 2u);  // fw and npu
  EXPECT_EQ(facts->bootargs, "a=1");
}

TEST(MachineMix, a_property_deep_in_a_tree_is_named_by_its_path) {
  const auto with = [](std::uint32_t value) {
    TreeWriter tree;
    tree.begin("soc").begin("bus").begin("dma").number("channels", value).end().end().end();
    MachineDescription machine = *describe("arm64-virt-8g");
    machine.tree = tree.finish();
    return machine;
  };
  EXPECT_EQ(whats(MachineMix{with(1), with(2)}), Words{"/soc/bus/dma channels"});
}

TEST(MachineMix, trees_that_cannot_be_told_apart_are_taken_whole) {
  MachineDescription from = board({mib(1024, 2048), mib(1024, 1536)}, {});
  const MachineDescription to = board({mib(1024, 2048)}, {});
  EXPECT_EQ(whats(MachineMix{from, to}), Words{"device tree"});  // two nodes of one name
  from.tree = {std::byte{1}, std::byte{2}};
  const MachineMix mix{from, to};
  EXPECT_EQ(whats(mix), Words{"device tree"});
  EXPECT_EQ(mix.mixed({true})->tree, to.tree);
}

// Written again, a tree says the same.
TEST(TreeTokens, a_tree_that_is_put_together_anew_has_the_same_tokens) {
  for (const char* const name : {"arm64-virt-8g", "arm-highmem-2g", "arm64-reserved"}) {
    const auto machine = describe(name);
    const auto tree = firmware::Fdt::from(machine->tree);
    ASSERT_TRUE(tree);
    const TreeTokens tokens = tokens_of(tree.value());
    std::vector<firmware::FdtReservation> reservations;
    for (const auto entry : tree.value().reservations()) reservations.push_back(entry);
    const auto bytes = flattened(tokens, reservations, 100000);
    EXPECT_EQ(bytes.size(), 100000u);
    const auto again = firmware::Fdt::from(bytes);
    ASSERT_TRUE(again) << name;
    EXPECT_EQ(tokens_of(again.value()), tokens);
    EXPECT_EQ(again.value().reservations().size(), reservations.size());
  }
}

// --- Laws --------------------------------------------------------------------------------------------------

// Whatever is chosen of two random maps, each address has the type of one of them.
RC_GTEST_PROP(MachineMix, each_address_is_as_in_one_of_the_two, ()) {
  const auto random_map = [] {
    std::vector<MapEntry> map;
    const auto count = *rc::gen::inRange<std::size_t>(0, 6);
    for (std::size_t i = 0; i < count; ++i) {
      const auto begin = *rc::gen::inRange<std::uint64_t>(0, 30);
      const auto type = *rc::gen::element(MapType::usable, MapType::reserved, MapType::acpi);
      map.push_back(entry(begin, begin + *rc::gen::inRange<std::uint64_t>(0, 12), type));
    }
    return map;
  };
  MachineDescription from = pc(), to = pc();
  from.map = random_map();
  to.map = random_map();
  const MachineMix mix{from, to};
  Chosen chosen(mix.differences().size());
  for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = *rc::gen::arbitrary<bool>();
  const auto mixed = mix.mixed(chosen);
  RC_ASSERT(mixed.has_value());
  for (std::uint64_t at = 0; at < 45; ++at) {
    const auto is = type_of(*mixed, mib(at, at + 1));
    RC_ASSERT(is == type_of(from, mib(at, at + 1)) || is == type_of(to, mib(at, at + 1)));
  }
  if (all_of(chosen)) RC_ASSERT(mixed->map == to.map);
  if (none_of(chosen)) RC_ASSERT(mixed->map == from.map);
}

}  // namespace
}  // namespace quarry::lnx
