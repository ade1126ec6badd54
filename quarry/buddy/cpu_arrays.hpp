// quarry/buddy/cpu_arrays.hpp: blocks of one zone that one core keeps at hand, as stacks of frame numbers.
//
//   unmovable  order 0    | b | b | b | b |   |   |   |   |
//              order 1    | b | b |   |   |
//              ...          oldest  ^ top: pushed and popped here
//   refill: a batch onto an empty stack           full: the older half goes home
//
// Blocks that come back from above the line, where the last batch of their type and order came from, are not used again unless
// their pageblock is nearly all in use: they wait on a stack of their own until there are some, and go home. So a core that frees
// here and there and allocates in between moves its pages down, and pageblocks become whole; one that frees what it has just
// allocated has it back at once. The stacks are deep, as the distance that a random walk of allocations and frees goes without a
// batch grows as the square of their depth.
//
// The same lists as CpuLists has, without links: a push or pop touches one entry and the block's own descriptor. An entry knows
// both names of its block, so that nothing is looked up when it is handed out. Zeroed memory is a set of empty stacks. The
// blocks are in no free count: they are on their way.
#pragma once

#include "quarry/buddy/cpu_limits.hpp"
#include "quarry/buddy/cpu_list_names.hpp"
#include "quarry/buddy/zone_pages.hpp"
#include "quarry/page/memory_map.hpp"

namespace quarry::buddy {

template <Geometry G, class Memory = page::MemoryMap<G>>
class alignas(64) CpuArrays : public CpuListNames<G> {
  using Names = CpuListNames<G>;

 public:
  using Map = Memory;
  using Descriptor = typename Map::Descriptor;
  using Entry = NamedBlock<Descriptor>;
  static constexpr bool kAreArrays = true;
  // Two batches of single pages, so that bulk requests of one batch do not fill and empty it in turn.
  static constexpr unsigned kMostRoom = G.max_order_ < 7 ? 1u << G.max_order_ : 128;
  static constexpr unsigned kSmallRoom = kMostRoom / 2, kWholeRoom = 4;
  static_assert(!Names::kKeepsPageblocks || kWholeRoom <= kSmallRoom);
  // How many blocks a stack has room for.
  static constexpr unsigned room_of(Order order) noexcept {
    if (order == Order{0}) return kMostRoom;
    return order.raw() < Names::kSmallOrders ? kSmallRoom : kWholeRoom;
  }
  static constexpr unsigned kStep = sizeof(Entry);
  // A limit for so many blocks, as push() takes it.
  static constexpr std::uint32_t limit_of(std::uint32_t blocks) noexcept { return blocks * kStep; }

  // The stacks of one type, one of each order.
  //
  // What is on a stack is what was ever put there less what was ever taken, and both count events as well. An allocation writes
  // one and a free the other, so that neither has to wait for the word that the one before it has just written.
  class Stacks {
   public:
    [[gnu::always_inline]] std::uint32_t blocks(Order order) const noexcept {
      return blocks_in(Names::slot_of(order));
    }
    // Puts a block on top. The descriptor is the caller's to write, here and below.
    //
    // Returns   false where the stack is at the limit `most`; nothing is done then.
    [[gnu::always_inline]] bool push(Entry block, Order order, std::uint32_t most) noexcept {
      const unsigned slot = Names::slot_of(order);
      const std::uint64_t put = put_[slot], above = put - taken_[slot];
      if (above >= most) [[unlikely]]
        return false;
      *entry_at(slot, above) = block;
      put_[slot] = put + kStep;
      return true;
    }
    // None where the stack is empty.
    [[gnu::always_inline]] const Entry* pop(Order order) noexcept {
      const unsigned slot = Names::slot_of(order);
      const std::uint64_t taken = taken_[slot], above = put_[slot] - taken;
      if (above == 0) [[unlikely]]
        return nullptr;
      taken_[slot] = taken + kStep;
      return entry_at(slot, above) - 1;
    }
    // At most `most` from the top, which is the last of them; they are gone, and stay readable until the next push.
    std::span<const Entry> pop_row(Order order, std::size_t most) noexcept {
      const unsigned slot = Names::slot_of(order);
      const std::uint64_t above = top(slot);
      const std::size_t there = blocks(order), count = most < there ? most : there;
      taken_[slot] += std::uint64_t{count} * kStep;
      return {entry_at(slot, above) - count, count};
    }
    // What is free above the top; who has written the lowest of it makes it part of the stack.
    std::span<Entry> room(Order order) noexcept {
      const unsigned slot = Names::slot_of(order);
      return {entry_at(slot, top(slot)), room_of(order) - blocks(order)};
    }
    void grow(Order order, std::size_t count) noexcept {
      put_[Names::slot_of(order)] += std::uint64_t{count} * kStep;
    }
    // Where the highest block of the last batch of an order lay.
    [[gnu::always_inline]] bool is_above_line(Pfn page, Order order) const noexcept {
      return line_[Names::slot_of(order)] < page.raw;
    }
    void set_line(Pfn page, Order order) noexcept { line_[Names::slot_of(order)] = page.raw; }

