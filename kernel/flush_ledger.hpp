// kernel/flush_ledger.hpp: who is given an address or a frame that a core may still remember, is found.
#pragma once

#include "kernel/vmalloc.hpp"
#include "quarry/base/atomic.hpp"

namespace kernel {

// For each page of addresses and each frame that was mapped, the number of the flush before which nobody may have it again. It
// lies in memory of vmalloc's own.
class FlushLedger {
 public:
  // Takes the room for all of RAM, and as many addresses several times over: areas lie as low as they can. What lies
  // above is not watched.
  FlushLedger(DirectMap& map, Vmalloc& vmalloc) noexcept;
  FlushLedger(const FlushLedger&) = delete;
  FlushLedger& operator=(const FlushLedger&) = delete;
  ~FlushLedger();

  bool is_ready() const noexcept { return frames_ != nullptr; }  // false: there was no memory for it

  // Somebody is about to give these addresses back.
  void ends(quarry::vm::VirtAddr at, std::uint64_t pages) noexcept;
  // Somebody was given them, and the frames behind them.
  //
  // Returns   whether each was forgotten by all cores since it ended.
  bool may_begin(quarry::vm::VirtAddr at, std::uint64_t pages) noexcept;
  // Somebody was given these frames by the page allocator.
  bool may_begin(quarry::PfnRange frames) noexcept;

 private:
  using Due = quarry::Atomic<std::uint32_t>;
  static constexpr std::uint64_t kAddresses = 4;  // pages of them for each frame

  // Calls f(due) for each page that is watched, with the tables held.
  template <class F>
  void for_each(quarry::vm::VirtAddr at, std::uint64_t pages, F&& f) noexcept;

  DirectMap& map_;
  Vmalloc& vmalloc_;
  std::uint64_t frame_count_;
  Due* frames_ = nullptr;     // by number
  Due* addresses_ = nullptr;  // by page from arch::kVmalloc on
};

}  // namespace kernel
