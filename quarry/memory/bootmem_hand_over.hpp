// quarry/memory/bootmem_hand_over.hpp: the hand-over of a boot-time allocator that has bootmem's calls.
//
//   bitmap      0000 0000 1000 0000 0001 ....                 a long at a time
//   blocks      |---6---|.......|---6---|...                  what free_all tells, one after the other
//   runs        |-------------| |--------| |---|              what the page allocator gets
//
// The page allocator merges what touches, so that its lists hold the same blocks whether it gets blocks or the runs
// that they make; with runs a large machine may leave whole sections for later.
#pragma once

#include <optional>

#include "quarry/early/bootmem_allocator.hpp"

namespace quarry::memory {

// What free_all came to.
struct BootmemRelease {
  early::Handover counts{};
  std::uint64_t blocks = 0;  // as they were told
  std::uint64_t runs = 0;    // as they were released
};

// Joins blocks that follow each other, and releases what they make.
template <class Allocator>
class BlockRuns {
 public:
  explicit BlockRuns(Allocator& allocator) noexcept : allocator_{allocator} {}

  // Good while this stays where it is.
  early::PageReceiver receiver() noexcept {
    return {this, [](void* self, const early::ReleasedBlock& block) noexcept {
              static_cast<BlockRuns*>(self)->take(block);
            }};
  }
  // The last run; after that nothing comes any more.
  //
  // Errors    that of the first release that failed.
  Result<Done> finish() noexcept {
    release();
    if (failed_) return *failed_;
    return Done{};
  }
  std::uint64_t blocks() const noexcept { return blocks_; }
  std::uint64_t runs() const noexcept { return runs_; }

 private:
  void take(const early::ReleasedBlock& block) noexcept {
    ++blocks_;
    if (block.first != end_) {
      release();
      begin_ = block.first;
    }
    end_ = block.first + block.order.pages();
  }
  void release() noexcept {
    if (begin_ == end_) return;
    ++runs_;
    const auto released = allocator_.release(PfnRange{begin_, end_});
    if (!released && !failed_) failed_ = released.error();
    begin_ = end_;
  }

  Allocator& allocator_;
  Pfn begin_{}, end_{};  // the run that may go on
  std::uint64_t blocks_ = 0, runs_ = 0;
  std::optional<Error> failed_;
};

// Releases all that `early` has free, and the memory of its own tables.
//
// Errors    those of free_all, and of PageAllocator::release, which only a broken layout provokes.
// Source    Linux 4.19, "free_all_bootmem" (behaviour).
template <early::EarlyAllocator Early, class Allocator>
Result<BootmemRelease> release_all(Early& early, Allocator& allocator) noexcept {
  BlockRuns<Allocator> runs{allocator};
  const auto all = early.free_all(runs.receiver());
  if (!all) return all.error();
  if (const auto done = runs.finish(); !done) return done.error();
  return BootmemRelease{all.value(), runs.blocks(), runs.runs()};
}

}  // namespace quarry::memory
