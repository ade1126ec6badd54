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

//   node 0   0x4000 .. 0x4080      node 1   0x4080 .. 0x4100      node 2   nothing
class TestPages {
 public:
  static constexpr Geometry kGeometry = k4KSparse;
  struct alignas(1 << 16) Memory {
    std::array<std::byte, kFrames * kPage> bytes;
  };

  explicit TestPages(Memory& memory) noexcept : memory_{memory.bytes.data()} {
    for (unsigned i = 0; i < kNodes; ++i) {
      const bool has_memory = i + 1 < kNodes;
      zones::Node& node = nodes_[i];
      node.id = static_cast<NodeId>(i);
      if (has_memory)
        node.span = {kFirstFrame + PageCount{std::uint64_t{i} * kNodeFrames},
                     kFirstFrame + PageCount{std::uint64_t{i + 1} * kNodeFrames}};
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
      const PfnRange span = find_node(*this, candidate)->span;
      for (Pfn at = span.begin(); at < span.end(); at = at + order.pages())
        if (is_free(at, order)) return take(at, order, request.type);
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
    const bool is_here = kFirstFrame <= at && at < kFirstFrame + PageCount{kFrames};
    return is_here ? &descriptors_[index_of(at)] : nullptr;
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
    return kFirstFrame + PageCount{(at - begin) >> 12};
  }

  // --- What a test turns and reads -----------------------------------------------------------------
  void fail_call(std::uint64_t which) noexcept { fail_call_ = calls_ + which; }  // 1: the next one
  void fail_from_now_on() noexcept { fail_from_ = calls_ + 1; }
  void fail_above(unsigned order) noexcept { highest_ = order; }
  void never_fail() noexcept { fail_call_ = 0, fail_from_ = UINT64_MAX, highest_ = Order::kCeiling; }
  void unmap_below(Pfn end) noexcept { unmapped_end_ = end; }
  std::uint64_t calls() const noexcept { return calls_; }
  std::uint64_t in_use() const noexcept { return in_use_; }
  const buddy::Request& last_request() const noexcept { return last_request_; }

 private:
  static std::size_t index_of(Pfn at) noexcept { return static_cast<std::size_t>((at - kFirstFrame).raw); }
  static std::size_t frames_in(Order order) noexcept { return std::size_t{1} << order.raw(); }
  bool is_free(Pfn at, Order order) const noexcept {
    for (std::size_t i = 0; i < frames_in(order); ++i)
      if (index_of(at) + i >= kFrames || used_[index_of(at) + i]) return false;
    return true;
  }
  Pfn take(Pfn at, Order order, page::MigrateType type) noexcept {
    for (std::size_t i = 0; i < frames_in(order); ++i) used_[index_of(at) + i] = true;
    descriptors_[index_of(at)].become_allocated(order, 0, type);
    in_use_ += order.pages().raw;
    // What a slab does not initialise must not be what a test expects by luck.
    __builtin_memset(memory_ + index_of(at) * kPage, 0xa5, frames_in(order) * kPage);
    return at;
  }

  std::byte* memory_;
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
