// quarry/buddy/test_state.hpp: what a test sees of an allocator that nobody else may: all of its state.
#pragma once

#include <type_traits>
#include <utility>

#include "quarry/buddy/test_machine.hpp"

namespace quarry::buddy {

// Reaches where nobody else may: to break one law at a time, and to set what would take a large machine.
class Saboteur {
 public:
  template <class A>
  static auto& part(A& allocator) {
    return allocator.free_[2].parts_[0];
  }
  template <class A>
  static auto& zone(A& allocator, std::uint32_t index) {
    return allocator.zones_[index];
  }
  template <class A>
  static auto& lists(A& allocator, std::uint32_t zone, unsigned core) {
    return allocator.lists_of(allocator.zones_[zone], core);
  }
  // What only counts events in a core's lists, taken out and put back.
  template <class L>
  struct Events {
    std::uint64_t counts[4 + L::kLists] = {};
  };
  template <class L>
  static void swap_events(Events<L>& events, L& lists) {
    std::uint64_t* next = events.counts;
    const auto exchange = [&next](auto& count) {
      const std::uint64_t old = count;
      count = *next;
      *next++ = old;
    };
    exchange(lists.refills), exchange(lists.spills);
    if constexpr (L::kAreArrays) {
      exchange(lists.brought), exchange(lists.fetched);
      for (auto& stacks : lists.stacks_)
        for (unsigned slot = 0; slot < kKeepSlots; ++slot) {
          const std::uint64_t there = stacks.put_[slot] - stacks.taken_[slot];
          exchange(stacks.taken_[slot]);
          stacks.put_[slot] = stacks.taken_[slot] + there;
        }
    } else {
      exchange(lists.allocs), exchange(lists.frees);
    }
  }
  // What lies above the tops of stacks says nothing.
  template <class L>
  static void clear_stale(L& lists) {
    if constexpr (L::kAreArrays)
      for (auto& stacks : lists.stacks_)
        for (unsigned order = 0; order <= L::kSmallOrders; ++order)
          for (auto& entry : stacks.room(L::order_of(order))) entry = {};
  }
  // What a core remembers only to be quicker.
  template <class A>
  static void forget_recent(A& allocator, unsigned core) {
    if (allocator.recent_ != nullptr) allocator.recent_[core] = {};
  }
  // Notes that outlived their blocks are taken away.
  template <class A>
  static void forget_stale(A& allocator, std::uint32_t index) {
    auto& zone = allocator.free_[index];
    using Z = std::remove_reference_t<decltype(zone)>;
    if constexpr (requires { zone.tables_; }) {
      for (unsigned type = 0; zone.tables_ != nullptr && type < page::kMigrateTypes; ++type)
        for (unsigned order = 0; order < Z::kPageblockOrder; ++order) {
          PageblockSet& set = zone.tables_->of_type[type].partial[order];
          set.for_each([&](std::uint32_t at) {
            if (zone.bits_[at].first(order) == Z::kFrames) zone.forget(at, order);
          });
          if (set.is_empty()) zone.masks_[type] &= ~(1u << order);
        }
    }
  }
  template <class A>
  static void set_marks(A& allocator, std::uint32_t zone, const Watermarks& marks) QUARRY_UNLOCKED {
    allocator.zones_[zone].set_marks(marks);
  }
  template <class A>
  static void limit(A& allocator, std::uint32_t zone, CpuLimits limits) {
    allocator.limit_lists(allocator.zones_[zone], limits);
  }
  template <class A>
  static CoreState& core(A& allocator, unsigned core) {
    return allocator.core_state(core);
  }
  template <class P>
  static void set_mask(P& part, MigrateType type, std::uint32_t mask) {
    part.masks_[page::index_of(type)] = mask;
  }
};

// Sixty-four bits that differ, but for chance, when any byte of the machine's tables does: descriptors, types of
// pageblocks, lists, counts of pages. What only counts events is left out.
template <class M>
std::uint64_t digest_of(M& machine) noexcept QUARRY_UNLOCKED {
  std::uint64_t bits = 0x2545'f491'4f6c'dd1d;
  const auto add = [&bits](std::uint64_t number) noexcept {
    bits = (bits ^ number) * 0x9e37'79b9'7f4a'7c15;
    bits ^= bits >> 29;
  };
  constexpr std::size_t kZones = 2 * zones::kZoneTypes;
  using Counters = typename std::remove_reference_t<decltype(Saboteur::zone(machine.allocator, 0))>::Counters;
  Counters kept[kZones];
  const std::size_t count = machine.allocator.zone_count();
  check(count <= kZones, "too many zones");
  constexpr unsigned kCores = 4;
  using Lists = std::remove_reference_t<decltype(Saboteur::lists(machine.allocator, 0, 0))>;
  typename Saboteur::template Events<Lists> events[kZones][kCores];
  const unsigned cores = machine.allocator.core_count();
  check(cores <= kCores, "too many cores");
  CoreState states[kCores];
  for (unsigned core = 0; core < cores; ++core) {
    std::swap(states[core], Saboteur::core(machine.allocator, core));
    Saboteur::forget_recent(machine.allocator, core);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& zone = Saboteur::zone(machine.allocator, i);
    kept[i] = zone.count;
    zone.count = {};
    for (unsigned core = 0; core < cores && zone.part_count != 0; ++core) {
      Saboteur::clear_stale(Saboteur::lists(machine.allocator, i, core));
      Saboteur::swap_events(events[i][core], Saboteur::lists(machine.allocator, i, core));
    }
  }
  const auto used = static_cast<std::size_t>(machine.used());
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < used; ++at) {
    word = word << 8 | static_cast<std::uint64_t>(test_memory[at]);
    if ((at & 7) == 7 || at + 1 == used) add(word);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& zone = Saboteur::zone(machine.allocator, i);
    zone.count = kept[i];
    for (unsigned core = 0; core < cores && zone.part_count != 0; ++core)
      Saboteur::swap_events(events[i][core], Saboteur::lists(machine.allocator, i, core));
    add(machine.layout.zones[i].managed.raw);
    add(machine.layout.zones[i].cma.raw);
  }
  for (unsigned core = 0; core < cores; ++core)
    std::swap(states[core], Saboteur::core(machine.allocator, core));
  return bits;
}

