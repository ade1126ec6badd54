// quarry/slab/object_array.hpp: free objects that a core has at hand, as a stack of pointers.
//
//   core 0     loaded   |o|o|o|o| | | |   alloc() pops here, free() pushes
//              spare    |o|o|o|o|o|o|o|   full or empty: changes places with `loaded` before anybody else is asked
//              outgoing |o|o| | | | | |   objects of other nodes, until there are enough to be handed over
//   node 0     full     |o|o|o|o|o|o|o| -> |o|o|o|o|o|o|o|      what one core has too many of, another takes whole
//
// An object that rests in an array is in use for its slab, and is not touched: what a core frees and another allocates costs
// the pointer alone. Arrays are objects of two caches that have no arrays themselves.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace quarry::slab {

// Touched by its core under a guard, or by who holds the lock of the node where it stands.
struct ObjectArray {
  std::size_t top = 0;
  std::size_t limit = 0;  // room for push(); 0 where every object must be looked at first
  ObjectArray* next = nullptr;
  std::size_t room = 0;

  void** objects() noexcept { return reinterpret_cast<void**>(this + 1); }
  bool is_real() const noexcept { return room != 0; }

  // False: there is none.
  [[gnu::always_inline]] bool pop(void*& object) noexcept {
    const auto left = static_cast<std::ptrdiff_t>(top) - 1;  // its sign is the test
    if (left < 0) [[unlikely]]
      return false;
    top = static_cast<std::size_t>(left);
    const auto address = std::bit_cast<std::uintptr_t>(objects()[left]);
    if (address == 0) __builtin_unreachable();  // nothing lets one in: who tests the result tests nothing
    object = std::bit_cast<void*>(address);
    return true;
  }
  // There is one.
  void* pop_known() noexcept { return objects()[--top]; }
  // False: there is no room, or none for objects that nobody looked at.
  [[gnu::always_inline]] bool push(void* object) noexcept { return push_below(limit, object); }
  bool push_known(void* object) noexcept { return push_below(room, object); }

 private:
  [[gnu::always_inline]] bool push_below(std::size_t most, void* object) noexcept {
    const std::size_t count = top;
    if (count >= most) [[unlikely]]
      return false;
    objects()[count] = object;
    top = count + 1;
    return true;
  }
};
static_assert(sizeof(ObjectArray) % sizeof(void*) == 0);

// The sizes of arrays, in bytes, and up to which size of objects they are for: many of small ones, a few of large ones.
inline constexpr unsigned kArrayKinds = 3;
inline constexpr std::uint32_t kArrayBytes[kArrayKinds] = {1024, 512, 128};
inline constexpr std::uint32_t kObjectBytes[kArrayKinds - 1] = {128, 512};
constexpr unsigned array_kind(std::uint32_t size) noexcept {
  return size <= kObjectBytes[0] ? 0 : size <= kObjectBytes[1] ? 1 : 2;
}
constexpr std::uint32_t room_of_array(unsigned kind) noexcept {
  return (kArrayBytes[kind] - std::uint32_t{sizeof(ObjectArray)}) / std::uint32_t{sizeof(void*)};
}
// What waits in full arrays on a node for whoever comes next, in bytes of each cache: a 4,096th of the node's memory, but so much
// at least and at most; and two arrays at least. Bursts of that size cost pointers only; shrink() and give_back() win it back.
inline constexpr std::uint64_t kLeastWaiting = std::uint64_t{64} << 10, kMostWaiting = std::uint64_t{4} << 20;
constexpr std::uint64_t waiting_bytes(std::uint64_t node_bytes) noexcept {
  const std::uint64_t share = node_bytes >> 12;
  return share < kLeastWaiting ? kLeastWaiting : share > kMostWaiting ? kMostWaiting : share;
}
// How many objects of `size` bytes an array holds: fewer of large ones, or a core would sit on too much memory.
constexpr std::uint32_t room_for_objects(std::uint32_t size) noexcept {
  const std::uint32_t most = room_of_array(array_kind(size));
  if (size <= 2048) return most;
  return size <= 4096 ? most / 2 : size <= 8192 ? most / 4 : 2;
}

// Stands where a core has no array: nothing is in it, and nothing goes in. Never written.
inline constexpr ObjectArray kNoArray{};
inline ObjectArray* no_array() noexcept { return const_cast<ObjectArray*>(&kNoArray); }

// What one core has of one cache, in a cache line of its own: cores that change their arrays do not get in each other's way.
struct alignas(64) AtCore {
  ObjectArray* loaded = no_array();
  ObjectArray* spare = no_array();
  ObjectArray* outgoing = no_array();
  std::size_t visits = 0;  // when nothing was at hand, before it had an array

  void turn() noexcept {
    ObjectArray* const was = loaded;
    loaded = spare;
    spare = was;
  }
  std::uint64_t objects() const noexcept { return std::uint64_t{loaded->top} + spare->top + outgoing->top; }
};
static_assert(sizeof(AtCore) == 64);

}  // namespace quarry::slab
