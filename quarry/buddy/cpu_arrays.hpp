// quarry/buddy/cpu_arrays.hpp: blocks of one zone that one core keeps at hand, as stacks of frame numbers.
//
//   order 0, unmovable    | b | b | b | b |   |   |   |   |
//                           oldest      ^ top: pushed and popped here
//   refill: a batch into an empty stack           too many: a batch from the oldest end
//
// Blocks that come back from above the line, where the last batch of their order came from, are not used again: they wait in a
// list of their own until there are some, and go home. So a core that frees here and there and allocates in between moves its
// pages down, and pageblocks become whole; one that frees what it has just allocated has it back at once.
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
  static constexpr bool kAreArrays = true;
  // Behind the lists that requests are served from, one of each order for what goes home.
  static constexpr unsigned kLists = Names::kLists + kKeepSlots;
  static constexpr unsigned outgoing(Order order) noexcept { return Names::kLists + Names::slot_of(order); }
  static constexpr Order order_of(unsigned list) noexcept {
    if (list < Names::kLists) return Names::order_of(list);
    return list + 1 < kLists ? Order{list - Names::kLists} : G.pageblock_order();
  }

  // How many blocks a list has room for.
  static constexpr unsigned room_of(Order order) noexcept {
    if (order == Order{0}) return kMostRoom;
    return order.raw() < Names::kSmallOrders ? kMostRoom / 2 >> order.raw() : kWholeRoom;
  }
  static constexpr unsigned room_of_list(unsigned list) noexcept {
    return list < Names::kLists ? room_of(order_of(list)) : list == Names::kLists ? kOutSingles : kOutRoom;
  }
  // Two batches of single pages, so that bulk requests of one batch do not fill and empty it in turn.
  static constexpr unsigned kMostRoom = G.max_order_ < 7 ? 1u << G.max_order_ : 128;
  using Entry = NamedBlock<Descriptor>;

  std::uint64_t pages() const noexcept {
    std::uint64_t sum = 0;
    for (unsigned list = 0; list < kLists; ++list) sum += std::uint64_t{blocks(list)} << order_of(list).raw();
    return sum;
  }
  bool is_empty(unsigned list) const noexcept { return blocks(list) == 0; }
  [[gnu::always_inline]] std::uint32_t blocks(unsigned list) const noexcept {
    return static_cast<std::uint16_t>(words_[list].load()) / kStep;
  }

  // The limit of a list that is to have so many blocks at most, for push().
  static constexpr std::uint32_t limit_of(std::uint32_t blocks) noexcept { return blocks * kStep; }
  // This is how a free is counted. The descriptor is the caller's to write, here and below.
  //
  // Returns   false where the list is at the limit `most`; nothing is done then.
  [[gnu::always_inline]] bool push(Entry block, std::size_t list, Order order, std::uint32_t most) noexcept {
    const std::uint64_t word = words_[list];
    const std::size_t top = word & 0xffff;
    if (top >= most) [[unlikely]]
      return false;
    *entry_at(list, order, top) = block;
    words_[list] = word + kOneFree + kStep;
    return true;
  }
  // Where the highest block of the last batch of an order lay.
  bool is_above_line(Pfn page, Order order) const noexcept { return line_[Names::slot_of(order)] < page.raw; }
  void set_line(Pfn page, Order order) noexcept { line_[Names::slot_of(order)] = page.raw; }
  // Room for a batch, which the caller writes, the top last.
  Entry* grow(unsigned list, Order order, std::uint32_t count) noexcept {
    Entry* const first = entries_ + start_of(list, order) + blocks(list);
    words_[list] += std::uint64_t{count} * kStep;
    put_ += count;
    return first;
  }
  // None where the list is empty.
  [[gnu::always_inline]] const Entry* pop(std::size_t list, Order order) noexcept {
    const std::uint64_t word = words_[list];
    const std::size_t top = word & 0xffff;
    if (top == 0) [[unlikely]]
      return nullptr;
    words_[list] = word - kStep;
    return entry_at(list, order, top) - 1;
  }
  // At most `most` from the top, which is the last of them; they are gone from the list, and stay readable until the next push.
  std::span<const Entry> pop_row(std::size_t list, Order order, std::size_t most) noexcept {
    const std::size_t there = blocks(static_cast<unsigned>(list)), count = most < there ? most : there;
    const Entry* const end = entry_at(list, order, there * kStep);
    words_[list] -= std::uint64_t{count} * kStep;
    return {end - count, count};
  }
  // The oldest first.
  std::span<const Entry> entries(unsigned list) const noexcept {
    return {entries_ + start_of(list, order_of(list)), blocks(list)};
  }
  void drop_oldest(unsigned list, std::uint32_t count) noexcept {
    Entry* const first = entries_ + start_of(list, order_of(list));
    words_[list] -= std::uint64_t{count} * kStep;
    dropped_ += count;
    const Entry* from = first + count;
    for (Entry *to = first, *const end = first + blocks(list); to != end;) *to++ = *from++;
  }

  CpuEvents events() const noexcept {
    CpuEvents sum{.refills = refills, .spills = spills};
    std::uint64_t there = 0;
    for (unsigned list = 0; list < kLists; ++list) {
      sum.frees += words_[list] >> 16;
      there += blocks(list);
    }
    sum.allocs = put_ + sum.frees - dropped_ - there;
    return sum;
  }
  Shared<std::uint64_t> refills, spills;

 private:
  friend class Saboteur;
  static constexpr unsigned kWholeRoom = 4, kOutRoom = kMostRoom < 16 ? kMostRoom : 16,
                            kOutSingles = kMostRoom / 2;
  static constexpr std::uint64_t kOneFree = 1u << 16;
  static constexpr unsigned kStep = sizeof(Entry);
  static constexpr unsigned kSmallRoom =
      page::kOrdinaryTypes * (3 * kMostRoom / 2 - (kMostRoom / 2 >> (Names::kSmallOrders - 1)));
  // Orders one after the other, in each the types.
  [[gnu::always_inline]] static constexpr std::size_t start_of(std::size_t list, Order order) noexcept {
    constexpr std::size_t types = page::kOrdinaryTypes;
    constexpr std::size_t out = kSmallRoom + 2 * kWholeRoom;
    if (list == Names::kLists) return out;
    if (list > Names::kLists) return out + kOutSingles + (list - Names::kLists - 1) * kOutRoom;
    if (order.raw() >= Names::kSmallOrders)
      return kSmallRoom + (list - types * Names::kSmallOrders) * kWholeRoom;
    if (order == Order{0}) return list * kMostRoom;
    const std::size_t room = room_of(order);
    return types * (3 * kMostRoom / 2 - 2 * room) + (list - types * order.raw()) * room;
  }

  // The entry `top` bytes above a list's lowest.
  [[gnu::always_inline]] Entry* entry_at(std::size_t list, Order order, std::size_t top) noexcept {
    return reinterpret_cast<Entry*>(reinterpret_cast<std::byte*>(entries_ + start_of(list, order)) + top);
  }

  // Of each list: in the low 16 bits where its top is, in bytes above its lowest entry; above them how many blocks were ever
  // pushed: one write does for both.
  Shared<std::uint64_t> words_[kLists];
  Shared<std::uint64_t> put_, dropped_;  // blocks that came from the zone and went back there
  std::uint64_t line_[kKeepSlots];
  Entry entries_[kSmallRoom + 2 * kWholeRoom + kOutSingles + (kKeepSlots - 1) * kOutRoom];
};

}  // namespace quarry::buddy
