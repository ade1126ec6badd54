// quarry/buddy/cpu_lists.hpp: blocks of one zone that one core keeps at hand, so that most requests ask no zone.
//
//   alloc --> takes the first             free --> puts it first
//                |  | b | b | b | b | b | b |  |
//   refill: a batch behind the last            too many: batches from the last
//
// Linked through the blocks' descriptors. The blocks are in no free count: they are on their way.
// Source    Linux 6.1, struct per_cpu_pages (behaviour).
#pragma once

#include "quarry/buddy/cpu_limits.hpp"
#include "quarry/buddy/cpu_list_names.hpp"
#include "quarry/buddy/zone_pages.hpp"
#include "quarry/page/memory_map.hpp"

namespace quarry::buddy {

template <Geometry G, class Memory = page::MemoryMap<G>>
class CpuLists : public CpuListNames<G> {
  using Names = CpuListNames<G>;

 public:
  using Map = Memory;
  using Descriptor = typename Map::Descriptor;
  static constexpr bool kAreArrays = false;
  class Stacks;  // it has none
  using Entry = NamedBlock<Descriptor>;

  std::uint64_t pages() const noexcept { return pages_; }
  bool is_empty(unsigned list) const noexcept { return lists_[list].count == 0; }
  std::uint32_t blocks(unsigned list) const noexcept { return lists_[list].count; }

  // The block's descriptor says it is in use; afterwards that it is on a core's list of `type`, an ordinary one.
  void push_front(Entry block, unsigned list, MigrateType type) noexcept {
    List& to = lists_[list];
    block.head->become_per_cpu(type, to.first.page, Descriptor::kNoFrame);
    if (to.count == 0)
      to.last = block;
    else
      to.first.head->set_previous_frame(block.page);
    to.first = block;
    count_up(to, list);
  }
  void push_back(Entry block, unsigned list, MigrateType type) noexcept {
    List& to = lists_[list];
    block.head->become_per_cpu(type, Descriptor::kNoFrame, to.last.page);
    if (to.count == 0)
      to.first = block;
    else
      to.last.head->set_next_frame(block.page);
    to.last = block;
    count_up(to, list);
  }
  // The list is not empty. The descriptor is left for the caller to write.
  Entry pop_front(Map& map, unsigned list) noexcept {
    List& from = lists_[list];
    const Entry block = from.first;
    if (count_down(from, list)) {
      const Pfn next = block.head->next_frame();
      from.first = {next, &map.at(next)};
      from.first.head->set_previous_frame(Descriptor::kNoFrame);
    }
    return block;
  }
  Entry pop_back(Map& map, unsigned list) noexcept {
    List& from = lists_[list];
    const Entry block = from.last;
    if (count_down(from, list)) {
      const Pfn previous = block.head->previous_frame();
      from.last = {previous, &map.at(previous)};
      from.last.head->set_next_frame(Descriptor::kNoFrame);
    }
    return block;
  }
  Pfn first(unsigned list) const noexcept { return lists_[list].first.page; }

  // More is given back at a time the longer nobody allocates: each time in a row twice as much.
  std::uint8_t eagerness = 0;  // free_factor
  CpuEvents events() const noexcept { return {allocs, frees, refills, spills}; }
  Shared<std::uint64_t> allocs, frees, refills, spills;

 private:
  friend class Saboteur;
  static constexpr Entry kNone{Descriptor::kNoFrame, nullptr};
  struct List {
    Entry first = kNone, last = kNone;  // where it is empty
    std::uint32_t count = 0;
  };

  void count_up(List& to, unsigned list) noexcept {
    ++to.count;
    pages_ += Names::order_of(list).pages().raw;
  }
  // Whether anything is left.
  bool count_down(List& from, unsigned list) noexcept {
    pages_ -= Names::order_of(list).pages().raw;
    if (--from.count != 0) return true;
    from.first = from.last = kNone;
    return false;
  }

  List lists_[Names::kLists];
  Shared<std::uint64_t> pages_;  // law: what the lists hold
};

}  // namespace quarry::buddy
