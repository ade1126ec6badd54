// quarry/slab/test_pages.hpp: a page source for tests: a few frames in a static buffer, first fit, failures on demand.
#pragma once

#include <array>
#include <new>

#include "quarry/base/geometries.hpp"
#include "quarry/slab/page_source.hpp"

namespace quarry::slab::testing {

inline constexpr unsigned kNodeShift = 7;
inline constexpr unsigned kNodeFrames = 1u << kNodeShift;
inline constexpr unsigned kNodes = 3;  // the last one without memory
inline constexpr unsigned kFrames = 2 * kNodeFrames;
inline constexpr Pfn kFirstFrame{0x4000};  // aligned to every block
inline constexpr std::size_t kPage = 4096;

// Where the runs of frames that make up a node lie.
enum class Spread : std::uint8_t {
  together,  // each behind the one before
  far,  // each 8 TiB behind the one before, at the same place of its stretch: a node spans 24 TiB and more
};
inline constexpr unsigned kRunShift = 5;
inline constexpr unsigned kRunFrames = 1u << kRunShift;
inline constexpr unsigned kRuns = kFrames / kRunFrames;
inline constexpr unsigned kNodeRuns = kNodeFrames / kRunFrames;

//   node 0   0x4000 .. 0x4080      node 1   0x4080 .. 0x4100      node 2   nothing
//
//   far      |run 0|--8 TiB--|run 1|--8 TiB--|run 2|--8 TiB--|run 3|--8 TiB--|run 4| ...
//            |---------------------- node 0 ----------------------|          |-- node 1
class TestPages {
 public:
  static constexpr Geometry kGeometry = k4KSparse;
  using Cores = port::OneCore;
  const Cores& cores() const noexcept { return cores_; }
  struct alignas(1 << 16) Memory {
    std::array<std::byte, kFrames * kPage> bytes;
  };

