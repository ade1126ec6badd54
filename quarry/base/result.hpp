// quarry/base/result.hpp: a value, or the reason there is none.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "quarry/base/check.hpp"

namespace quarry {

// What the outside world can do wrong. Our own mistakes go to check() instead.
enum class Error : std::uint8_t {
  no_memory,        // no block satisfies the request; retry after freeing
  out_of_range,     // the range lies outside what is managed or mapped
  overflow,         // the answer does not fit in 64 bits
  bad_geometry,     // a configuration breaks one of Geometry's laws
  bad_table,        // firmware data is malformed; nothing was changed
  truncated_table,  // firmware data ends before its own length says so
  bad_argument,     // the request itself makes no sense: a zero size, an alignment that is no power of two
  no_room,          // the memory that the caller brought for a table or an arena is used up
  too_early,        // a table would have to grow before growing is allowed; nothing was changed
  not_found,        // what was asked for by name or address is not there
  wrong_owner,      // the page or object given back is not one that was handed out
  busy,             // a part of what was to be taken alone is somebody's already
};

// The value of a Result that only succeeds or fails.
struct Done {};

namespace detail {

// A number's slot is as trivially copyable as the number: a Result<Pfn> comes back in two registers.
template <class T, bool = std::is_trivially_copyable_v<T>>
struct Slot {
  constexpr explicit Slot(T v) noexcept : value{v}, full{true} {}
  constexpr explicit Slot(Error e) noexcept : error{e}, full{false} {}
  union {
    T value;
    Error error;
  };
  bool full;
};

// A guard's slot hands its guard on when it moves, and lets go of what it still holds exactly once.
template <class T>
struct Slot<T, false> {
  explicit Slot(T v) noexcept : value{std::move(v)}, full{true} {}
  explicit Slot(Error e) noexcept : error{e}, full{false} {}
  Slot(Slot&& other) noexcept : error{}, full{other.full} {
    if (full)
      ::new (static_cast<void*>(&value)) T{std::move(other.value)};
    else
      error = other.error;
  }
  ~Slot() {
    if (full) value.~T();
  }
  union {
    T value;
    Error error;
  };
  bool full;
};

}  // namespace detail

// Holds a number as well as a move-only guard. A T may return Result<T> from its own members.
template <class T>
class [[nodiscard]] Result {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>);

 public:
  constexpr Result(T value) noexcept : slot_{std::move(value)} {}
  constexpr Result(Error error) noexcept : slot_{error} {}

  constexpr explicit operator bool() const noexcept { return slot_.full; }
  constexpr const T& value(Site site = Site::here()) const& noexcept {
    check(slot_.full, "value() of a failed Result", site);
    return slot_.value;
  }
  // Of a temporary, by value: `auto guard = lock().value();` moves and never dangles.
  constexpr T value(Site site = Site::here()) && noexcept {
    check(slot_.full, "value() of a failed Result", site);
    return std::move(slot_.value);
  }
  constexpr Error error(Site site = Site::here()) const noexcept {
    check(!slot_.full, "error() of a successful Result", site);
    return slot_.error;
  }

 private:
  detail::Slot<T> slot_;
};

}  // namespace quarry
