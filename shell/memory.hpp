// shell/memory.hpp: memory for the shell's notes, as much as whoever runs it grants.
#pragma once

#include <new>
#include <span>
#include <type_traits>

#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"

namespace quarry::shell {

// Where it comes from. The page allocator that the shell shows may be the source: the shell keeps what it has and
// asks for more before it asks the machine for what would have to be noted.
struct Memory {
  static constexpr std::size_t kAlignment = 16;

  void* self = nullptr;
  // So many bytes, aligned to kAlignment; null: there is no more.
  std::byte* (*take)(void* self, std::size_t bytes) noexcept = nullptr;
  void (*give_back)(void* self, std::byte* memory, std::size_t bytes) noexcept = nullptr;
};

// An array that is kept from one use to the next.
template <class T>
class Room {
  static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= Memory::kAlignment);

 public:
  explicit Room(const Memory& memory) noexcept : memory_{memory} {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() { give_back(); }

  // Fresh elements; those of the last call are gone.
  //
  // Errors    no_memory: so many are not to be had. The room is empty then.
  Result<std::span<T>> fresh(std::size_t count) noexcept {
    if (storage_.size() < count) {
      give_back();
      std::byte* const granted = memory_.take(memory_.self, count * sizeof(T));
      if (granted == nullptr) return Error::no_memory;
      storage_ = {reinterpret_cast<T*>(granted), count};
    }
    for (std::size_t i = 0; i < count; ++i) ::new (static_cast<void*>(&storage_[i])) T{};
    return storage_.first(count);
  }
  void give_back() noexcept {
    if (!storage_.empty())
      memory_.give_back(memory_.self, reinterpret_cast<std::byte*>(storage_.data()), storage_.size_bytes());
    storage_ = {};
  }

 private:
  const Memory& memory_;
  std::span<T> storage_;
};

// Text that is kept, of any length.
class Note {
 public:
  explicit Note(const Memory& memory) noexcept : memory_{memory} {}
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;
  ~Note();

  // Takes memory for the first words now.
  bool make_room() noexcept { return room() != nullptr; }
  // What is written from here on replaces what was there. The memory stays, for the next one.
  TextSink start() noexcept;
  bool empty() const noexcept { return first_ == nullptr || first_->used == 0; }
  // With a last line that says so where memory ran out on the way.
  void print(TextSink& out) const noexcept;

 private:
  static constexpr std::size_t kChunk = 4096;
  struct Chunk {
    Chunk* next = nullptr;
    std::size_t used = 0;
    char text[kChunk - sizeof(void*) - sizeof(std::size_t)];
  };
  static_assert(sizeof(Chunk) == kChunk);

  void append(const char* text, std::size_t size) noexcept;
  Chunk* room() noexcept;

  const Memory& memory_;
  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;  // that has text; those behind it are empty
  bool is_cut_ = false;
};

}  // namespace quarry::shell