  explicit TestPages(Memory& memory, Spread spread = Spread::together) noexcept
      : memory_{memory.bytes.data()}, run_shift_{spread == Spread::far ? kFarShift : kRunShift} {
    for (unsigned i = 0; i < kNodes; ++i) {
      const bool has_memory = i + 1 < kNodes;
      zones::Node& node = nodes_[i];
      node.id = static_cast<NodeId>(i);
      if (has_memory)
        node.span = {frame(std::size_t{i} * kNodeFrames),
                     frame(std::size_t{i + 1} * kNodeFrames - 1) + PageCount{1}};
      node.present = PageCount{has_memory ? kNodeFrames : 0};
      for (unsigned step = 0; step < kNodes; ++step)
        fallback_[i][step] = static_cast<NodeId>(i + step < kNodes ? i + step : i + step - kNodes);
      node.fallback = fallback_[i];
    }
  }
  TestPages(const TestPages&) = delete;
  TestPages& operator=(const TestPages&) = delete;

  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    ++calls_;
    last_request_ = request;
    if (calls_ == fail_call_ || order.raw() > highest_ || calls_ >= fail_from_) return Error::no_memory;
    for (const NodeId candidate : find_node(*this, request.node)->fallback) {
      if (request.placement == buddy::Placement::this_node && candidate != request.node) continue;
      const std::size_t node = static_cast<std::size_t>(candidate) << kNodeShift;
      if (node >= kFrames) continue;
      const std::size_t first = std::size_t{first_run_} << kRunShift;
      for (std::size_t step = 0; step < kNodeFrames; step += frames_in(order)) {
        const std::size_t at = node + ((first + step) & (kNodeFrames - 1));
        if (is_free(at, order)) return take(at, order, request.type);
      }
    }
    return Error::no_memory;
  }
  Result<Done> free_pages(Pfn at, Order order) noexcept {
    page::Descriptor* const head = find(at);
    if (head == nullptr || !head->is_allocated(order)) return Error::wrong_owner;
    head->become_nothing();
    for (std::size_t i = 0; i < frames_in(order); ++i) used_[index_of(at) + i] = false;
    in_use_ -= order.pages().raw;
    __builtin_memset(memory_ + index_of(at) * kPage, 0x5a, frames_in(order) * kPage);
    return Done{};
  }
  page::Descriptor* find(Pfn at) noexcept {
    if (at < kFirstFrame) return nullptr;
    const std::uint64_t run = (at - kFirstFrame).raw >> run_shift_, rest = at.raw - run_start(run).raw;
    return run < kRuns && rest < kRunFrames ? &descriptors_[index_of(at)] : nullptr;
  }
  NodeId node_of(Pfn at) const noexcept { return static_cast<NodeId>(index_of(at) >> kNodeShift); }
  std::span<const zones::Node> nodes() const noexcept { return nodes_; }
  std::byte* map(PfnRange pages) noexcept {
    return pages.begin() < unmapped_end_ ? nullptr : memory_ + index_of(pages.begin()) * kPage;
  }
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(pointer),
               begin = reinterpret_cast<std::uintptr_t>(memory_);
    if (at < begin || at - begin >= kFrames * kPage) return Error::out_of_range;
    return frame((at - begin) >> 12);
  }
  // The second node's, so that both ways to an object's slab are gone. Far apart, only a run's numbers follow from where it is.
  DirectRam<page::Descriptor, 12> direct_ram() noexcept {
    const std::size_t frames = run_shift_ == kRunShift ? kNodeFrames : kRunFrames;
    return {reinterpret_cast<std::uintptr_t>(memory_) + kNodeFrames * kPage, frames * kPage,
            descriptors_.data() + kNodeFrames, frame(kNodeFrames)};
  }
  NodeId home_of(unsigned core) const noexcept { return static_cast<NodeId>(core & 1); }

  // --- What a test turns and reads -----------------------------------------------------------------
  void fail_call(std::uint64_t which) noexcept { fail_call_ = calls_ + which; }  // 1: the next one
  void fail_from_now_on() noexcept { fail_after(0); }
  void fail_after(std::uint64_t calls) noexcept { fail_from_ = calls_ + calls + 1; }
  void fail_above(unsigned order) noexcept { highest_ = order; }
  void never_fail() noexcept { fail_call_ = 0, fail_from_ = UINT64_MAX, highest_ = Order::kCeiling; }
  void take_from_run(unsigned run) noexcept { first_run_ = run; }  // of a node; then the ones behind it
  void unmap_below(Pfn end) noexcept { unmapped_end_ = end; }
  std::uint64_t calls() const noexcept { return calls_; }
  std::uint64_t in_use() const noexcept { return in_use_; }
  const buddy::Request& last_request() const noexcept { return last_request_; }

 private:
  [[no_unique_address]] Cores cores_;
  static constexpr unsigned kFarShift = 31;

  Pfn run_start(std::uint64_t run) const noexcept { return kFirstFrame + PageCount{run << run_shift_}; }
  Pfn frame(std::size_t index) const noexcept {
    return run_start(index >> kRunShift) + PageCount{index & (kRunFrames - 1)};
  }
  std::size_t index_of(Pfn at) const noexcept {
    const std::uint64_t distance = (at - kFirstFrame).raw;
    return static_cast<std::size_t>((distance >> run_shift_) << kRunShift | (distance & (kRunFrames - 1)));
  }
  static std::size_t frames_in(Order order) noexcept { return std::size_t{1} << order.raw(); }
  // Frames of one run only: the next ones may lie elsewhere.
  bool is_free(std::size_t at, Order order) const noexcept {
    if ((at & (kRunFrames - 1)) + frames_in(order) > kRunFrames && run_shift_ != kRunShift) return false;
    for (std::size_t i = 0; i < frames_in(order); ++i)
      if (at + i >= kFrames || used_[at + i]) return false;
    return true;
  }
  Pfn take(std::size_t at, Order order, page::MigrateType type) noexcept {
    for (std::size_t i = 0; i < frames_in(order); ++i) used_[at + i] = true;
    descriptors_[at].become_allocated(order, 0, type);
    in_use_ += order.pages().raw;
    // What a slab does not initialise must not be what a test expects by luck.
    __builtin_memset(memory_ + at * kPage, 0xa5, frames_in(order) * kPage);
    return frame(at);
  }

  std::byte* memory_;
  unsigned run_shift_;      // distance between the starts of two runs
  unsigned first_run_ = 0;  // where in a node the search for pages begins
  std::array<page::Descriptor, kFrames> descriptors_{};
  std::array<bool, kFrames> used_{};
  std::array<zones::Node, kNodes> nodes_{};
  std::array<std::array<NodeId, kNodes>, kNodes> fallback_{};
  buddy::Request last_request_{};
  Pfn unmapped_end_{};
  std::uint64_t calls_ = 0, fail_call_ = 0, fail_from_ = UINT64_MAX, in_use_ = 0;
  unsigned highest_ = Order::kCeiling;
};
static_assert(PageSource<TestPages>);

}  // namespace quarry::slab::testing
