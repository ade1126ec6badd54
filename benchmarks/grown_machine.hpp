// benchmarks/grown_machine.hpp: a PC of any size, with any number of nodes and cores, brought up natively.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "host/early_memory.hpp"
#include "host/many_core_host.hpp"
#include "host/virtual_arena.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/metadata.hpp"

namespace quarry::bench {

// Locks that are counted, and for how long they are held.
class QUARRY_LOCK_TYPE CountedLock {
 public:
  static inline std::uint64_t holds = 0;
  static inline double held_ns = 0, since = 0;
  static inline double (*clock)() = nullptr;  // null: only counted
  void acquire() noexcept QUARRY_ACQUIRES() {
    ++holds;
    if (clock != nullptr) since = clock();
  }
  void release() noexcept QUARRY_RELEASES() {
    if (clock != nullptr) held_ns += clock() - since;
  }
};

// Cores of which one thread is now this one, now that.
class GrownHost : public hosted::ManyCoreHost {
 public:
  using hosted::ManyCoreHost::ManyCoreHost;
  using Lock = CountedLock;
};

struct GrownSize {
  std::uint64_t bytes = std::uint64_t{1} << 30;
  unsigned nodes = 1, cores = 1;
};

// RAM from 0 to `bytes`, but for a gap of 1 GiB below 4 GiB, in equal shares for the nodes; the kernel at 16 MiB.
class GrownMachine {
 public:
  static constexpr Geometry kGeometry = k4KSparse;
  using System = memory::PageSystem<kGeometry, GrownHost, buddy::NoObserver, buddy::CompactPolicy>;

  explicit GrownMachine(const GrownSize& size) : cores_{size.cores} {
    constexpr std::uint64_t mib = std::uint64_t{1} << 20, gib = std::uint64_t{1} << 30, low = 3 * gib;
    add_ram(0, 0x9f000);
    add_ram(mib, size.bytes < low ? size.bytes : low);
    if (size.bytes > low) add_ram(4 * gib, size.bytes + gib);
    const std::uint64_t end = map_.back().base.raw + map_.back().size.raw, share = end / size.nodes;
    for (unsigned node = 0; node < size.nodes; ++node)
      affinity_.push_back({PhysAddr{node * share}, Bytes{share}, node});
    for (unsigned core = 0; core < size.cores; ++core) cpu_affinity_.push_back({core, core % size.nodes});
    machine_.geometry = kGeometry;
    machine_.limits.phys_bits = 52;
    machine_.cpus = size.cores;
    machine_.map = map_;
    if (size.nodes > 1) machine_.memory_affinity = affinity_, machine_.cpu_affinity = cpu_affinity_;
    machine_.kernel.whole = machine_.kernel.text = {PhysAddr{16 * mib}, PhysAddr{32 * mib}};
    ram_ = std::make_unique<hosted::PagedRam>(ranges_, PageSize{12});
    ram_->reserve(ranges_);
  }

  // The whole pipeline; what is not yet needed is left for later.
  void bring_up() {
    const auto early = memory::EarlySystem::make(machine_, arena_.arena(),
                                                 {.direct_map = hosted::direct_map_of(*ram_),
                                                  .fresh_ram = memory::FreshRam::zero,
                                                  .spare = hosted::spare_of(arena_.arena())});
    if (!early) fail("no room for the early system");
    early_ = early.value();
    system_ =
        std::make_unique<System>(*early_, GrownHost{*ram_, cores_}, memory::metadata_in_ram(*early_),
                                 memory::PageConfig{.allocator = {.hand_over = buddy::HandOver::deferred}});
    memory::Stage reached{};
    if (!memory::bring_up(*early_, *system_, reached)) fail("a stage of bring_up()");
  }
  System::Allocator& pages() { return system_->allocator(); }
  System& system() { return *system_; }
  const zones::Layout& layout() const { return early_->layout(); }
  hosted::SimulatedCores& cores() { return cores_; }

 private:
  void add_ram(std::uint64_t begin, std::uint64_t end) {
    map_.push_back({PhysAddr{begin}, Bytes{end - begin}, firmware::MapType::usable});
    ranges_.push_back({PhysAddr{begin}, PhysAddr{end}});
  }
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "quarry: the machine does not come up: %s\n", what);
    std::exit(1);
  }

  std::vector<firmware::MapEntry> map_;
  std::vector<PhysRange> ranges_;
  std::vector<firmware::MemoryAffinity> affinity_;
  std::vector<firmware::CpuAffinity> cpu_affinity_;
  boot::Machine machine_;
  hosted::SimulatedCores cores_;
  std::unique_ptr<hosted::PagedRam> ram_;
  hosted::VirtualArena arena_{std::size_t{1} << 32};
  memory::EarlySystem* early_ = nullptr;
  std::unique_ptr<System> system_;
};

}  // namespace quarry::bench
