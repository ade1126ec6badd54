// kernel/stamp.hpp: memory that says whose it is, so that what two owners have at once is seen.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/atomic.hpp"
#include "quarry/base/text.hpp"

namespace kernel {

// At the beginning of a block; the rest of it holds words that follow from these.
struct Stamp {
  enum class Kind : std::uint32_t { pages, object };

  std::uint64_t self = 0;  // its own address, so that a copy is no stamp
  std::uint64_t sequence = 0;
  std::uint32_t owner = 0;  // the core that allocated it
  Kind kind = Kind::pages;
  std::uint64_t measure = 0;  // bytes that were asked for, or the order
  Stamp* next = nullptr;      // on its way to another core; no part of what is checked
};

// Whoever has blocks for a core puts them here; the core takes all of them at once.
class Inbox {
 public:
  void put(Stamp* block) noexcept {
    Stamp* first = first_.load_relaxed();
    do block->next = first;
    while (!first_.exchange_if(first, block));
  }
  Stamp* take_all() noexcept {
    Stamp* first = first_.load_acquire();
    while (first != nullptr && !first_.exchange_if(first, nullptr)) {
    }
    return first;
  }

 private:
  quarry::Atomic<Stamp*> first_{};
};

// Writes a stamp and what follows from it: all words of a page's worth, of larger blocks the first and last line of
// each page.
Stamp* stamp(void* memory, std::uint64_t bytes, const Stamp& what) noexcept;
// Returns   what is wrong with it; empty: nothing.
quarry::TextView complaint_about(const Stamp& block, std::uint64_t bytes) noexcept;
// Ends the stamp, so that whoever frees the block twice is seen by complaint_about().
void unstamp(Stamp& block) noexcept;

}  // namespace kernel
