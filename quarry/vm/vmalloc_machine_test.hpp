// quarry/vm/vmalloc_machine_test.hpp: frames, page tables and a processor that remembers, for tests of vmalloc.
#pragma once

#include <array>
#include <cstddef>

#include "quarry/base/geometries.hpp"
#include "quarry/vm/arena_machine_test.hpp"
#include "quarry/vm/format_x86_64.hpp"
#include "quarry/vm/vmalloc.hpp"

namespace quarry::vm {

// The memory of the frames that have any.
struct FrameMemory {
  static constexpr std::size_t kFrames = 96;
  struct alignas(4096) Frame {
    std::array<std::uint64_t, 512> words;
  };
  std::array<Frame, kFrames> frames;
};
// One machine at a time: its memory is larger than a kernel's stack.
inline constinit FrameMemory frame_memory{};

//   single frames   0x1000 .. 0x1040 of node 0, .. 0x1060 of node 1, all in the direct map
//   huge blocks     0x40000, 0x40200 of node 0, 0x40400, 0x40600 of node 1, outside the direct map
class FakeFrames {
 public:
  static constexpr Geometry kGeometry = k4KSparse;
  static constexpr std::uint64_t kFirst = 0x1000, kFirstHuge = 0x4'0000;
  static constexpr std::size_t kFrames = FrameMemory::kFrames;
  static constexpr std::size_t kOnNode0 = 64, kHuge = 4;
  using Cores = port::OneCore;

  explicit FakeFrames(FrameMemory& memory) noexcept : memory_{memory} {}
  FakeFrames(const FakeFrames&) = delete;
  FakeFrames& operator=(const FakeFrames&) = delete;

  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    last_request = request;
    if (++calls == fail_call) return Error::no_memory;
    if (order.raw() == 9) return take_huge(request);
    expect(order == Order{0});
    const std::size_t start = request.node == NodeId{1} ? kOnNode0 : 0;
    for (std::size_t i = 0; i < kFrames; ++i) {
      const std::size_t at = start + i < kFrames ? start + i : start + i - kFrames;
      if (is_taken_[at] || (at >= high_from && request.highest < zones::ZoneType::highmem)) continue;
      is_taken_[at] = true;
      ++taken;
      memory_.frames[at].words.fill(0xdead'beef'dead'beef);
      return Pfn{kFirst + at};
    }
    return Error::no_memory;
  }
  Result<Done> free_pages(Pfn at, Order order) noexcept {
    const bool is_huge = order.raw() == 9;
    bool& is_taken =
        is_huge ? is_huge_taken_[place(at.raw - kFirstHuge) >> 9] : is_taken_[place(at.raw - kFirst)];
    if (!is_taken) return Error::wrong_owner;
    if (on_free != nullptr) on_free(watcher, PfnRange{at, at + order.pages()});
    is_taken = false;
    taken -= order.pages().raw;
    return Done{};
  }
  std::byte* map(PfnRange pages) noexcept {
    const std::uint64_t at = pages.begin().raw - kFirst;
    if (at >= unmapped_from || at >= high_from || pages.size().raw > kFrames - at) return nullptr;
    return memory_of(pages.begin());
  }
  Result<Pfn> pfn_of(const void*) const noexcept { return Error::out_of_range; }
  // In the direct map or not; of single frames.
  std::byte* memory_of(Pfn frame) noexcept {
    return reinterpret_cast<std::byte*>(memory_.frames[place(frame.raw - kFirst)].words.data());
  }
  NodeId node_of(Pfn at) const noexcept {
    const bool is_first = at.raw < kFirstHuge ? at.raw < kFirst + kOnNode0 : at.raw < kFirstHuge + 1024;
    return is_first ? NodeId{0} : NodeId{1};
  }
  NodeId home_of(unsigned) const noexcept { return NodeId{1}; }
  const Cores& cores() const noexcept { return cores_; }

  std::uint64_t taken = 0, calls = 0, fail_call = 0;
  std::size_t huge_blocks = kHuge;      // so many there are
  std::size_t unmapped_from = kFrames;  // frames from this one on are not in the direct map
  std::size_t high_from = kFrames;      // nor are these, which only they get who may have high memory
  buddy::Request last_request{};
  void (*on_free)(void* watcher, PfnRange frames) noexcept = nullptr;
  void* watcher = nullptr;

