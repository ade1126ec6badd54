#include "quarry/boot/common_options.hpp"
#include "quarry/boot/x86_steps.hpp"
#include "quarry/boot/x86_test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::boot::x86 {
namespace {

firmware::MemoryAffinity affinity(std::uint64_t begin_mib, std::uint64_t end_mib, std::uint32_t domain) {
  return {.base = PhysAddr{begin_mib * kM}, .size = Bytes{(end_mib - begin_mib) * kM}, .domain = domain};
}

TEST(two_nodes_of_a_srat_become_memblocks) {
  TestMachine pc;
  const firmware::MemoryAffinity tables[] = {affinity(0, 512, 4), affinity(512, 2048, 1)};
  const std::uint8_t distances[] = {10, 17, 17, 10};
  pc.machine.memory_affinity = tables;
  pc.machine.distances = distances;  // domain 4 is not in it
  expect(pc.boots());
  expect_equal(pc.state.nodes.online_count(), std::size_t{2});
  expect_equal(pc.memblock.memory().view().size(), std::size_t{3});
  expect_equal(pc.memblock.memory().view()[2].node, NodeId{1});
  expect_equal(pc.state.max_possible_pfn, Pfn{0x80000});
  expect(pc.state.nodes.source() == "SRAT");
}

TEST(a_srat_that_lies_is_refused_as_a_whole) {
  TestMachine pc;
  const firmware::MemoryAffinity tables[] = {affinity(0, 600, 0), affinity(512, 1024, 1)};
  pc.machine.memory_affinity = tables;
  expect(pc.boots());
  expect_equal(pc.state.nodes.online_count(), std::size_t{1});
  expect(pc.state.nodes.source() == "none");
  for (const early::Region& region : pc.memblock.memory().view()) expect_equal(region.node, NodeId{0});
}

TEST(numa_off_and_noacpi_leave_the_srat_alone) {
  for (const char* option : {"numa=off", "numa=noacpi"}) {
    TestMachine pc;
    const firmware::MemoryAffinity tables[] = {affinity(0, 512, 0), affinity(512, 1024, 1)};
    pc.machine.memory_affinity = tables;
    pc.machine.command_line = option;
    expect(pc.boots());
    expect_equal(pc.state.nodes.online_count(), std::size_t{1});
  }
}

TEST(less_than_a_megabyte_outside_all_nodes_is_what_linux_does_not_survive) {
  TestMachine pc;
  const firmware::MemoryAffinity tables[] = {
      affinity(0, 512, 0), {.base = PhysAddr{512 * kM}, .size = Bytes{512 * kM - 0x80000}, .domain = 1}};
  pc.machine.memory_affinity = tables;
  pc.machine.limits.known_bugs = KnownBugs::reproduced;
  expect(!pc.boots());
  expect(TextView{pc.state.failure.step} == "zone_sizes_init");
  expect_equal(pc.state.failure.where.size(), Bytes{0x80000});
  expect_equal(pc.state.failure.needed, Bytes{0});  // it is not about a size

  TestMachine mended;
  mended.machine.memory_affinity = tables;
  expect(mended.boots());
  expect_equal(mended.memblock.memory().view().back().node, NodeId{0});
}

TEST(fake_nodes_need_a_kernel_that_has_them) {
  TestMachine without;
  without.machine.command_line = "numa=fake=4";
  expect(without.boots());
  expect_equal(without.state.nodes.online_count(), std::size_t{1});
  TestMachine with;
  with.machine.command_line = "numa=fake=4";
  with.machine.limits.has_numa_emulation = true;
  expect(with.boots());
  expect_equal(with.state.nodes.online_count(), std::size_t{4});
}

TEST(distances_of_a_refused_srat_are_given_back) {
  TestMachine pc;
  const firmware::MemoryAffinity tables[] = {affinity(0, 600, 0), affinity(512, 1024, 1)};
  const std::uint8_t distances[] = {10, 20, 20, 10};
  pc.machine.memory_affinity = tables;
  pc.machine.distances = distances;
  pc.state.hooks = {nullptr, [](void*, HookPoint point, State& state) noexcept -> Result<Done> {
                      if (point != HookPoint::numa_distance) return Done{};
                      state.numa_distance = range(900 * kM, 900 * kM + 4);
                      return state.memblock.reserve(state.numa_distance, "NUMA distances");
                    }};
  expect(pc.boots());
  expect(pc.state.numa_distance.empty() && !pc.memblock.is_reserved(PhysAddr{900 * kM}));
  expect_equal(pc.state.nodes.distance_count(), std::size_t{0});
}

TEST(a_kernel_without_numa_has_one_node) {
  TestMachine pc;
  pc.machine.limits.has_numa = false;
  expect(pc.boots());
  expect_equal(pc.memblock.memory().view()[0].node, NodeId{0});
  expect_equal(pc.state.nodes.online_count(), std::size_t{1});
}

TEST(options_of_all_architectures_reach_the_state) {
  TestMachine pc;
  pc.machine.command_line =
      "movablecore=30% kernelcore=512M hugepages=3 hugepagesz=1G hugepages=0:1,1:2 hugetlb_cma=64M "
      "movable_node";
  expect(static_cast<bool>(parse_early_param(pc.state)));
  const MovableRequest& movable = pc.state.movable;
  expect(movable.movablecore_percent == 30 && movable.kernelcore == Bytes{512 * kM} && movable.movable_node);
  expect(pc.memblock.movable_node() == early::MovableNode::on);
  expect_equal(pc.state.hugepages.size(), std::size_t{3});
  expect_equal(pc.state.hugepages.begin()->count, std::uint64_t{3});
  expect_equal(pc.state.hugepages.begin()->page, Bytes{0});
  expect_equal(pc.state.hugetlb_cma, Bytes{64 * kM});
  expect(pc.state.notes.empty());
}

TEST(malformed_options_are_noted_and_change_nothing) {
  TestMachine pc;
  pc.machine.command_line = "kernelcore=101% movablecore=x hugepagesz=big hugepages=4 hugetlb_cma=";
  expect(static_cast<bool>(parse_early_param(pc.state)));
  expect_equal(pc.state.notes.size(), std::size_t{5});
  expect(pc.state.hugepages.empty() && pc.state.movable.kernelcore == Bytes{0});
  MovableRequest request;
  expect_equal(parse_kernelcore(request, "101%").error(), Error::bad_argument);
  expect(static_cast<bool>(parse_kernelcore(request, "mirror")) && request.mirror);
}

}  // namespace
}  // namespace quarry::boot::x86
