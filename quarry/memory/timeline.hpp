// quarry/memory/timeline.hpp: what the page allocator has after each step of the hand-over.
//
//   memblock --> low memory, high memory --- lists of cores --- areas --- watermarks --- initrd, init memory, the rest
//                 total grows                                   cma grows               total grows
#pragma once

#include <span>

#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"

namespace quarry::memory {

// In the order in which they run.
enum class HandOverStep : std::uint8_t {
  low_memory,
  high_memory,
  cpu_lists,
  boot_memory,  // what only the boot needed
  areas,
  watermarks,
  used,  // in use from the start
  initrd,
  init_memory,
  the_rest,
};
inline constexpr std::size_t kHandOverSteps = 10;

TextView name_of(HandOverStep step) noexcept;        // "low memory" …
TextView linux_name_of(HandOverStep step) noexcept;  // "memblock_free_all" …: the function that it stands for

// One step, when it is done. Each zone's own counts are in the layout and the allocator at that moment.
struct Moment {
  HandOverStep step = HandOverStep::low_memory;
  PageCount given{};  // by this step: those managed now and not before
  PageCount total{};  // managed pages of all zones, "totalram_pages"
  PageCount free{};   // of those
  PageCount cma{};    // in contiguous areas
  friend constexpr bool operator==(const Moment&, const Moment&) noexcept = default;
};

// Told right after each step.
struct MomentObserver {
  void* self = nullptr;
  void (*after)(void* self, const Moment& moment) noexcept = nullptr;
};

// All moments of one boot; laws: each step once, in order; total is the sum of what was given so far.
class Timeline {
 public:
  // What is counted at the end of `step`, out of an allocator whose layout is up to date.
  template <class Allocator>
  const Moment& record(HandOverStep step, const Allocator& allocator) noexcept {
    Moment now;
    now.step = step;
    const auto& zones = allocator.layout().zones;
    for (std::uint32_t i = 0; i < zones.size(); ++i) {
      now.total.raw += zones[i].managed.raw;
      now.cma.raw += zones[i].cma.raw;
      now.free.raw += allocator.free_pages_of(i).raw;
    }
    return record(now);
  }
  // The same, counted by the caller; `given` is filled in.
  constexpr const Moment& record(Moment now) noexcept {
    check(count_ < kHandOverSteps && static_cast<std::size_t>(now.step) == count_,
          "a step of the hand-over out of its order");
    const PageCount before = count_ == 0 ? PageCount{0} : moments_[count_ - 1].total;
    check(now.total >= before, "managed pages went away during the hand-over");
    now.given = PageCount{now.total.raw - before.raw};
    moments_[count_] = now;
    return moments_[count_++];
  }
  std::span<const Moment> moments() const noexcept { return {moments_, count_}; }

 private:
  Moment moments_[kHandOverSteps];
  std::size_t count_ = 0;
};

}  // namespace quarry::memory
