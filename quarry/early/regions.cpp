#include "quarry/early/regions.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::early {

namespace {

// How many of `count` regions, each 2^shift slots behind the one before and in rising order, begin below `at`. Three are
// compared at a time, and what they say moves a pointer without a branch: which way it goes could not be predicted,
// and loads that do not wait for each other are as fast as one.
inline std::size_t below(const Region* slots, unsigned shift, std::size_t count, std::uint64_t at) noexcept {
  const std::size_t step = std::size_t{1} << shift;
  const Region* low = slots;
  std::size_t left = count;
  while (left > 3) {
    const std::size_t quarter = left / 4, far = quarter << shift;
    const Region *const first = low + far, *const second = first + far, *const third = second + far;
    const bool passes_first = (first - step)->base.raw < at, passes_second = (second - step)->base.raw < at,
               passes_third = (third - step)->base.raw < at;
    low = passes_first ? first : low;
    low = passes_second ? second : low;
    low = passes_third ? third : low;
    left -= 3 * quarter;
  }
  std::size_t passed = 0;
  for (std::size_t i = 0; i < left; ++i) passed += low[i << shift].base.raw < at;
  return (static_cast<std::size_t>(low - slots) >> shift) + passed;
}

// Slots that lie one behind the other and hold regions of rising index.
struct Run {
  const Region* slots;
  std::size_t count;
  std::size_t index;  // of the first one
};
std::size_t first_from(const Run& run, std::uint64_t at) noexcept {
  return run.index + below(run.slots, 0, run.count, at);
}

}  // namespace

// Slot 0 of a full ring holds one of its regions, whichever: that is enough to find the one of them that is the last
// to begin below `at`, and no head has to be read for it. What is sought is then behind it in that ring, or in
// the next one before its slot 0.
//
//   slots   | 5 6 7 0 1 2 3 4 | 11 12 13 14 15 8 9 10 |     `at` is above 5 and not above 11
//             |===|                            |====|       candidates, each in a row: 6 7, and 8 9 10
std::size_t Regions::first_from(PhysAddr at) const noexcept {
  if (is_array()) return below(slots_, 0, count_, at.raw);
  const std::size_t size = ring_ + 1;
  const unsigned shift = count_trailing_zeros(std::uint64_t{size});
  const std::size_t full = count_ >> shift, rest = count_ & ring_;
  const Region* const last = slots_ + (full << shift);
  if (rest != 0 && last[last->ring_head].base < at) {
    const std::size_t head = last->ring_head;
    const std::size_t in_front = head + rest > size ? head + rest - size : 0;
    const Run low{last + head, rest - in_front, full << shift};
    const Run high{last, in_front, low.index + low.count};
    return early::first_from(in_front != 0 && last->base < at ? high : low, at.raw);
  }
  const std::size_t passed = below(slots_, shift, full, at.raw);
  const Region* const next = slots_ + (passed << shift);
  const std::size_t next_head = passed < full ? next->ring_head : 0;
  Run run{slots_, 0, 0};
  if (passed != 0) {
    const Region* const ring = next - size;
    const std::size_t head = ring->ring_head;
    run = {ring, head == 0 ? size : head, ((passed - 1) << shift) + ((size - head) & ring_)};
  }
  const bool is_further = next_head != 0 && next[next_head].base < at;
  run.slots = is_further ? next + next_head : run.slots;
  run.count = is_further ? size - next_head : run.count;
  run.index = is_further ? passed << shift : run.index;
  return early::first_from(run, at.raw);
}

std::size_t first_ending_above(const Regions& regions, PhysAddr at) noexcept {
  if (at.raw == UINT64_MAX) return regions.size();
  const std::size_t next = regions.first_from(PhysAddr{at.raw + 1});
  return next - (next > 0 && regions[next - 1].end() > at);
}

std::optional<std::size_t> search(const Regions& regions, PhysAddr at) noexcept {
  const std::size_t found = first_ending_above(regions, at);
  if (found == regions.size() || regions[found].base > at) return std::nullopt;
  return found;
}

bool overlaps(const Regions& regions, PhysRange range) noexcept {
  const std::size_t first = first_ending_above(regions, range.begin());
  return first < regions.size() && regions[first].base < range.end();
}

std::size_t missing_pieces(const Regions& regions, PhysRange range) noexcept {
  std::size_t pieces = 0;
  PhysAddr at = range.begin();
  for (std::size_t i = first_ending_above(regions, at); i < regions.size(); ++i) {
    if (regions[i].base >= range.end()) break;
    pieces += regions[i].base > at;
    at = regions[i].end();
  }
  return pieces + (at < range.end());
}

PhysRange gap_before(const Regions& regions, std::size_t at) noexcept {
  return {at == 0 ? PhysAddr{0} : regions[at - 1].end(),
          at < regions.size() ? regions[at].base : PhysAddr{UINT64_MAX}};
}

}  // namespace quarry::early
