// benchmarks/page_pool.hpp: a page allocator over one zone, as the page workloads use it: policy compact, or linux where it is compiled
// for that, with locks, watermarks, migrate types, per-CPU lists and statistics on.
#pragma once

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "quarry/buddy/page_allocator_impl.hpp"

namespace quarry::bench {

// Cores are threads; a guard only says which one this is, as nothing interrupts a thread to allocate here.
struct BenchCores {
  static inline thread_local unsigned mine = 0;
  struct Guard {
    explicit Guard(const BenchCores&) noexcept {}
    static unsigned core() noexcept { return mine; }
  };
  using Lock = SpinLock;
  unsigned count = 1;
  unsigned core_count() const noexcept { return count; }
  unsigned this_core() const noexcept { return mine; }
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    function(self, core);
  }
};

inline constexpr Geometry kBenchGeometry = k4KSparse;
#ifdef QUARRY_BENCH_LINUX_POLICY
using BenchPolicy = buddy::LinuxPolicy;
#else
using BenchPolicy = buddy::CompactPolicy;
#endif
using BenchAllocator = buddy::PageAllocator<kBenchGeometry, buddy::NoObserver, BenchPolicy, BenchCores>;

// Zeroed memory that may be used again, so that a second machine in it faults nothing in.
class PoolMemory {
 public:
  explicit PoolMemory(std::size_t size) : size_{size} {
    void* const at =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) std::perror("quarry: no memory for the pool"), std::exit(2);
    madvise(at, size, MADV_HUGEPAGE);  // as a kernel maps its descriptors
    memory_ = static_cast<std::byte*>(at);
  }
  ~PoolMemory() { munmap(memory_, size_); }
  PoolMemory(const PoolMemory&) = delete;
  PoolMemory& operator=(const PoolMemory&) = delete;

  void reset() {
    __builtin_memset(memory_, 0, used_);
    used_ = 0;
  }
  std::size_t used() const { return used_; }
  page::MetadataSource source() {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId) noexcept -> Result<std::byte*> {
              auto& pool = *static_cast<PoolMemory*>(self);
              const std::size_t at = (pool.used_ + alignment.raw - 1) & ~(std::size_t{alignment.raw} - 1);
              if (at > pool.size_ || pool.size_ - at < size.raw) return Error::no_memory;
              pool.used_ = at + size.raw;
              return pool.memory_ + at;
            }};
  }

 private:
  std::byte* memory_;
  std::size_t size_, used_ = 0;
};

// `frames` from 4 GiB on, all free, and behind them what the zone's marks keep back, so that a workload can have all frames.
class PagePool {
 public:
  static constexpr std::uint64_t kMinFree = 4096;  // KiB
  static constexpr std::uint64_t kKept = 2048;     // frames

  PagePool(PoolMemory& memory, std::uint64_t frames, unsigned cores,
           buddy::HandOver hand_over = buddy::HandOver::at_once)
      : allocator_{buddy::NoObserver{}, BenchCores{cores}} {
    const PfnRange span{Pfn{kFirst}, Pfn{kFirst + frames + kKept}};
    constexpr auto normal = static_cast<std::uint32_t>(zones::ZoneType::normal);
    for (unsigned type = 0; type < zones::kZoneTypes; ++type) {
      layout_.ranges[type].type = zones_[type].type = static_cast<zones::ZoneType>(type);
      zones_[type].node = NodeId::first;
    }
    zones_[normal].start = span.begin();
    zones_[normal].spanned = zones_[normal].present = node_.present = span.size();
    layout_.ranges[normal].configured = true;
    layout_.ranges[normal].span = node_.span = span;
    node_.id = NodeId::first;
    refs_[0] = {normal, zones::ZoneType::normal};
    node_.zonelist = node_.no_fallback = refs_;
    range_ = {NodeId::first, span};
    layout_.nodes = {&node_, 1};
    layout_.zones = zones_;
    layout_.node_ranges = {&range_, 1};
    const auto source = memory.source();
    is_ready_ = map_.init(layout_, source) &&
                allocator_.init(layout_, map_, source, {.hand_over = hand_over}) &&
                allocator_.release(normal, span) && allocator_.start_cpu_lists(source);
    allocator_.set_watermarks(kMinFree);
    if (!is_ready_) std::fprintf(stderr, "quarry: no pool\n"), std::exit(2);
  }
  BenchAllocator& pages() { return allocator_; }
  const zones::Layout& layout() const { return layout_; }
  static constexpr std::uint64_t kFirst = std::uint64_t{1} << 20;

 private:
  zones::Layout layout_{};
  zones::Zone zones_[zones::kZoneTypes] = {};
  zones::Node node_{};
  zones::ZoneRef refs_[1] = {};
  zones::NodeRange range_{};
  page::MemoryMap<kBenchGeometry> map_;
  BenchAllocator allocator_;
  bool is_ready_ = false;
};

}  // namespace quarry::bench
