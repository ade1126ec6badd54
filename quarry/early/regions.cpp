#include "quarry/early/regions.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::early {

namespace {

// How many of `count` bases in rising order are below `at`. Three are compared at a time and none chooses a branch:
// which way it goes could not be predicted, and loads that do not wait for each other are as fast as one.
template <class BaseAt>
std::size_t below(std::size_t count, std::uint64_t at, BaseAt base_at) noexcept {
  std::size_t low = 0;
  while (count > 3) {
    const std::size_t quarter = count / 4;
    const std::size_t passed = std::size_t{base_at(low + quarter - 1) < at} +
                               std::size_t{base_at(low + 2 * quarter - 1) < at} +
                               std::size_t{base_at(low + 3 * quarter - 1) < at};
    low += passed * quarter;
    count -= 3 * quarter;
  }
  std::size_t passed = 0;
  for (std::size_t i = 0; i < count; ++i) passed += base_at(low + i) < at;
  return low + passed;
}

}  // namespace

std::size_t Regions::first_from(PhysAddr at) const noexcept {
  const Region* const slots = slots_;
  if (is_array()) return below(count_, at.raw, [slots](std::size_t i) { return slots[i].base.raw; });
  if (count_ == 0) return 0;
  // The last ring whose first region is below; the first one if there is none.
  const unsigned shift = count_trailing_zeros(std::uint64_t{ring_} + 1);
  const std::size_t rings = below((count_ + ring_) >> shift, at.raw, [slots, shift](std::size_t i) {
    const Region* const ring = slots + (i << shift);
    return ring[ring->ring_head].base.raw;
  });
  const std::size_t first = (rings == 0 ? 0 : rings - 1) << shift;
  const std::size_t held = count_ - first <= ring_ ? count_ - first : ring_ + 1;
  const std::size_t head = slots[first].ring_head, mask = ring_;
  return first + below(held, at.raw, [ring = slots + first, head, mask](std::size_t i) {
           return ring[(head + i) & mask].base.raw;
         });
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
