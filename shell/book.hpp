// shell/book.hpp: numbers by number, in order: which blocks and objects were handed out.
#pragma once

#include <optional>

#include "shell/memory.hpp"

namespace quarry::shell {

// A treap: a search tree by key that is a heap by a hash of the key, so its depth is that of a random tree in whatever
// order keys come. Nodes come from chunks of granted memory, which stay until the end.
class Book {
 public:
  struct Entry {
    std::uint64_t key, value;
  };

  explicit Book(const Memory& memory) noexcept : memory_{memory} {}
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;
  ~Book();

  // From here on `count` more entries have room.
  //
  // Errors    no_memory: they do not.
  Result<Done> make_room(std::uint64_t count) noexcept;

  // Adds an entry, or changes the one there is.
  //
  // Needs     room for it, if its key is new.
  // Cost      O(log n), as all that follows.
  void put(std::uint64_t key, std::uint64_t value) noexcept;
  bool erase(std::uint64_t key) noexcept;  // false: there was none
  std::optional<std::uint64_t> find(std::uint64_t key) const noexcept;
  // The entry with the lowest key that is no lower than `key`.
  std::optional<Entry> at_or_after(std::uint64_t key) const noexcept;
  // Calls f(entry) for all, ascending.
  template <class F>
  void for_each(F f) const noexcept {
    for (auto entry = at_or_after(0); entry; entry = at_or_after(entry->key + 1)) {
      f(*entry);
      if (entry->key == UINT64_MAX) return;
    }
  }

  std::uint64_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  // Whether the tree is one: keys ascend, and no node stands above one with a higher hash.
  bool audit() const noexcept;

 private:
  static constexpr std::size_t kChunk = 4096;
  struct Node {
    std::uint64_t key, value;
    Node* left;
    Node* right;
  };
  struct Chunk {
    static constexpr std::size_t kNodes = (kChunk - sizeof(std::uint64_t)) / sizeof(Node);
    Node nodes[kNodes];
    Chunk* next;
  };
  static_assert(sizeof(Chunk) <= kChunk);

  Node** link_to(std::uint64_t key) noexcept;

  const Memory& memory_;
  Node* root_ = nullptr;
  Node* spare_ = nullptr;  // linked by `right`
  Chunk* chunks_ = nullptr;
  std::uint64_t size_ = 0, spare_count_ = 0;
};

}  // namespace quarry::shell
