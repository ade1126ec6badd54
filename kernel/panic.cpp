// kernel/panic.cpp: quarry::panic, and how the kernel ends after it or after an exception.
#include "kernel/panic.hpp"

#include "kernel/arch.hpp"
#include "kernel/console.hpp"
#include "quarry/base/atomic.hpp"

namespace kernel {
namespace {

constexpr unsigned kMostFrames = 32;
constinit quarry::Atomic<unsigned> panics{};

// What both architectures' frame pointers point at.
struct Frame {
  const Frame* caller;
  const void* return_to;
};

// Stacks lie in the direct map or in the image; a frame outside of memory would be an exception in a panic, which
// begin_panic() ends. Frames go up, so the walk ends.
void print_frames(const Frame* frame) noexcept {
  quarry::TextSink out = console();
  out.put("  called from");
  for (unsigned i = 0; i < kMostFrames && frame != nullptr; ++i) {
    if (reinterpret_cast<std::uintptr_t>(frame) % alignof(Frame) != 0 || frame->return_to == nullptr) break;
    out.put(' ').hex(reinterpret_cast<std::uintptr_t>(frame->return_to));
    if (frame->caller <= frame) break;
    frame = frame->caller;
  }
  out.put('\n');
}

}  // namespace

quarry::TextSink console() noexcept {
  return {nullptr, [](void*, const char* text, std::size_t size) noexcept { arch::write({text, size}); }};
}

quarry::TextSink begin_panic() noexcept {
  static_cast<void>(arch::disable_interrupts());
  if (panics.fetch_add_relaxed(1) != 0) {
    // A second core, or this one again: an exception on the way out. Either way, enough has been said.
    if (panics.load_relaxed() > 2) arch::power_off(1);
    for (;;) quarry::relax_core();
  }
  arch::stop_other_cores();
  return console();
}

void stop(const void* frame) noexcept {
  print_frames(static_cast<const Frame*>(frame));
  arch::power_off(1);
}

}  // namespace kernel

void quarry::panic(const char* what, Site site) noexcept {
  quarry::TextSink out = kernel::begin_panic();
  out.put("\npanic: ").put(what).put(" at ").put(site.file).put(':').dec(site.line);
  out.put(", core ").dec(kernel::arch::this_core()).put('\n');
  kernel::stop(__builtin_frame_address(0));
}
