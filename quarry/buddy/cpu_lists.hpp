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
#include "quarry/page/memory_map.hpp"

namespace quarry::buddy {

template <Geometry G, class Memory = page::MemoryMap<G>>
class CpuLists : public CpuListNames<G> {
  using Names = CpuListNames<G>;

 public:
  using Map = Memory;
  using Descriptor = typename Map::Descriptor;
  static constexpr bool kAreArrays = false;
  struct Entry {};  // arrays have some

  std::uint64_t pages() const noexcept { return pages_; }
  bool is_empty(unsigned list) const noexcept { return lists_[list].count == 0; }
  std::uint32_t blocks(unsigned list) const noexcept { return lists_[list].count; }

  // The block's descriptor says it is in use; afterwards that it is on a core's list of `type`, an ordinary one.
  void push_front(Map& map, Pfn page, unsigned list, MigrateType type) noexcept {
    link(map, page, list, type, Descriptor::kNoFrame, lists_[list].first);
  }
  void push_back(Map& map, Pfn page, unsigned list, MigrateType type) noexcept {
    link(map, page, list, type, lists_[list].last, Descriptor::kNoFrame);
  }
  // The list is not empty. The descriptor is left for the caller to write.
  Pfn pop_front(Map& map, unsigned list) noexcept { return unlink(map, lists_[list].first, list); }
  Pfn pop_back(Map& map, unsigned list) noexcept { return unlink(map, lists_[list].last, list); }
  Pfn first(unsigned list) const noexcept { return lists_[list].first; }

  // More is given back at a time the longer nobody allocates: each time in a row twice as much.
  std::uint8_t eagerness = 0;  // free_factor
  CpuEvents events() const noexcept { return {allocs, frees, refills, spills}; }
  Shared<std::uint64_t> allocs, frees, refills, spills;

 private:
  friend class Saboteur;
  struct List {
    Pfn first = Descriptor::kNoFrame, last = Descriptor::kNoFrame;
    std::uint32_t count = 0;
  };

  void link(Map& map, Pfn page, unsigned list, MigrateType type, Pfn before, Pfn behind) noexcept {
    List& to = lists_[list];
    Descriptor& head = map.at(page);
    head.become_per_cpu(type);
    head.set_frames(behind, before);
    set_next(map, to, before, page);
    set_previous(map, to, behind, page);
    ++to.count;
    pages_ += Names::order_of(list).pages().raw;
  }
  Pfn unlink(Map& map, Pfn page, unsigned list) noexcept {
    List& from = lists_[list];
    const Descriptor& head = map.at(page);
    set_next(map, from, head.previous_frame(), head.next_frame());
    set_previous(map, from, head.next_frame(), head.previous_frame());
    --from.count;
    pages_ -= Names::order_of(list).pages().raw;
    return page;
  }
  static void set_next(Map& map, List& list, Pfn of, Pfn next) noexcept {
    if (of == Descriptor::kNoFrame) {
      list.first = next;
      return;
    }
    Descriptor& head = map.at(of);
    head.set_frames(next, head.previous_frame());
  }
  static void set_previous(Map& map, List& list, Pfn of, Pfn previous) noexcept {
    if (of == Descriptor::kNoFrame) {
      list.last = previous;
      return;
    }
    Descriptor& head = map.at(of);
    head.set_frames(head.next_frame(), previous);
  }

  List lists_[Names::kLists];
  Shared<std::uint64_t> pages_;  // law: what the lists hold
};

}  // namespace quarry::buddy