 private:
  static std::size_t place(std::uint64_t number) noexcept { return static_cast<std::size_t>(number); }
  Result<Pfn> take_huge(const buddy::Request& request) noexcept {
    const std::size_t start = request.node == NodeId{1} ? 2 : 0;
    for (std::size_t i = 0; i < huge_blocks; ++i) {
      const std::size_t at = (start + i) & (kHuge - 1);
      if (is_huge_taken_[at]) continue;
      is_huge_taken_[at] = true;
      taken += 512;
      return Pfn{kFirstHuge + at * 512};
    }
    return Error::no_memory;
  }
  FrameMemory& memory_;
  [[no_unique_address]] Cores cores_;
  std::array<bool, kFrames> is_taken_{};
  std::array<bool, kHuge> is_huge_taken_{};
};
static_assert(FrameSource<FakeFrames>);

struct FrameMap {
  FakeFrames* frames;
  std::byte* map(PfnRange pages) const noexcept { return frames->map(pages); }
};

using TestTree = PageTable<X86<4>, FrameMap>;

// Remembers each translation that it looked up until it is told to forget it. Nothing that it remembers may come to
// somebody else: neither a frame nor an address.
class FakeProcessor {
 public:
  Walkers walkers() noexcept {
    return {this, [](void*, VirtRange) noexcept {},
            [](void* self, VirtRange range) noexcept { static_cast<FakeProcessor*>(self)->forget(range); },
            [](void* self) noexcept {
              static_cast<FakeProcessor*>(self)->forget({VirtAddr{0}, VirtAddr{UINT64_MAX}});
            }};
  }
  void touch(const TestTree& tree, VirtRange range) noexcept {
    for (VirtAddr at = range.begin(); at < range.end(); at = at + Bytes{4096}) {
      const auto found = tree.lookup(at);
      expect(bool{found});
      if (!found || known_ == kMost || at - range.begin() > pages_of(40)) continue;
      remembered_[known_++] = {at, found.value().at};
    }
  }
  bool remembers(VirtRange range) const noexcept {
    for (std::size_t i = 0; i < known_; ++i)
      if (range.contains(remembered_[i].virt)) return true;
    return false;
  }
  bool remembers(PfnRange frames) const noexcept {
    for (std::size_t i = 0; i < known_; ++i)
      if (frames.contains(Pfn{remembered_[i].phys.raw >> 12})) return true;
    return false;
  }
  unsigned told = 0;

 private:
  static constexpr std::size_t kMost = 256;
  struct Known {
    VirtAddr virt;
    PhysAddr phys;
  };
  void forget(VirtRange range) noexcept {
    ++told;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < known_; ++i)
      if (!range.contains(remembered_[i].virt)) remembered_[kept++] = remembered_[i];
    known_ = kept;
  }
  std::array<Known, kMost> remembered_{};
  std::size_t known_ = 0;
};

inline constexpr std::uint64_t kHugePage = std::uint64_t{1} << 21, kGigabyte = std::uint64_t{1} << 30;

constexpr PhysRange phys(std::uint64_t begin, std::uint64_t size) noexcept {
  return PhysRange::sized(PhysAddr{begin}, Bytes{size});
}

// Everything. Its backlog is full with more than 16 pages.
struct VmallocMachine {
  using Memory = Vmalloc<TestTree, FakeFrames, NoLock>;

  explicit VmallocMachine(std::uint64_t pages = 8192, FrameZero zero = {}) noexcept
      : frames{frame_memory},
        tree{TestTree::make(FrameMap{&frames}, tables(), processor.walkers()).value()},
        vm{tree,
           lock,
           frames,
           {.range = {arena_page(0), arena_page(pages)},
            .records = records.hooks(),
            .backlog = pages_of(16),
            .most = PageCount{4000},
            .zero = zero}} {
    frames.watcher = this;
    frames.on_free = [](void* self, PfnRange freed) noexcept {
      expect(!static_cast<VmallocMachine*>(self)->processor.remembers(freed));
    };
  }
  TablePages tables() noexcept {
    return {&frames,
            [](void* self) noexcept -> Result<Pfn> {
              return static_cast<FakeFrames*>(self)->alloc_pages(Order{0}, {});
            },
            [](void* self, Pfn page) noexcept {
              expect(bool{static_cast<FakeFrames*>(self)->free_pages(page, Order{0})});
            }};
  }
  // What must be as before when something failed.
  struct Held {
    std::uint64_t frames, tables, records, live, retired;
    friend bool operator==(const Held&, const Held&) noexcept = default;
  };
  Held held() const noexcept {
    const VmallocStats stats = vm.stats();
    return {frames.taken, tree.tables(), records.taken, stats.areas.live, stats.areas.retired};
  }
  // A new area's addresses are nobody's memory of something else; from now on they are this processor's.
  VirtAddr use(Result<VirtAddr> at, std::uint64_t pages) noexcept {
    expect(bool{at});
    if (!at) return VirtAddr{};
    const VirtAddr begin{align_down(at.value().raw, kArenaPage)};
    const VirtRange range{begin, begin + pages_of(pages)};
    expect(!processor.remembers(range));
    processor.touch(tree, range);
    return at.value();
  }
  Mapping at(VirtAddr virt) const noexcept { return tree.lookup(virt).value(); }
  bool is_sound() const noexcept { return !vm.audit() && !tree.audit(); }

  FakeFrames frames;
  FakeProcessor processor;
  NoLock lock;
  TestRecords<32> records;
  TestTree tree;
  Memory vm;
};

}  // namespace quarry::vm
