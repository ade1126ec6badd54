// shell/made_caches.hpp: the caches that a shell asked for, by the names that it gave them.
#pragma once

#include "shell/machine.hpp"
#include "shell/memory.hpp"

namespace quarry::shell {

// A cache does not copy its name, so the characters stay here for as long as it is there. Several names may be of one cache, and
// one of them may go before it.
class MadeCaches {
 public:
  class Made {
   public:
    CacheId id{};
    bool has_left = false;  // its creation was undone, but the cache goes by its name
    TextView name() const noexcept { return {reinterpret_cast<const char*>(this + 1), size_}; }

   private:
    friend class MadeCaches;
    explicit Made(std::size_t size) noexcept : size_{size} {}
    Made* next_ = nullptr;
    std::size_t size_;  // characters, which follow
  };

  explicit MadeCaches(const Memory& memory) noexcept : memory_{memory} {}
  MadeCaches(const MadeCaches&) = delete;
  MadeCaches& operator=(const MadeCaches&) = delete;
  // What is still listed may be the name of a cache that is there: its memory stays taken.
  ~MadeCaches() = default;

  // Errors    no_memory: there is none for the name.
  Result<Made*> keep(TextView name) noexcept;
  // That has not left; null: there is none.
  Made* find(TextView name) noexcept;
  Made* first() noexcept;  // that has not left; null: there is none
  // Calls f(made) for all that have not left.
  template <class F>
  void for_each(F f) noexcept {
    for (Made* made = first_; made != nullptr; made = made->next_)
      if (!made->has_left) f(*made);
  }
  void drop(Made& made) noexcept;
  // All names of a cache that is gone.
  void drop_all_of(CacheId id) noexcept;

 private:
  const Memory& memory_;
  Made* first_ = nullptr;  // in the order of creation
};

}  // namespace quarry::shell
