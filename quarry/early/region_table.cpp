#include "quarry/early/region_table.hpp"

namespace quarry::early {
namespace {

// The first index whose region does not satisfy `is_below`, which no region does after one that does not.
template <class Below>
std::size_t partition(std::span<const Region> regions, Below is_below) noexcept {
  std::size_t low = 0, high = regions.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (is_below(regions[middle]))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

constexpr Region piece_of(PhysAddr begin, PhysAddr end, const Region& like) noexcept {
  return {.base = begin, .size = end - begin, .flags = like.flags, .node = like.node};
}

}  // namespace

std::size_t first_ending_above(std::span<const Region> regions, PhysAddr at) noexcept {
  return partition(regions, [at](const Region& region) { return region.end() <= at; });
}

std::size_t first_beginning_from(std::span<const Region> regions, PhysAddr at) noexcept {
  return partition(regions, [at](const Region& region) { return region.base < at; });
}

std::optional<std::size_t> search(std::span<const Region> regions, PhysAddr at) noexcept {
  const std::size_t found = first_ending_above(regions, at);
  if (found == regions.size() || regions[found].base > at) return std::nullopt;
  return found;
}

bool overlaps(std::span<const Region> regions, PhysRange range) noexcept {
  const std::size_t first = first_ending_above(regions, range.begin());
  return first < regions.size() && regions[first].base < range.end();
}

std::size_t missing_pieces(std::span<const Region> regions, PhysRange range) noexcept {
  std::size_t pieces = 0;
  PhysAddr at = range.begin();
  for (std::size_t i = first_ending_above(regions, at); i < regions.size(); ++i) {
    if (regions[i].base >= range.end()) break;
    pieces += regions[i].base > at;
    at = regions[i].end();
  }
  return pieces + (at < range.end());
}

Change RegionTable::add(PhysRange range, Flags flags, NodeId node) noexcept {
  if (range.empty()) return {};
  const Region whole{.base = range.begin(), .size = range.size(), .flags = flags, .node = node};
  if (count_ == 0) {
    storage_[0] = whole;
    count_ = 1;
    total_ = whole.size.raw;
    trimmed_ = 0;
    merged_ = was_filled_ = true;
    return {.pieces = 1};
  }
  const IndexRange met{first_ending_above(view(), range.begin()), first_beginning_from(view(), range.end())};
  Change change{.pieces = missing_pieces(view(), range)};
  if (change.pieces == 0) return {};
  check(change.pieces <= max() - count_, "a region table overflows");
  if (met.last <= met.first && merged_ && extend(met.first, whole, change)) return change;

  // Pieces and regions alternate; they are laid out from above, where the gap was opened.
  std::size_t to = met.last + change.pieces;
  PhysAddr high = range.end();
  open_gap(met.last, change.pieces);
  for (std::size_t from = met.last; from > met.first; --from) {
    const Region old = storage_[from - 1];
    if (old.end() < high) {
      storage_[--to] = piece_of(old.end(), high, whole);
      total_ += storage_[to].size.raw;
    }
    storage_[--to] = old;
    high = old.base;
  }
  if (high > range.begin()) {
    storage_[--to] = piece_of(range.begin(), high, whole);
    total_ += storage_[to].size.raw;
  }
  check(to == met.first, "an addition left a hole in its table");
  change.merged = merge({met.first, met.last + change.pieces});
  return change;
}

// The common case of add(): a piece between `at` - 1 and `at` that one of them swallows, or both.
bool RegionTable::extend(std::size_t at, const Region& piece, Change& change) noexcept {
  const bool to_left = at > 0 && storage_[at - 1].end() == piece.base && storage_[at - 1].is_like(piece);
  const bool to_right = at < count_ && storage_[at].base == piece.end() && storage_[at].is_like(piece);
  if (!to_left && !to_right) return false;
  total_ += piece.size.raw;
  if (to_left) {
    storage_[at - 1].size.raw += piece.size.raw;
    if (to_right) {
      storage_[at - 1].size.raw += storage_[at].size.raw;
      close_gap({at, at + 1});
    }
  } else {
    storage_[at].base = piece.base;
    storage_[at].size.raw += piece.size.raw;
  }
  change.merged = std::size_t{to_left} + std::size_t{to_right};
  return true;
}

std::size_t RegionTable::remove(PhysRange range) noexcept {
  if (range.empty()) return 0;
  IndexRange met{first_ending_above(view(), range.begin()), first_beginning_from(view(), range.end())};
  if (met.last <= met.first) return 0;
  Region& low = storage_[met.first];
  const bool keeps_low = low.base < range.begin();
  const bool keeps_high = storage_[met.last - 1].end() > range.end();
  if (keeps_low && keeps_high && met.size() == 1) {
    split(met.first, range.begin());
    Region& high = storage_[met.first + 1];
    high = piece_of(range.end(), high.end(), high);
    total_ -= range.size().raw;
    return 1;
  }
  if (keeps_low) {
    total_ -= (low.end() - range.begin()).raw;
    low = piece_of(low.base, range.begin(), low);
    ++met.first;
  }
  if (keeps_high) {
    Region& high = storage_[--met.last];
    total_ -= (range.end() - high.base).raw;
    high = piece_of(range.end(), high.end(), high);
  }
  erase(met);
  return 0;
}

IndexRange RegionTable::isolate(PhysRange range) noexcept {
  if (range.empty()) return {};
  std::size_t first = first_ending_above(view(), range.begin());
  if (first < count_ && storage_[first].base < range.begin()) split(first++, range.begin());
  const std::size_t last = first_beginning_from(view(), range.end());
  if (last <= first) return {first, first};
  if (storage_[last - 1].end() > range.end()) split(last - 1, range.end());
  return {first, last};
}

std::size_t RegionTable::merge(IndexRange which) noexcept {
  std::size_t first = which.first > 0 ? which.first - 1 : 0;
  std::size_t last = which.last < count_ ? which.last + 1 : count_;
  if (!merged_) {
    first = 0;
    last = count_;
    merged_ = true;
  }
  if (first >= last) return 0;
  std::size_t kept = first;
  for (std::size_t i = first + 1; i < last; ++i) {
    check(storage_[kept].end() <= storage_[i].base, "regions overlap");
    if (storage_[kept].end() == storage_[i].base && storage_[kept].is_like(storage_[i]))
      storage_[kept].size.raw += storage_[i].size.raw;
    else if (++kept != i)
      storage_[kept] = storage_[i];
  }
  close_gap({kept + 1, last});
  return last - (kept + 1);
}

void RegionTable::erase(IndexRange which) noexcept {
  check(which.last <= count_, "erasure outside the region table");
  for (std::size_t i = which.first; i < which.last; ++i) total_ -= storage_[i].size.raw;
  close_gap(which);
}

void RegionTable::trim(std::size_t at, PhysRange range) noexcept {
  Region& region = mine(at);
  check(!range.empty() && region.base <= range.begin() && range.end() <= region.end(),
        "trimmed to more than there is");
  trimmed_ += region.size.raw - range.size().raw;
  region = piece_of(range.begin(), range.end(), region);
}

void RegionTable::move_to(std::span<Region> storage) noexcept {
  check(storage.size() >= count_, "a region table moves to smaller storage");
  if (storage.data() < storage_.data())
    for (std::size_t i = 0; i < count_; ++i) storage[i] = storage_[i];
  else
    for (std::size_t i = count_; i > 0; --i) storage[i - 1] = storage_[i - 1];
  for (std::size_t i = count_; i < storage.size(); ++i) storage[i] = Region{};
  storage_ = storage;
}

void RegionTable::reset(std::span<Region> storage) noexcept { *this = RegionTable{name_, storage}; }

void RegionTable::open_gap(std::size_t at, std::size_t size) noexcept {
  check(size <= max() - count_, "a region table overflows");
  for (std::size_t i = count_; i > at; --i) storage_[i + size - 1] = storage_[i - 1];
  count_ += size;
}

void RegionTable::close_gap(IndexRange gap) noexcept {
  if (gap.last <= gap.first) return;
  for (std::size_t i = gap.last; i < count_; ++i) storage_[i - gap.size()] = storage_[i];
  count_ -= gap.size();
  if (count_ < 2) merged_ = true;
}

// Makes two of the region `at`; `where` lies strictly inside it.
void RegionTable::split(std::size_t at, PhysAddr where) noexcept {
  open_gap(at + 1, 1);
  Region& low = storage_[at];
  storage_[at + 1] = piece_of(where, low.end(), low);
  low = piece_of(low.base, where, low);
}

}  // namespace quarry::early
