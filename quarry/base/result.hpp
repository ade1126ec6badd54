// quarry/base/result.hpp: a value, or the reason there is none.
#pragma once

#include <cstddef>
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
  damaged,          // what was given back has been written over, and is not used again
};

// The value of a Result that only succeeds or fails.
struct Done {};

namespace detail {

// Yes or no in as many bytes as would be padding otherwise: a part of a register costs compilers more than all of it.
template <class T>
using Flag = std::conditional_t<alignof(T) >= sizeof(std::size_t), std::size_t,
                                std::conditional_t<alignof(T) >= 4, std::uint32_t, bool>>;

// A number's slot is as trivially copyable as the number: a Result<Pfn> comes back in two registers.
template <class T, bool = std::is_trivially_copyable_v<T>>
class Slot {
 public:
  constexpr explicit Slot(T v) noexcept : value_{v}, full_{true} {}
  constexpr explicit Slot(Error e) noexcept : error_{e}, full_{false} {}
  constexpr bool is_full() const noexcept { return full_ != Flag<T>{false}; }
  constexpr const T& value() const noexcept { return value_; }
  constexpr T take() noexcept { return value_; }
  constexpr Error error() const noexcept { return error_; }

 private:
  union {
    T value_;
    Error error_;
  };
  Flag<T> full_;
};

// What only succeeds or fails is one byte: 0, or the error after that.
template <>
class Slot<Done, true> {
 public:
  constexpr explicit Slot(Done) noexcept : code_{0} {}
  constexpr explicit Slot(Error e) noexcept
      : code_{static_cast<std::uint8_t>(static_cast<unsigned>(e) + 1)} {}
  constexpr bool is_full() const noexcept { return code_ == 0; }
  constexpr const Done& value() const noexcept { return done_; }
  constexpr Done take() noexcept { return done_; }
  constexpr Error error() const noexcept { return static_cast<Error>(code_ - 1); }

 private:
  [[no_unique_address]] Done done_{};
  std::uint8_t code_;
};

// A pointer that is there is never null, so it says itself whether it is there: whoever tests the result has tested the pointer.
template <class T>
class Slot<T*, true> {
 public:
  constexpr explicit Slot(T* v) noexcept : value_{v}, error_{0} {
    check(v != nullptr, "a null pointer as a value");
  }
  constexpr explicit Slot(Error e) noexcept : value_{nullptr}, error_{static_cast<std::size_t>(e)} {}
  constexpr bool is_full() const noexcept { return value_ != nullptr; }
  constexpr T* const& value() const noexcept { return value_; }
  constexpr T* take() noexcept { return value_; }
  constexpr Error error() const noexcept { return static_cast<Error>(error_); }

 private:
  T* value_;
  std::size_t error_;  // a whole word, as above
};

// A guard's slot hands its guard on when it moves, and lets go of what it still holds exactly once.
template <class T>
class Slot<T, false> {
 public:
  explicit Slot(T v) noexcept : value_{std::move(v)}, full_{true} {}
  explicit Slot(Error e) noexcept : error_{e}, full_{false} {}
  Slot(Slot&& other) noexcept : error_{}, full_{other.full_} {
    if (full_)
      ::new (static_cast<void*>(&value_)) T{std::move(other.value_)};
    else
      error_ = other.error_;
  }
  ~Slot() {
    if (full_) value_.~T();
  }
  bool is_full() const noexcept { return full_; }
  const T& value() const noexcept { return value_; }
  T take() noexcept { return std::move(value_); }
  Error error() const noexcept { return error_; }

 private:
  union {
    T value_;
    Error error_;
  };
  bool full_;
};

}  // namespace detail

// Holds a number as well as a move-only guard. A T may return Result<T> from its own members.
template <class T>
class [[nodiscard]] Result {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>);

 public:
  constexpr Result(T value) noexcept : slot_{std::move(value)} {}
  constexpr Result(Error error) noexcept : slot_{error} {}

  constexpr explicit operator bool() const noexcept { return slot_.is_full(); }
  constexpr const T& value(Site site = Site::here()) const& noexcept {
    check(slot_.is_full(), "value() of a failed Result", site);
    return slot_.value();
  }
  // Of a temporary, by value: `auto guard = lock().value();` moves and never dangles.
  constexpr T value(Site site = Site::here()) && noexcept {
    check(slot_.is_full(), "value() of a failed Result", site);
    return slot_.take();
  }
  constexpr Error error(Site site = Site::here()) const noexcept {
    check(!slot_.is_full(), "error() of a successful Result", site);
    return slot_.error();
  }

 private:
  detail::Slot<T> slot_;
};

}  // namespace quarry
