// quarry/memory/early_system.hpp: the stages before a page has a descriptor, and all that they keep.
//
//   Machine --> flow of its architecture --> memblock, nodes, zone limits --> zones and zonelists
//
// Nothing here depends on the page size at compile time, so one binary serves every machine.
#pragma once

#include "quarry/boot/flow.hpp"
#include "quarry/early/bootmem.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"
#include "quarry/zones/layout.hpp"

namespace quarry::memory {

// What RAM holds that nobody wrote to yet. Simulated RAM reads as zero, and need not be touched to make it so.
enum class FreshRam : std::uint8_t { anything, zero };

// Who is asked and who is told while the flow runs. All of it may be absent.
struct EarlyConfig {
  early::DirectMap direct_map{};
  FreshRam fresh_ram = FreshRam::anything;
  early::SpareStorage spare{};
  early::Observer observer{};
  boot::Hooks hooks{};
  boot::StepObserver steps{};
  // Which allocator serves from the moment that nodes are known, and what bootmem needs if it is that one.
  boot::EarlyChoice early = boot::EarlyChoice::memblock;
  early::DirectMap
      bitmap_map{};  // where bitmaps are reached; direct_map reaches them too where it has a function
  early::Observer bootmem_observer{};
};

class EarlySystem {
 public:
  // Lays the tables out in `arena` and itself beside them. `machine`, `arena` and what `config` points at
  // outlive it.
  //
  // Errors    no_room: the arena is too small even for the empty tables.
  // Cost      O(entries of the firmware's map).
  static Result<EarlySystem*> make(const boot::Machine& machine, Arena& arena,
                                   const EarlyConfig& config) noexcept;
  EarlySystem(const EarlySystem&) = delete;
  EarlySystem& operator=(const EarlySystem&) = delete;

  // Runs the machine's flow. Once only.
  //
  // Errors    what the failing step says; state().failure has the words for it.
  Result<Done> run_flow() noexcept { return boot::run(state_, steps_); }

  // Cuts nodes into zones. After run_flow().
  //
  // Errors    no_memory: no memory is left to make zones of; and those of zones::lay_out.
  Result<Done> cut_zones() noexcept;

  const boot::Machine& machine() const noexcept { return state_.machine; }
  boot::State& state() noexcept { return state_; }
  const boot::State& state() const noexcept { return state_; }
  early::Memblock& memblock() noexcept { return memblock_; }
  const early::Memblock& memblock() const noexcept { return memblock_; }
  // Null: memblock serves to the end, or nodes are not known yet.
  early::Bootmem* bootmem() noexcept { return state_.allocator.bootmem(); }
  const early::Bootmem* bootmem() const noexcept { return state_.allocator.bootmem(); }
  const map::E820Map& map() const noexcept { return map_; }
  early::DirectMap direct_map() const noexcept { return direct_map_; }
  FreshRam fresh_ram() const noexcept { return fresh_ram_; }
  zones::Layout& layout() noexcept { return layout_; }
  const zones::Layout& layout() const noexcept { return layout_; }

 private:
  EarlySystem(const boot::Machine& machine, Arena& arena, const EarlyConfig& config, early::Storage regions,
              const map::E820Storage& entries) noexcept;

  early::DirectMap direct_map_;
  FreshRam fresh_ram_;
  early::Memblock memblock_;
  map::E820Map map_;
  boot::State state_;
  boot::StepObserver steps_;
  zones::Layout layout_{};
};

}  // namespace quarry::memory
