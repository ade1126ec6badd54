// quarry/vm/frame_zero.hpp: zeroes in frames that the direct map does not reach.
#pragma once

#include <bit>

#include "quarry/vm/kmap_local.hpp"

namespace quarry::vm {

// Who writes them. Without a function nobody does.
struct FrameZero {
  void* self = nullptr;
  // Every byte of whole frames is 0 afterwards. Called with nothing held. Errors: those of whoever shows the frames.
  Result<Done> (*zero)(void* self, PfnRange frames) noexcept = nullptr;
};

// Where the processor that runs finds a mapped address: there.
struct HereInMemory {
  std::byte* operator()(VirtAddr at) const noexcept {
    return std::bit_cast<std::byte*>(static_cast<std::uintptr_t>(at.raw));
  }
};

// Through a window of the core that runs, frame by frame.
//
// Windows   a LocalKmap
// Reach     what is at an address that its page tables lead from: in a kernel HereInMemory
template <class Windows, class Reach = HereInMemory>
class ZeroByWindows {
 public:
  // What it points at outlives it.
  explicit ZeroByWindows(Windows& windows, Reach reach = Reach{}) noexcept
      : windows_{windows}, reach_{reach} {}

  FrameZero hook() noexcept {
    return {this, [](void* self, PfnRange frames) noexcept {
              return static_cast<ZeroByWindows*>(self)->zero(frames);
            }};
  }

  // Errors    those of kmap_local(); frames before the one that failed are zero then.
  Result<Done> zero(PfnRange frames) noexcept {
    for (Pfn at = frames.begin(); at < frames.end(); at = at + PageCount{1})
      if (const Result<Done> done = zero_one(at); !done) return done;
    return Done{};
  }

 private:
  // The core is let go between frames, so that what waits for it waits no longer than for one.
  Result<Done> zero_one(Pfn frame) noexcept {
    const typename Windows::Guard guard{windows_.cores()};
    const Result<VirtAddr> at = windows_.kmap_local(guard, frame);
    if (!at) return at.error();
    __builtin_memset(reach_(at.value()), 0, Windows::kPageBytes);
    return windows_.kunmap_local(guard, at.value());
  }

  Windows& windows_;
  [[no_unique_address]] Reach reach_;
};

}  // namespace quarry::vm
