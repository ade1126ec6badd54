// quarry/buddy/test_machine.hpp: a small machine for tests, in memory of its own.
//
// Two nodes at most. Sizes and places are said in blocks of the highest order, so that one suite runs on
// every geometry.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

inline constexpr std::size_t kTestMemory = std::size_t{6} << 20;
alignas(64) inline std::byte test_memory[kTestMemory];

// The cores of a test: whoever runs it says which one asks.
struct TestCores {
  unsigned count = 1;
  const unsigned* now = nullptr;
  struct Guard {
    explicit Guard(const TestCores& cores) noexcept : core_{cores.this_core()} {}
    unsigned core() const noexcept { return core_; }
    unsigned core_;
  };
  using Lock = NoLock;
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    function(self, core);
  }
  unsigned core_count() const noexcept { return count; }
  unsigned this_core() const noexcept { return now == nullptr ? 0 : *now; }
};

template <Geometry G, class Watcher = NoObserver, class Policy = LinuxPolicy,
          port::Cores Cores = port::OneCore>
class TestMachine {
 public:
  static constexpr std::uint64_t kBlock = std::uint64_t{1} << G.max_order_;
  static constexpr unsigned kMax = G.max_order_;
  using Types = zones::ZoneType;

  explicit TestMachine(Cores cores = Cores{}) noexcept : allocator{Watcher{}, cores} {
    for (unsigned i = 0; i < zones::kZoneTypes; ++i) layout.ranges[i].type = static_cast<Types>(i);
  }

  // Adds a zone of one node; spans and memory are the same. `begin` and `end` count blocks.
  void add_zone(unsigned node, Types type, std::uint64_t begin, std::uint64_t end) noexcept {
    add_pages(node, type, PfnRange{Pfn{begin * kBlock}, Pfn{end * kBlock}});
  }
  void add_pages(unsigned node, Types type, PfnRange span) noexcept {
    zones::Zone& zone = zones_[node * zones::kZoneTypes + static_cast<unsigned>(type)];
    zone.start = span.begin();
    zone.spanned = zone.present = span.size();
    ranges_[range_count_++] = {static_cast<NodeId>(node), span};
    layout.ranges[static_cast<unsigned>(type)].configured = true;
    layout.ranges[static_cast<unsigned>(type)].span = span;
    if (node >= node_count_) node_count_ = node + 1;
  }
  // Fills in what is left and makes map and allocator.
  Result<Done> start(AllocatorConfig config = {}) noexcept {
    for (unsigned n = 0; n < node_count_; ++n) finish_node(n);
    layout.nodes = {nodes_, node_count_};
    layout.zones = {zones_, std::size_t{node_count_} * zones::kZoneTypes};
    layout.node_ranges = {ranges_, range_count_};
    if (const auto done = map.init(layout, source()); !done) return done.error();
    return allocator.init(layout, map, source(), config);
  }
  // Zonelists of the zones that are populated now.
  void rebuild_zonelists() noexcept {
    for (unsigned n = 0; n < node_count_; ++n) finish_node(n);
  }
  // The same, counting what is given back.
  page::MetadataSource source_that_takes_back() noexcept {
    page::MetadataSource both = source();
    both.give_back_bytes = [](void* self, std::byte*, Bytes size) noexcept {
      static_cast<TestMachine*>(self)->given_back_ += size.raw;
    };
    return both;
  }
  std::uint64_t given_back() const noexcept { return given_back_; }
  page::MetadataSource source() noexcept {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId) noexcept -> Result<std::byte*> {
              auto& machine = *static_cast<TestMachine*>(self);
              if (machine.calls_left == 0) return Error::no_memory;
              --machine.calls_left;
              const std::uint64_t at = align_down(machine.used_ + alignment.raw - 1, alignment.raw);
              if (at > machine.room || machine.room - at < size.raw) return Error::no_memory;
              machine.used_ = at + size.raw;
              for (std::uint64_t i = at; i < machine.used_; ++i)
                test_memory[static_cast<std::size_t>(i)] = std::byte{0};
              return test_memory + static_cast<std::size_t>(at);
            }};
  }
  std::uint64_t used() const noexcept { return used_; }
  static constexpr std::uint32_t zone(unsigned node, Types type) noexcept {
    return node * zones::kZoneTypes + static_cast<std::uint32_t>(type);
  }
  static constexpr PfnRange blocks(std::uint64_t begin, std::uint64_t end) noexcept {
    return {Pfn{begin * kBlock}, Pfn{end * kBlock}};
  }

  zones::Layout layout{};
  typename PageAllocator<G, Watcher, Policy, Cores>::Map map;
  PageAllocator<G, Watcher, Policy, Cores> allocator;
  std::uint64_t room = kTestMemory;       // bytes that source() gives
  std::uint32_t calls_left = UINT32_MAX;  // how often it gives any

 private:
  static constexpr unsigned kNodes = 2;
  void finish_node(unsigned n) noexcept {
    zones::Node& node = nodes_[n];
    node.id = static_cast<NodeId>(n);
    node.first_zone = n * zones::kZoneTypes;
    node.present = PageCount{0};
    std::uint64_t begin = UINT64_MAX, end = 0;
    for (unsigned t = 0; t < zones::kZoneTypes; ++t) {
      zones::Zone& zone = zones_[node.first_zone + t];
      zone.type = static_cast<Types>(t);
      zone.node = node.id;
      if (!zone.is_populated()) continue;
      node.present.raw += zone.present.raw;
      if (zone.start.raw < begin) begin = zone.start.raw;
      if (zone.span().end().raw > end) end = zone.span().end().raw;
    }
    if (begin < end) node.span = {Pfn{begin}, Pfn{end}};
    std::size_t count = 0, own = 0;
    for (unsigned other = 0; other < node_count_; ++other) {
      const unsigned from = n + other < node_count_ ? n + other : n + other - node_count_;
      for (unsigned t = zones::kZoneTypes; t-- > 0;)
        if (zones_[from * zones::kZoneTypes + t].is_populated())
          lists_[n][count++] = {from * zones::kZoneTypes + t, static_cast<Types>(t)};
      if (other == 0) own = count;
    }
    node.zonelist = {lists_[n], count};
    node.no_fallback = {lists_[n], own};
  }

  zones::Zone zones_[kNodes * zones::kZoneTypes] = {};
  zones::Node nodes_[kNodes] = {};
  zones::NodeRange ranges_[kNodes * zones::kZoneTypes] = {};
  zones::ZoneRef lists_[kNodes][kNodes * zones::kZoneTypes] = {};
  std::size_t range_count_ = 0;
  unsigned node_count_ = 0;
  std::uint64_t used_ = 0, given_back_ = 0;
};

}  // namespace quarry::buddy

// The same test on each geometry: sparse, flat, and one whose blocks are pageblocks of 512 MiB.
#define TEST_ON_GEOMETRIES(name)                     \
  template <::quarry::Geometry G>                    \
  static void name();                                \
  TEST(name##_4k_sparse) { name<k4KSparse>(); }      \
  TEST(name##_4k_flat) { name<k4KFlat>(); }          \
  TEST(name##_4k_flat_huge) { name<k4KFlatHuge>(); } \
  TEST(name##_64k_sparse) { name<k64KSparse>(); }    \
  template <::quarry::Geometry G>                    \
  static void name()
