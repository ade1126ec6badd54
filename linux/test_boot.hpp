// linux/test_boot.hpp: a machine between two steps of its boot, for tests of single allocations.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "host/virtual_arena.hpp"
#include "linux/struct_sizes.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::lnx {

struct Taken {
  std::string owner;
  PhysRange range;
};

// An x86_64 with memory that nobody has touched yet, all of it mapped. What is allocated is listed in `taken`.
struct TestBoot {
  explicit TestBoot(std::vector<PhysRange> memory, std::string line = {}) : command_line{std::move(line)} {
    machine.command_line = {command_line.data(), command_line.size()};
    for (const PhysRange range : memory)
      map.push_back({range.begin(), range.size(), firmware::MapType::usable});
    machine.map = map;
    memory::EarlyConfig config;
    config.observer = {this, [](void* self, const early::Event& event) noexcept {
                         auto& boot = *static_cast<TestBoot*>(self);
                         if (event.action == early::Action::alloc)
                           boot.taken.push_back({{event.owner.data(), event.owner.size()}, event.range});
                       }};
    system = memory::EarlySystem::make(machine, arena.arena(), config).value();
    for (const PhysRange range : memory)
      check(static_cast<bool>(system->memblock().add(range, "test", early::Flags::none, NodeId{0})),
            "the test's memory");
    numa::Nodes& nodes = state().nodes;
    const PhysRange all{PhysAddr{0}, memory.back().end()};
    check(nodes.reset(1) && nodes.add_block(NodeId{0}, all) && nodes.mark_possible(NodeId{0}),
          "the test's node");
    nodes.settle(1);
    state().max_pfn = machine.geometry.page_size().pfn_down(memory.back().end());
    state().max_possible_pfn = state().max_low_pfn = state().max_pfn;
    state().zone_limits = {.dma = Pfn{4096},
                           .dma32 = std::min(state().max_pfn, Pfn{1u << 20}),
                           .normal = state().max_pfn,
                           .highmem = {}};
  }
  boot::State& state() { return system->state(); }
  bool is_free(PhysRange range) const { return !system->memblock().is_region_reserved(range); }

  std::string command_line;
  std::vector<firmware::MapEntry> map;
  boot::Machine machine;
  hosted::VirtualArena arena{std::size_t{16} << 20};
  memory::EarlySystem* system = nullptr;
  std::vector<Taken> taken;
  StructSizes sizes = struct_sizes_of(builtin_profile(boot::Arch::x86_64));
};

inline PhysRange mib(std::uint64_t begin, std::uint64_t end) {
  return {PhysAddr{begin << 20}, PhysAddr{end << 20}};
}

}  // namespace quarry::lnx
