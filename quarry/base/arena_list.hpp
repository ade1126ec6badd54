// quarry/base/arena_list.hpp: a list that grows one by one in an arena, without a bound of its own.
#pragma once

#include <cstddef>
#include <type_traits>

#include "quarry/base/arena.hpp"

namespace quarry {

// Ts in the order in which they came, each where it was first put: a pointer to one stays good. The list
// is a value of three words; the arena keeps the elements, and a copy of the list sees those of its moment.
template <class T>
class ArenaList {
  static_assert(std::is_trivially_destructible_v<T>, "an arena never destroys what it holds");
  struct Link {
    T value;
    Link* next;
  };

 public:
  template <class U, class L>
  class Cursor {
   public:
    constexpr explicit Cursor(L* link) noexcept : link_{link} {}
    constexpr U& operator*() const noexcept { return link_->value; }
    constexpr U* operator->() const noexcept { return &link_->value; }
    constexpr Cursor& operator++() noexcept {
      link_ = link_->next;
      return *this;
    }
    friend constexpr bool operator==(Cursor, Cursor) noexcept = default;

   private:
    L* link_;
  };

  // Returns   the element in its place.
  // Errors    no_room: the arena is used up; nothing changed.
  Result<T*> push(Arena& arena, const T& value) noexcept {
    const auto bytes = arena.take_bytes(sizeof(Link), alignof(Link));
    if (!bytes) return bytes.error();
    auto* const link = ::new (static_cast<void*>(bytes.value())) Link{value, nullptr};
    (last_ == nullptr ? first_ : last_->next) = link;
    last_ = link;
    ++size_;
    return &link->value;
  }

  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr auto begin() noexcept { return Cursor<T, Link>{first_}; }
  constexpr auto end() noexcept { return Cursor<T, Link>{nullptr}; }
  constexpr auto begin() const noexcept { return Cursor<const T, const Link>{first_}; }
  constexpr auto end() const noexcept { return Cursor<const T, const Link>{nullptr}; }

 private:
  Link* first_ = nullptr;
  Link* last_ = nullptr;  // law: null exactly when first_ is
  std::size_t size_ = 0;
};

}  // namespace quarry