   private:
    friend class CpuArrays;
    friend class Saboteur;
    std::uint32_t blocks_in(unsigned slot) const noexcept {
      return static_cast<std::uint32_t>(top(slot) / kStep);
    }
    static constexpr unsigned kEntries = kSmallRoom * (kKeepSlots - 1) + kMostRoom;
    // What was taken first: who looks while others work sees no fewer put than taken.
    [[gnu::always_inline]] std::uint64_t top(unsigned slot) const noexcept {
      const std::uint64_t taken = taken_[slot];
      return put_[slot] - taken;
    }
    // Those of order 0 come last, with room for twice as many: where a stack begins takes no question. (One, of an order that is
    // not known before, was a wrong guess of every fourth call, and some 5 % of the time that mixed orders take.)
    [[gnu::always_inline]] static constexpr std::size_t start_of(unsigned slot) noexcept {
      return std::size_t{kSmallRoom} * (kKeepSlots - 1 - slot);
    }
    // The entry `top` bytes above the lowest.
    [[gnu::always_inline]] Entry* entry_at(unsigned slot, std::uint64_t top) noexcept {
      return reinterpret_cast<Entry*>(reinterpret_cast<std::byte*>(entries_ + start_of(slot)) + top);
    }

    Shared<std::uint64_t> put_[kKeepSlots], taken_[kKeepSlots];  // blocks, in bytes of entries
    std::uint64_t line_[kKeepSlots];
    Entry entries_[kEntries];
  };

  Stacks& of_type(std::size_t type) noexcept { return stacks_[type]; }
  Stacks& of_type(MigrateType type) noexcept { return stacks_[page::index_of(type)]; }
  Stacks& outgoing() noexcept { return stacks_[page::kOrdinaryTypes]; }

  // Stacks by number, as lists: those of a type one after the other, those that go home behind them.
  static constexpr unsigned kLists = (page::kOrdinaryTypes + 1) * kKeepSlots;
  static constexpr unsigned list_of(Order order, MigrateType type) noexcept {
    return page::index_of(type) * kKeepSlots + Names::slot_of(order);
  }
  static constexpr unsigned outgoing_list(Order order) noexcept {
    return page::kOrdinaryTypes * kKeepSlots + Names::slot_of(order);
  }
  static constexpr Order order_of(unsigned list) noexcept {
    const unsigned slot = list % kKeepSlots;
    return slot < Names::kSmallOrders ? Order{slot} : G.pageblock_order();
  }
  std::uint32_t blocks(unsigned list) const noexcept {
    return stacks_[list / kKeepSlots].blocks_in(list % kKeepSlots);
  }
  bool is_empty(unsigned list) const noexcept { return blocks(list) == 0; }
  // The oldest first.
  std::span<const Entry> entries(unsigned list) const noexcept {
    return {stacks_[list / kKeepSlots].entries_ + Stacks::start_of(list % kKeepSlots), blocks(list)};
  }
  void drop_oldest(unsigned list, std::uint32_t count) noexcept {
    Stacks& stacks = stacks_[list / kKeepSlots];
    stacks.taken_[list % kKeepSlots] += std::uint64_t{count} * kStep;
    Entry* const first = stacks.entries_ + Stacks::start_of(list % kKeepSlots);
    __builtin_memmove(first, first + count, blocks(list) * sizeof(Entry));
  }
  // Of another core's stacks a count that nearly was: the two words of a stack are read one after the other.
  std::uint64_t pages() const noexcept {
    std::uint64_t sum = 0;
    for (unsigned list = 0; list < kLists; ++list) {
      const std::uint32_t there = blocks(list), room = room_of(order_of(list));
      sum += std::uint64_t{there < room ? there : room} << order_of(list).raw();
    }
    return sum;
  }

  CpuEvents events() const noexcept {
    CpuEvents sum{.refills = refills, .spills = spills};
    for (const Stacks& stacks : stacks_)
      for (unsigned slot = 0; slot < kKeepSlots; ++slot) {
        sum.frees += stacks.put_[slot] / kStep;
        sum.allocs += stacks.taken_[slot] / kStep;
      }
    sum.frees -= brought;
    sum.allocs -= fetched;
    return sum;
  }
  Shared<std::uint64_t> refills, spills;
  Shared<std::uint64_t> brought, fetched;  // blocks that came from the zone and went back there

 private:
  friend class Saboteur;
  Stacks stacks_[page::kOrdinaryTypes + 1];
};

}  // namespace quarry::buddy
