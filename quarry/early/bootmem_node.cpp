#include "quarry/early/bootmem_node.hpp"

namespace quarry::early {
namespace {

// A search through one node for `pages` free pages in a row, in numbers of bits.
struct Search {
  const BootmemMap& map;
  std::uint64_t min;  // the page of bit 0
  std::uint64_t end;  // no bit from here on
  std::uint64_t pages;
  std::uint64_t step;  // pages between two aligned places

  // Page numbers are aligned, not bits. Law: no page number is near 2^64, so that nothing overflows.
  std::uint64_t aligned(std::uint64_t bit) const noexcept {
    return align_down(min + bit + step - 1, step) - min;
  }
  // The first place at or after `bit`.
  std::optional<std::uint64_t> from(std::uint64_t bit) const noexcept {
    for (;;) {
      bit = aligned(bit < end ? map.next_clear(bit, end) : end);
      if (bit >= end || pages > end - bit) return std::nullopt;
      const std::uint64_t taken = map.next_set(bit, bit + pages);
      if (taken == bit + pages) return bit;
      bit = taken;
    }
  }
};

constexpr bool is_above(Bytes size, PhysAddr goal, PhysAddr limit) noexcept {
  return size.raw > limit.raw || goal.raw > limit.raw - size.raw;
}

constexpr std::uint64_t pages_up(Bytes size, PageSize page) noexcept {
  return page.pfn_up(PhysAddr{size.raw}).raw;
}

// Where an allocation begins that gets the free pages from `bit` on.
std::uint64_t packed_begin(const BootmemData& data, std::uint64_t bit, std::uint64_t alignment,
                           PageSize page) noexcept {
  const std::uint64_t base = page.address_of(data.node_min_pfn()).raw;
  const std::uint64_t last_end = data.last_end_off.raw;
  const std::uint64_t page_of_end = last_end >> page.shift();
  const bool is_inside_page = (page_of_end << page.shift()) != last_end;
  if (!is_inside_page || page_of_end + 1 != bit) return bit << page.shift();
  // No further than the page of `bit`, which is aligned itself: nothing overflows.
  return align_down(base + last_end + alignment - 1, alignment) - base;
}

BootmemPlace place_at(const BootmemData& data, std::uint64_t bit, const BootmemAttempt& attempt,
                      PageSize page) noexcept {
  const std::uint64_t alignment = attempt.alignment.raw == 0 ? 1 : attempt.alignment.raw;
  const std::uint64_t begin = packed_begin(data, bit, alignment, page);
  const std::uint64_t end = begin + attempt.size.raw;
  BootmemPlace place{.begin = Bytes{begin}, .end = Bytes{end}, .last = pages_up(Bytes{end}, page)};
  place.is_packed = begin >> page.shift() < bit;
  place.first = (begin >> page.shift()) + (place.is_packed ? 1 : 0);
  check(place.first == bit, "an allocation begins in the pages it was given, or in the one before them");
  return place;
}

}  // namespace

Result<BootmemPlace> find_place(const BootmemData& data, const BootmemAttempt& attempt,
                                PageSize page) noexcept {
  using Rung = BootmemPlace::Rung;
  if (attempt.size.raw == 0) return Error::bad_argument;
  if (attempt.alignment.raw != 0 && !is_power_of_two(attempt.alignment.raw)) return Error::bad_argument;
  if (attempt.limit.raw != 0 && is_above(attempt.size, attempt.goal, attempt.limit))
    return Error::bad_argument;
  if (data.is_handed_over) return Error::no_memory;

  const std::uint64_t min = data.node_min_pfn().raw, low = data.node_low_pfn().raw;
  const std::uint64_t goal = page.pfn_down(attempt.goal).raw, limit = page.pfn_down(attempt.limit).raw;
  const std::uint64_t top = limit != 0 && limit < low ? limit : low;
  if (top <= min) return Error::no_memory;

  const std::uint64_t step = attempt.alignment.raw >> page.shift();
  const Search search{data.map, min, top - min, pages_up(attempt.size, page), step == 0 ? 1 : step};
  const bool has_goal = goal != 0 && min < goal && goal < top;
  const std::uint64_t start = search.aligned(has_goal ? goal - min : 0);
  const bool is_hinted = data.hint_idx.raw > start;

  Rung rung = is_hinted ? Rung::hint : has_goal ? Rung::goal : Rung::start;
  auto bit = search.from(is_hinted ? data.hint_idx.raw : start);
  if (!bit && is_hinted) {
    rung = Rung::before_hint;
    bit = search.from(start);
  }
  if (!bit) return Error::no_memory;
  BootmemPlace place = place_at(data, *bit, attempt, page);
  place.rung = rung;
  return place;
}

}  // namespace quarry::early
