#include "kernel/loop.hpp"
#include "kernel/loops.hpp"

namespace kernel {

using quarry::Bytes, quarry::Done, quarry::Error, quarry::Result, quarry::vm::VirtAddr;

namespace {

constexpr std::uint64_t kPageBytes = std::uint64_t{1} << Platform::kPageShift;
constexpr std::uint64_t kPairs = 100'000, kLargePairs = 2000, kLookups = 100'000;
// From one looked-up area to the next: far away, and all come in turn.
constexpr std::uint64_t kStride = 61'803;

// One area out and in again; the first time around only warms up.
[[gnu::noinline, gnu::noclone]] Result<Done> measure_pairs(Vmalloc& vmalloc, std::uint64_t pages,
                                                           std::uint64_t pairs) noexcept {
  for (int around = 0; around < 2; ++around) {
    const std::uint64_t before = arch::ticks();
    for (std::uint64_t left = pairs; left != 0; --left) {
      const auto area = vmalloc.vmalloc({.size = Bytes{pages * kPageBytes}});
      if (!area) return area.error();
      barrier();
      if (const auto done = vmalloc.vfree(area.value()); !done) return done;
    }
    if (around == 1) tell("vmalloc_pair", pages, before, pairs);
  }
  return Done{};
}

// Finds areas by an address inside, all there are, in no order.
[[gnu::noinline, gnu::noclone]] Result<Done> measure_lookups(Vmalloc& vmalloc, const VirtAddr* areas,
                                                             std::uint64_t count) noexcept {
  std::uint64_t at = 0, stride = kStride;
  while (stride >= count) stride -= count;
  const std::uint64_t before = arch::ticks();
  for (std::uint64_t left = kLookups; left != 0; --left) {
    if (const auto found = vmalloc.find(areas[at] + Bytes{64}); !found) return found.error();
    at += stride;
    if (at >= count) at -= count;
  }
  tell("vmalloc_find", count, before, kLookups);
  return Done{};
}

Result<Done> measure_lookups_among(System& system, Vmalloc& vmalloc, std::uint64_t count) noexcept {
  const List<VirtAddr> list{system, count};
  VirtAddr* const areas = list.items();
  if (areas == nullptr) return Error::no_memory;
  Result<Done> done = Done{};
  std::uint64_t taken = 0;
  for (; taken < count && done; ++taken) {
    const auto area = vmalloc.vmalloc({.size = Bytes{kPageBytes}});
    if (!area) {
      done = area.error();
      break;
    }
    areas[taken] = area.value();
  }
  if (done) done = measure_lookups(vmalloc, areas, count);
  for (std::uint64_t i = 0; i < taken; ++i)
    if (const auto freed = vmalloc.vfree(areas[i]); !freed) done = freed;
  return done;
}

}  // namespace

Result<Done> measure_vmalloc_pairs(Vmalloc& vmalloc) noexcept {
  for (const auto& [pages, pairs] : {std::pair{std::uint64_t{1}, kPairs}, {8, kPairs}, {256, kLargePairs}})
    if (const auto done = measure_pairs(vmalloc, pages, pairs); !done) return done;
  return Done{};
}

Result<Done> measure_vmalloc_lookups(System& system, Vmalloc& vmalloc) noexcept {
  for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{100'000}})
    if (const auto done = measure_lookups_among(system, vmalloc, count); !done) return done;
  return Done{};
}

}  // namespace kernel
