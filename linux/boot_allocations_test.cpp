// Small allocations of a boot: the log's buffer, copies of the command line, gigantic pages, resources, and processors.
#include <gtest/gtest.h>

#include "linux/acpi_files.hpp"
#include "linux/command_line_copies.hpp"
#include "linux/device_tree_copy.hpp"
#include "linux/gigantic_pages.hpp"
#include "linux/log_buffer.hpp"
#include "linux/processors.hpp"
#include "linux/test_boot.hpp"
#include "linux/x86_resources.hpp"

namespace quarry::lnx {
namespace {

std::vector<std::uint64_t> sizes_of(const TestBoot& boot) {
  std::vector<std::uint64_t> sizes;
  for (const Taken& taken : boot.taken) sizes.push_back(taken.range.size().raw);
  return sizes;
}

TEST(LogBuffer, a_longer_one_comes_with_its_descriptors) {
  TestBoot pc{{mib(1, 1024)}, "log_buf_len=5M"};
  LogBuffer log{pc.sizes, 17, 12};
  ASSERT_TRUE(log.set_up_early(pc.state()));
  EXPECT_EQ(sizes_of(pc), (std::vector<std::uint64_t>{8u << 20, 6u << 20, 22u << 20}));
  // Once is enough, however many processors there are.
  pc.machine.cpus = 64;
  ASSERT_TRUE(log.set_up_late(pc.state()));
  EXPECT_EQ(pc.taken.size(), 3u);
}

TEST(LogBuffer, processors_want_more_from_half_of_the_buffer_on) {
  for (const unsigned cpus : {1u, 17u, 18u}) {
    TestBoot pc{{mib(1, 1024)}, "log_buf_len=128K"};
    pc.machine.cpus = cpus;
    LogBuffer log{pc.sizes, 17, 12};
    ASSERT_TRUE(log.set_up_early(pc.state()));  // no larger than what there is
    ASSERT_TRUE(log.set_up_late(pc.state()));
    EXPECT_EQ(pc.taken.size(), cpus == 18 ? 3u : 0u) << cpus;
    if (cpus == 18) {
      EXPECT_EQ(pc.taken[0].range.size().raw, 256u << 10);
    }
  }
}

TEST(LogBuffer, without_room_for_all_of_it_nothing_is_kept) {
  TestBoot pc{{mib(1, 20)}, "log_buf_len=8M"};
  LogBuffer log{pc.sizes, 17, 12};
  ASSERT_TRUE(log.set_up_early(pc.state()));
  EXPECT_EQ(pc.state().notes.size(), 1u);
  EXPECT_TRUE(pc.is_free(mib(1, 20)));
}

TEST(CommandLines, unknown_options_are_printed_from_memory_that_comes_back) {
  TestBoot pc{{mib(1, 1024)}, "BOOT_IMAGE=/vmlinuz root=/dev/vda quiet splash"};
  ASSERT_TRUE(allocate_command_lines(pc.state()));
  ASSERT_TRUE(print_unknown_options(pc.state()));
  const std::uint64_t line = pc.command_line.size() + 1;
  EXPECT_EQ(sizes_of(pc),
            (std::vector<std::uint64_t>{line, line, sizeof "BOOT_IMAGE=/vmlinuz" + sizeof "splash" + 1}));
  EXPECT_TRUE(pc.is_free(pc.taken.back().range));
}

TEST(GiganticPages, there_are_as_many_as_memory_holds) {
  TestBoot pc{{mib(1, 4096)}};
  constexpr Bytes gigabyte{1u << 30};
  ASSERT_TRUE(pc.state().hugepages.push(pc.state().arena, {.page = Bytes{2u << 20}, .count = 7}));
  ASSERT_TRUE(pc.state().hugepages.push(pc.state().arena, {.page = gigabyte, .count = 9}));
  ASSERT_TRUE(allocate_gigantic_pages(pc.state()));
  EXPECT_EQ(pc.taken.size(), 3u);  // the first gigabyte lacks its first megabyte
  EXPECT_EQ(pc.state().given_back.size(), 3u);
  for (const boot::GivenBack& page : pc.state().given_back) EXPECT_EQ(page.as, boot::GivenBack::As::used);
  EXPECT_EQ(pc.state().notes.size(), 1u);
}

TEST(GiganticPages, not_every_processor_has_them) {
  TestBoot pc{{mib(1, 4096)}};
  pc.machine.has_gigabyte_pages = false;
  ASSERT_TRUE(pc.state().hugepages.push(pc.state().arena, {.page = Bytes{1u << 30}, .count = 1}));
  ASSERT_TRUE(allocate_gigantic_pages(pc.state()));
  EXPECT_TRUE(pc.taken.empty());
}

TEST(Resources, runs_of_frames_without_ram_are_counted_once) {
  using firmware::MapType;
  const auto entry = [](std::uint64_t begin, std::uint64_t end, MapType type) {
    return firmware::MapEntry{PhysAddr{begin}, Bytes{end - begin}, type};
  };
  const PageSize page{12};
  const firmware::MapEntry pc[] = {
      entry(0, 0x1000, MapType::reserved),          entry(0x1000, 0x9fc00, MapType::usable),
      entry(0x9fc00, 0xa0000, MapType::reserved),   entry(0xf0000, 0x100000, MapType::reserved),
      entry(0x100000, 0x3ffe0000, MapType::usable), entry(0x3ffe0000, 0x40000000, MapType::reserved)};
  EXPECT_EQ(count_nosave_regions(pc, Pfn{0x3ffe0}, page), 2u);
  EXPECT_EQ(count_nosave_regions(pc, Pfn{0x40000}, page), 3u);
  // Two that share a page: the page is a run, and the gap after it begins with it again.
  const firmware::MapEntry odd[] = {entry(0, 0x2800, MapType::usable), entry(0x2900, 0x3800, MapType::usable),
                                    entry(0x5000, 0x6000, MapType::usable)};
  EXPECT_EQ(count_nosave_regions(odd, Pfn{6}, page), 1u);
  EXPECT_EQ(count_nosave_regions({}, Pfn{0}, page), 0u);
}

TEST(Resources, the_madt_says_how_many_interrupt_controllers_there_are) {
  std::vector<std::byte> madt(44);
  const auto add = [&](unsigned type, unsigned length) {
    madt.push_back(static_cast<std::byte>(type));
    madt.push_back(static_cast<std::byte>(length));
    madt.resize(madt.size() + length - 2);
  };
  add(0, 8), add(1, 12), add(2, 10), add(1, 12);
  MachineDescription machine;
  EXPECT_FALSE(read_madt(madt, "madt.bin", machine));
  EXPECT_EQ(machine.interrupt_controllers, 2u);
  madt.pop_back();  // the last entry is cut off
  const auto problem = read_madt(madt, "madt.bin", machine);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->exit_status, ExitStatus::malformed_input);
  EXPECT_TRUE(read_madt(std::span{madt}.first(43), "madt.bin", machine));
}

TEST(Profiles, an_unknown_release_is_taken_for_the_nearest_variant) {
  EXPECT_EQ(builtin_profile(boot::Arch::x86_64, "5.15.0-91-generic").release, "6.1.0-56-amd64");
  EXPECT_EQ(builtin_profile(boot::Arch::x86_64, "6.1.0-9-cloud-amd64").release, "6.1.0-56-cloud-amd64");
  EXPECT_EQ(builtin_profile(boot::Arch::arm, "5.10.0-8-armmp-lpae").release, "6.1.0-50-armmp-lpae");
  EXPECT_EQ(builtin_profile(boot::Arch::x86_64).release, "6.1.0-56-cloud-amd64");
}

TEST(Processors, those_that_no_table_places_are_dealt_out) {
  TestBoot pc{{mib(1, 1024)}};
  pc.machine.cpus = 3;
  EXPECT_EQ(nodes_of_processors(pc.state()), (std::vector<NodeId>(3, NodeId{0})));
  EXPECT_EQ(possible_node_count(pc.state()), 1u);
  ASSERT_TRUE(pc.state().nodes.mark_possible(NodeId{5}));
  pc.state().nodes.settle(3);
  EXPECT_EQ(possible_node_count(pc.state()), 6u);
}

// A tree of "/" with "a@1" in it, which has one property; by hand, big-endian.
std::vector<std::byte> small_tree() {
  std::vector<std::uint32_t> words{0xd00dfeed, 0, 56, 0, 40, 17, 16, 0, 2, 0, 0, 0, 0, 0};
  const std::uint32_t structure[] = {1, 0, 1, 0x61403100, 3, 0, 0, 2, 2, 9};
  words.insert(words.end(), std::begin(structure), std::end(structure));
  words[9] = sizeof structure;
  words[3] = static_cast<std::uint32_t>(words.size() * 4);
  words.push_back(0x78000000);  // the string "x"
  words[1] = static_cast<std::uint32_t>(words.size() * 4);
  std::vector<std::byte> bytes;
  for (const std::uint32_t word : words)
    for (unsigned shift = 32; shift != 0; shift -= 8)
      bytes.push_back(static_cast<std::byte>(word >> (shift - 8)));
  return bytes;
}

TEST(DeviceTree, each_node_and_property_becomes_a_structure) {
  const auto bytes = small_tree();
  const auto tree = firmware::Fdt::from(bytes);
  ASSERT_TRUE(tree);
  const StructSizes sizes;
  // The root and its name; "a@1", its property and its name; a cell that marks the end.
  const std::uint64_t root = (208 + 1 + 7) / 8 * 8 + (96 + 1 + 7) / 8 * 8;
  const std::uint64_t node = (208 + 4 + 7) / 8 * 8 + 96 + (96 + 2 + 3) / 4 * 4;
  EXPECT_EQ(unflattened_size(tree.value(), sizes), Bytes{root + node + 4});
  TestBoot pc{{mib(1, 1024)}};
  pc.machine.tree = bytes;
  ASSERT_TRUE(allocate_device_tree(pc.state(), sizes));
  EXPECT_EQ(sizes_of(pc), (std::vector<std::uint64_t>{root + node + 4}));
  TestBoot none{{mib(1, 1024)}};
  ASSERT_TRUE(allocate_device_tree(none.state(), sizes));
  EXPECT_TRUE(none.taken.empty());
}

}  // namespace
}  // namespace quarry::lnx
