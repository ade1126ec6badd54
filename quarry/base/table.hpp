// quarry/base/table.hpp: a list of values in memory that somebody else keeps.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "quarry/base/check.hpp"
#include "quarry/base/result.hpp"

namespace quarry {

// As many Ts as the storage holds, in order. Full is an error and never an overrun.
template <class T>
class Table {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr Table() noexcept = default;
  constexpr explicit Table(std::span<T> storage) noexcept : storage_{storage} {}

  constexpr std::size_t size() const noexcept { return size_; }
  constexpr std::size_t capacity() const noexcept { return storage_.size(); }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T& operator[](std::size_t at) noexcept {
    check(at < size_, "index outside the table");
    return storage_[at];
  }
  constexpr const T& operator[](std::size_t at) const noexcept {
    check(at < size_, "index outside the table");
    return storage_[at];
  }
  constexpr T* begin() noexcept { return storage_.data(); }
  constexpr T* end() noexcept { return storage_.data() + size_; }
  constexpr const T* begin() const noexcept { return storage_.data(); }
  constexpr const T* end() const noexcept { return storage_.data() + size_; }
  constexpr std::span<const T> view() const noexcept { return {storage_.data(), size_}; }

  // Errors    no_room: the storage is full; nothing changed.
  constexpr Result<Done> push(const T& value) noexcept { return insert(size_, value); }

  // Puts `value` before the one at `at`, or last when `at` is size().
  //
  // Errors    no_room: the storage is full; nothing changed.
  // Cost      O(size() - at).
  constexpr Result<Done> insert(std::size_t at, const T& value) noexcept {
    check(at <= size_, "insertion outside the table");
    if (size_ == storage_.size()) return Error::no_room;
    const T copy = value;  // `value` may lie in this table, and is about to move
    for (std::size_t i = size_; i > at; --i) storage_[i] = storage_[i - 1];
    storage_[at] = copy;
    ++size_;
    return Done{};
  }
  constexpr void erase(std::size_t at) noexcept {
    check(at < size_, "erasure outside the table");
    for (std::size_t i = at + 1; i < size_; ++i) storage_[i - 1] = storage_[i];
    --size_;
  }
  constexpr void clear() noexcept { size_ = 0; }

 private:
  std::span<T> storage_;
  std::size_t size_ = 0;  // law: size_ <= storage_.size()
};

}  // namespace quarry
