// tests/two_node_machine.hpp: a page allocator on two nodes with memory behind every frame, whose cores are threads.
#pragma once

#include <vector>

#include "host/linear_host.hpp"
#include "host/threaded_host.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_machine.hpp"
#include "quarry/memory/frames.hpp"

namespace quarry::slab {

// Memory behind every frame, and threads for cores.
class ThreadedMachine : public hosted::Threads {
 public:
  static constexpr auto kFeatures = port::Feature::many_cores;
  ThreadedMachine(const hosted::LinearRam& ram, const hosted::ThreadCores& cores) noexcept
      : Threads{cores}, ram_{&ram} {}
  std::byte* map(PfnRange pages) noexcept { return ram_->map(pages); }
  Result<Pfn> pfn_of(const void* pointer) const noexcept { return ram_->pfn_of(pointer); }

 private:
  const hosted::LinearRam* ram_;
};
static_assert(port::Platform<ThreadedMachine> && port::InverseMap<ThreadedMachine>);

//   node 0   |1 2 3|              12 MiB each, in sections of their own: `far` cores free objects of the other node
//   node 1         ...|1 2 3|
class TwoNodeMachine {
 public:
  static constexpr Geometry kGeometry = k4KSparse;

 private:
  using Buddy =
      buddy::TestMachine<kGeometry, buddy::NoObserver, buddy::LinuxPolicy, port::CoresOf<ThreadedMachine>>;
  using Allocator = decltype(Buddy::allocator);
  static constexpr std::uint64_t kSecond = Allocator::Map::kSectionPages / Buddy::kBlock;
  static constexpr std::uint64_t kBlocks = 3;  // of the highest order, on each node
  static constexpr std::uint64_t kEnd = kSecond + kBlocks;

 public:
  using Frames = memory::Frames<ThreadedMachine, Allocator>;

  explicit TwoNodeMachine(unsigned cores)
      : ram_{PhysRange{PhysAddr{0}, PhysAddr{kEnd * Buddy::kBlock << kGeometry.page_size().shift()}},
             kGeometry.page_size()},
        cores_{cores},
        platform_{ram_, cores_},
        buddy_{port::cores_of(platform_)},
        frames_{buddy_.allocator, buddy_.layout, platform_} {
    buddy_.add_zone(0, zones::ZoneType::normal, 0, kBlocks);
    buddy_.add_zone(1, zones::ZoneType::normal, kSecond, kEnd);
    for (unsigned core = 0; core < cores; ++core)
      homes_.push_back(NodeId{static_cast<std::uint16_t>(core & 1)});
  }
  bool start() {
    auto& pages = buddy_.allocator;
    const bool is_up = ram_.is_usable() && buddy_.start() && pages.release(Buddy::blocks(0, kBlocks)) &&
                       pages.release(Buddy::blocks(kSecond, kEnd)) && pages.start_cpu_lists(buddy_.source());
    for (unsigned node = 0; node < 2; ++node) buddy_.layout.nodes[node].fallback = fallback_[node];
    frames_.settle(homes_);
    return is_up;
  }
  Frames& frames() noexcept { return frames_; }
  Allocator& pages() noexcept { return buddy_.allocator; }
  // Returns   what is wrong when nobody has a page any more.
  const char* finish() {
    pages().drain_all();
    if (pages().audit()) return "a law of the page allocator is broken at the end";
    for (unsigned node = 0; node < 2; ++node) {
      const std::uint32_t zone = Buddy::zone(node, zones::ZoneType::normal);
      if (pages().free_pages_of(zone) != buddy_.layout.zones[zone].managed)
        return "pages are missing at the end";
    }
    return "";
  }

 private:
  static constexpr NodeId fallback_[2][2] = {{NodeId{0}, NodeId{1}}, {NodeId{1}, NodeId{0}}};

  hosted::LinearRam ram_;
  hosted::ThreadCores cores_;
  ThreadedMachine platform_;
  Buddy buddy_;
  Frames frames_;
  std::vector<NodeId> homes_;
};

}  // namespace quarry::slab
