// quarry/buddy/compact_zone_test_machine.hpp: one zone of a machine for tests, and nothing around it.
#pragma once

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/compact_zone_impl.hpp"
#include "quarry/buddy/test_machine.hpp"

namespace quarry::buddy {

// Node 0 with one zone. Sizes and places are said in frames.
template <Geometry G, class Watcher = NoObserver>
class ZoneMachine {
 public:
  using Zone = CompactZone<G>;
  static constexpr unsigned kMax = G.max_order_, kPageblock = G.pageblock_order_;
  static constexpr std::uint64_t kBlock = std::uint64_t{1} << kMax, kFrames = std::uint64_t{1} << kPageblock;

  explicit ZoneMachine(std::span<std::byte> memory = test_memory) noexcept : memory_{memory} {}

  // All of `span` has descriptors; nothing is free yet.
  Result<Done> start(PfnRange span) noexcept {
    node_.span = span;
    ranges_[0] = {NodeId{}, span};
    layout_.nodes = {&node_, 1};
    layout_.node_ranges = {ranges_, 1};
    if (const auto done = map.init(layout_, source()); !done) return done;
    const std::uint64_t before = used_;
    const auto done = zone.init({map, span, 0, 0, NodeId{}, source()});
    zone_bytes_ = used_ - before;
    return done;
  }
  page::MetadataSource source() noexcept {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId) noexcept -> Result<std::byte*> {
              auto& machine = *static_cast<ZoneMachine*>(self);
              const std::uint64_t at = align_down(machine.used_ + alignment.raw - 1, alignment.raw);
              if (at > machine.memory_.size() || machine.memory_.size() - at < size.raw)
                return Error::no_memory;
              machine.used_ = at + size.raw;
              if (machine.memory_.data() == test_memory)
                for (std::uint64_t i = at; i < machine.used_; ++i) test_memory[i] = std::byte{0};
              return machine.memory_.data() + static_cast<std::size_t>(at);
            }};
  }
  // What the zone took.
  std::uint64_t zone_bytes() const noexcept { return zone_bytes_; }

  // As PageAllocator does these: the pageblock's type says where pages go.
  void give(Pfn page, unsigned order) noexcept {
    zone.give(map.at(page), page, Order{order}, map.pageblock_type(page), Place::fitting, watcher, tally);
  }
  // As many as there are and fit, at most 300, in the order in which they came; in use afterwards.
  std::size_t take_bulk(unsigned order, MigrateType from, MigrateType type, std::span<Pfn> pages) noexcept {
    NamedBlock<typename Zone::Descriptor> blocks[300];
    check(pages.size() <= 300, "too many blocks for a test");
    const std::span<NamedBlock<typename Zone::Descriptor>> room{blocks, pages.size()};
    Shelf<typename Zone::Descriptor> out{room};
    zone.take_bulk(Order{order}, from, type, out, watcher, tally);
    const std::size_t count = pages.size() - out.room();
    for (std::size_t i = 0; i < count; ++i) {
      const auto& block = room[pages.size() - 1 - i];
      check(block.head == &map.at(block.page) && block.head->state() == page::State::per_cpu &&
                block.head->order() == Order{order} && block.head->list() == type,
            "a block is not at rest");
      block.head->become_allocated(Order{order}, zone.part_of(block.page), type);
      pages[i] = block.page;
    }
    return count;
  }
  // Single frames, at most 256.
  Given give_bulk(std::span<const Pfn> pages) noexcept {
    NamedBlock<typename Zone::Descriptor> frames[256];
    check(pages.size() <= 256, "too many frames for a test");
    for (std::size_t i = 0; i < pages.size(); ++i) frames[i] = {pages[i], &map.at(pages[i])};
    return zone.give_bulk(std::span<const NamedBlock<typename Zone::Descriptor>>{frames, pages.size()},
                          watcher, tally);
  }
  // In the largest aligned blocks.
  void release(PfnRange pages) noexcept {
    for (Pfn at = pages.begin(); at < pages.end();) {
      unsigned order = count_trailing_zeros(at.raw);
      if (order > kMax) order = kMax;
      while (at.raw + (std::uint64_t{1} << order) > pages.end().raw) --order;
      give(at, order);
      at = at + Order{order}.pages();
    }
  }
  Result<Pfn> take(unsigned order, MigrateType type) noexcept {
    const auto page = zone.take(Order{order}, type, type, watcher, tally);
    if (page) return page;
    return zone.take_other(Wanted{Order{order}, type}, watcher, tally);
  }
  std::uint64_t free(MigrateType type) const noexcept {
    std::uint64_t sum = 0;
    for (unsigned order = 0; order <= kMax; ++order) sum += zone.blocks(Order{order}, type) << order;
    return sum;
  }
  // Those that there are blocks of.
  std::uint32_t orders(MigrateType type) const noexcept {
    std::uint32_t mask = 0;
    for (unsigned order = 0; order <= kMax; ++order)
      mask |= (zone.blocks(Order{order}, type) != 0 ? 1u : 0u) << order;
    return mask;
  }
  // Frame by frame, as they were taken.
  void give_frames(std::uint64_t first, std::uint64_t count) noexcept {
    for (std::uint64_t frame = first; frame < first + count; ++frame) give(Pfn{frame}, 0);
  }
  void take_all(MigrateType type) noexcept {
    while (zone.take(Order{0}, type, type, watcher, tally)) {
    }
  }
  // Free blocks of whole pageblocks, in pageblocks.
  std::uint64_t whole_pageblocks() const noexcept {
    std::uint64_t sum = 0;
    for (unsigned type = 0; type < page::kMigrateTypes; ++type)
      for (unsigned order = kPageblock; order <= kMax; ++order)
        sum += zone.blocks(Order{order}, static_cast<MigrateType>(type)) << (order - kPageblock);
    return sum;
  }

  page::MemoryMap<G> map;
  Zone zone;
  Watcher watcher;
  Tally tally;

 private:
  std::span<std::byte> memory_;
  std::uint64_t used_ = 0, zone_bytes_ = 0;
  zones::Layout layout_{};
  zones::Node node_{};
  zones::NodeRange ranges_[1] = {};
};

}  // namespace quarry::buddy