// Machines with several cores, for both memory models.
template <Geometry G, class Policy>
using ManyCores = TestMachine<G, NoObserver, Policy, TestCores>;
extern template class PageAllocator<k4KSparse, NoObserver, LinuxPolicy, TestCores>;
extern template class PageAllocator<k4KFlatHuge, NoObserver, LinuxPolicy, TestCores>;
extern template class PageAllocator<k4KSparse, NoObserver, CompactPolicy, TestCores>;
extern template class PageAllocator<k4KFlatHuge, NoObserver, CompactPolicy, TestCores>;

}  // namespace quarry::buddy

// What only one policy does, on each memory model; and the same test on both.
#define QUARRY_TEST_HEAD(name)                  \
  template <::quarry::Geometry G, class Policy> \
  static void name()
#define QUARRY_TESTS_OF(name, policy, word)                   \
  TEST(name##_##word##_sparse) { name<k4KSparse, policy>(); } \
  TEST(name##_##word##_flat) { name<k4KFlatHuge, policy>(); }
#define TEST_ON_LINUX(name)                 \
  QUARRY_TEST_HEAD(name);                   \
  QUARRY_TESTS_OF(name, LinuxPolicy, linux) \
  QUARRY_TEST_HEAD(name)
#define TEST_ON_COMPACT(name)                   \
  QUARRY_TEST_HEAD(name);                       \
  QUARRY_TESTS_OF(name, CompactPolicy, compact) \
  QUARRY_TEST_HEAD(name)
#define TEST_ON_POLICIES(name)                  \
  QUARRY_TEST_HEAD(name);                       \
  QUARRY_TESTS_OF(name, LinuxPolicy, linux)     \
  QUARRY_TESTS_OF(name, CompactPolicy, compact) \
  QUARRY_TEST_HEAD(name)
