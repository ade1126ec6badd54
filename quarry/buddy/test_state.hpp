// quarry/buddy/test_state.hpp: what a test sees of an allocator that nobody else may: all of its state.
#pragma once

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
  static ZoneState& zone(A& allocator, std::uint32_t index) {
    return allocator.zones_[index];
  }
  template <class A>
  static auto& lists(A& allocator, std::uint32_t zone, unsigned core) {
    return allocator.lists_of(allocator.zones_[zone], core);
  }
  template <class P>
  static void set_mask(P& part, MigrateType type, std::uint32_t mask) {
    part.masks_[page::index_of(type)] = mask;
  }
};

// Sixty-four bits that differ, but for chance, when any byte of the machine's tables does: descriptors, types of
// pageblocks, lists, counts of pages. What only counts events is left out.
template <class M>
std::uint64_t digest_of(M& machine) noexcept {
  std::uint64_t bits = 0x2545'f491'4f6c'dd1d;
  const auto add = [&bits](std::uint64_t number) noexcept {
    bits = (bits ^ number) * 0x9e37'79b9'7f4a'7c15;
    bits ^= bits >> 29;
  };
  constexpr std::size_t kZones = 2 * zones::kZoneTypes;
  ZoneState::Counters kept[kZones];
  const std::size_t count = machine.allocator.zone_count();
  check(count <= kZones, "too many zones");
  for (std::uint32_t i = 0; i < count; ++i) {
    ZoneState& zone = Saboteur::zone(machine.allocator, i);
    kept[i] = zone.count;
    zone.count = {};
  }
  const auto used = static_cast<std::size_t>(machine.used());
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < used; ++at) {
    word = word << 8 | static_cast<std::uint64_t>(test_memory[at]);
    if ((at & 7) == 7 || at + 1 == used) add(word);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    Saboteur::zone(machine.allocator, i).count = kept[i];
    add(machine.layout.zones[i].managed.raw);
    add(machine.layout.zones[i].cma.raw);
  }
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

// The same test on each policy and memory model.
#define TEST_ON_POLICIES(name)                                      \
  template <::quarry::Geometry G, class Policy>                     \
  static void name();                                               \
  TEST(name##_linux_sparse) { name<k4KSparse, LinuxPolicy>(); }     \
  TEST(name##_linux_flat) { name<k4KFlatHuge, LinuxPolicy>(); }     \
  TEST(name##_compact_sparse) { name<k4KSparse, CompactPolicy>(); } \
  TEST(name##_compact_flat) { name<k4KFlatHuge, CompactPolicy>(); } \
  template <::quarry::Geometry G, class Policy>                     \
  static void name()
