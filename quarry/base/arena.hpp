// quarry/base/arena.hpp: memory that the caller brings, handed out once and never given back.
//
// The library has no heap and no fixed tables. What a stage needs for as long as the machine runs
// (node tables, maps, zonelists) it takes from an arena; how much that is follows from the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>

#include "quarry/base/bits.hpp"
#include "quarry/base/result.hpp"

namespace quarry {

class Arena {
 public:
  constexpr explicit Arena(std::span<std::byte> memory) noexcept : memory_{memory} {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Takes `size` bytes at a multiple of `alignment`, a power of two. The bytes are as the caller left them.
  //
  // Errors    no_room: the arena is used up; nothing is taken.
  // Cost      O(1).
  Result<std::byte*> take_bytes(std::size_t size, std::size_t alignment) noexcept {
    const auto base = reinterpret_cast<std::uintptr_t>(memory_.data());
    const std::uintptr_t at = base + used_;
    if (at > UINTPTR_MAX - (alignment - 1)) return Error::no_room;
    const auto aligned = static_cast<std::uintptr_t>(align_down(at + alignment - 1, alignment));
    const std::size_t from = aligned - base;
    if (from > memory_.size() || memory_.size() - from < size) return Error::no_room;
    used_ = from + size;
    return memory_.data() + from;
  }

  // Takes `count` objects, each value-initialised.
  //
  // Errors    no_room, as above.
  template <class T>
  Result<std::span<T>> take(std::size_t count) noexcept {
    static_assert(std::is_trivially_destructible_v<T>, "an arena never destroys what it holds");
    if (count > SIZE_MAX / sizeof(T)) return Error::no_room;
    const auto bytes = take_bytes(count * sizeof(T), alignof(T));
    if (!bytes) return bytes.error();
    T* const first = reinterpret_cast<T*>(bytes.value());
    for (std::size_t i = 0; i < count; ++i) ::new (static_cast<void*>(first + i)) T{};
    return std::span<T>{first, count};
  }

  constexpr std::size_t used() const noexcept { return used_; }
  constexpr std::size_t left() const noexcept { return memory_.size() - used_; }

 private:
  std::span<std::byte> memory_;
  std::size_t used_ = 0;  // law: used_ <= memory_.size()
};

}  // namespace quarry
