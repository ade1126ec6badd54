#include "quarry/early/region_table.hpp"

namespace quarry::early {
namespace {

constexpr Region piece_of(PhysAddr begin, PhysAddr end, const Region& like) noexcept {
  return {.base = begin, .size = end - begin, .flags = like.flags, .node = like.node};
}

}  // namespace

std::optional<Change> RegionTable::add(PhysRange range, Flags flags, NodeId node) noexcept {
  if (range.empty()) return Change{};
  ++version_;
  const Region whole{.base = range.begin(), .size = range.size(), .flags = flags, .node = node};
  if (empty()) {
    slots_.insert(0, whole);
    total_ = whole.size.raw;
    trimmed_ = 0;
    merged_ = was_filled_ = true;
    return Change{.pieces = 1};
  }
  const std::size_t first = first_ending_above(view(), range.begin());
  if (first == count() || slots_[first].base >= range.end()) return add_between(first, whole);
  const std::size_t pieces = missing_pieces(view(), range);
  if (pieces > max() - count()) return std::nullopt;
  if (pieces == 0) return Change{};
  return Change{.pieces = pieces, .merged = fill({first, first_beginning_from(view(), range.end())}, whole)};
}

std::optional<Change> RegionTable::add_between(std::size_t at, const Region& whole) noexcept {
  check(at <= count() && (at == 0 || slots_[at - 1].end() <= whole.base),
        "a region begins inside the one below");
  check(at == count() || whole.end() <= slots_[at].base, "a region ends inside the one above");
  if (count() == max()) return std::nullopt;
  ++version_;
  Change change{.pieces = 1};
  if (merged_ && extend(at, whole, change)) return change;
  slots_.insert(at, whole);
  total_ += whole.size.raw;
  if (!merged_) change.merged = merge({at, at + 1});
  return change;
}

// Puts pieces of `whole` between, before and behind the regions `met`, which it overlaps, from above.
//
// Returns   how many regions merged.
std::size_t RegionTable::fill(IndexRange met, const Region& whole) noexcept {
  PhysAddr high = whole.end();
  const std::size_t before = count();
  for (std::size_t i = met.last; i > met.first; --i) {
    const PhysAddr end = slots_[i - 1].end();
    const PhysAddr base = slots_[i - 1].base;
    if (end < high) {
      slots_.insert(i, piece_of(end, high, whole));
      total_ += (high - end).raw;
    }
    high = base;
  }
  if (high > whole.base) {
    slots_.insert(met.first, piece_of(whole.base, high, whole));
    total_ += (high - whole.base).raw;
  }
  return merge({met.first, met.last + (count() - before)});
}

// The common case of add(): a piece between `at` - 1 and `at` that one of them swallows, or both.
bool RegionTable::extend(std::size_t at, const Region& piece, Change& change) noexcept {
  const bool to_left = at > 0 && slots_[at - 1].end() == piece.base && slots_[at - 1].is_like(piece);
  const bool to_right = at < count() && slots_[at].base == piece.end() && slots_[at].is_like(piece);
  if (!to_left && !to_right) return false;
  total_ += piece.size.raw;
  if (to_left) {
    slots_[at - 1].size.raw += piece.size.raw;
    if (to_right) {
      slots_[at - 1].size.raw += slots_[at].size.raw;
      close_gap({at, at + 1});
    }
  } else {
    slots_[at].base = piece.base;
    slots_[at].size.raw += piece.size.raw;
  }
  change.merged = std::size_t{to_left} + std::size_t{to_right};
  return true;
}

Removal RegionTable::remove(PhysRange range) noexcept {
  if (range.empty()) return {};
  ++version_;
  IndexRange met{first_ending_above(view(), range.begin()), 0};
  if (met.first == count() || slots_[met.first].base >= range.end()) return {.at = met.first};
  Region& low = slots_[met.first];
  if (low.base < range.begin()) {
    if (low.end() > range.end()) {
      const Region high = piece_of(range.end(), low.end(), low);
      low.size = range.begin() - low.base;
      slots_.insert(met.first + 1, high);
      total_ -= range.size().raw;
      return {.split = 1, .at = met.first + 1};
    }
    total_ -= (low.end() - range.begin()).raw;
    low.size = range.begin() - low.base;
    ++met.first;
  }
  // Most of the time the region is the only one.
  for (met.last = met.first; met.last < count() && slots_[met.last].end() <= range.end();) ++met.last;
  if (met.last < count() && slots_[met.last].base < range.end()) {
    Region& high = slots_[met.last];
    total_ -= (range.end() - high.base).raw;
    slots_.put(met.last, piece_of(range.end(), high.end(), high));
  }
  erase(met);
  return {.at = met.first};
}

IndexRange RegionTable::isolate(PhysRange range) noexcept {
  if (range.empty()) return {};
  ++version_;
  std::size_t first = first_ending_above(view(), range.begin());
  if (first < count() && slots_[first].base < range.begin()) split(first++, range.begin());
  const std::size_t last = first_beginning_from(view(), range.end());
  if (last <= first) return {first, first};
  if (slots_[last - 1].end() > range.end()) split(last - 1, range.end());
  return {first, last};
}

std::size_t RegionTable::merge(IndexRange which) noexcept {
  ++version_;
  std::size_t first = which.first > 0 ? which.first - 1 : 0;
  std::size_t last = which.last < count() ? which.last + 1 : count();
  if (!merged_) {
    first = 0;
    last = count();
    merged_ = true;
  }
  if (first >= last) return 0;
  std::size_t kept = first;
  for (std::size_t i = first + 1; i < last; ++i) {
    check(slots_[kept].end() <= slots_[i].base, "regions overlap");
    if (slots_[kept].end() == slots_[i].base && slots_[kept].is_like(slots_[i]))
      slots_[kept].size.raw += slots_[i].size.raw;
    else if (++kept != i)
      slots_.put(kept, slots_[i]);
  }
  close_gap({kept + 1, last});
  return last - (kept + 1);
}

void RegionTable::erase(IndexRange which) noexcept {
  check(which.last <= count(), "erasure outside the region table");
  ++version_;
  for (std::size_t i = which.first; i < which.last; ++i) total_ -= slots_[i].size.raw;
  close_gap(which);
}

void RegionTable::trim(std::size_t at, PhysRange range) noexcept {
  Region& region = mine(at);
  check(!range.empty() && region.base <= range.begin() && range.end() <= region.end(),
        "trimmed to more than there is");
  trimmed_ += region.size.raw - range.size().raw;
  slots_.put(at, piece_of(range.begin(), range.end(), region));
}

void RegionTable::move_to(std::span<Region> storage) noexcept {
  ++version_;
  slots_.move_to(storage);
}

void RegionTable::reset(std::span<Region> storage) noexcept {
  const std::uint64_t version = version_ + 1;
  *this = RegionTable{name_, storage};
  version_ = version;
}

void RegionTable::close_gap(IndexRange gap) noexcept {
  if (gap.last <= gap.first) return;
  slots_.erase(gap.first, gap.last);
  if (count() < 2) merged_ = true;
}

// Makes two of the region `at`; `where` lies strictly inside it.
void RegionTable::split(std::size_t at, PhysAddr where) noexcept {
  Region& low = slots_[at];
  const Region high = piece_of(where, low.end(), low);
  low.size = where - low.base;
  slots_.insert(at + 1, high);
}

}  // namespace quarry::early
