#include "linux/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace quarry::lnx {
namespace {

std::string_view text_of(TextView text) { return {text.data(), text.size()}; }

}  // namespace

Ledger::Ledger(std::span<const PhysRange> ram) {
  std::vector<PhysRange> sorted{ram.begin(), ram.end()};
  std::erase_if(sorted, [](PhysRange range) { return range.empty(); });
  std::sort(sorted.begin(), sorted.end(), [](PhysRange a, PhysRange b) { return a.begin() < b.begin(); });
  for (const PhysRange range : sorted) {
    if (!pieces_.empty() && range.begin().raw <= pieces_.rbegin()->second.end) {
      Piece& last = pieces_.rbegin()->second;
      last.end = std::max(last.end, range.end().raw);
    } else {
      pieces_.emplace(range.begin().raw, Piece{range.end().raw, std::string{kNotAdded}, false});
    }
  }
  for (const auto& [begin, piece] : pieces_) ram_ = Bytes{ram_.raw + (piece.end - begin)};
}

// Makes `at` a border if it lies inside a piece.
void Ledger::cut(std::uint64_t at) {
  auto after = pieces_.upper_bound(at);
  if (after == pieces_.begin()) return;
  const auto piece = std::prev(after);
  if (piece->first == at || piece->second.end <= at) return;
  Piece tail = piece->second;
  piece->second.end = at;
  pieces_.emplace_hint(after, at, std::move(tail));
}

template <class Change>
void Ledger::each(PhysRange range, Change change) {
  if (range.empty()) return;
  cut(range.begin().raw);
  cut(range.end().raw);
  const auto first = pieces_.lower_bound(range.begin().raw);
  auto at = first;
  for (; at != pieces_.end() && at->first < range.end().raw; ++at) change(at->second);
  // Join from the piece before the range to the one after it.
  auto left = first == pieces_.begin() ? first : std::prev(first);
  const auto stop = at == pieces_.end() ? at : std::next(at);
  while (left != pieces_.end() && left != stop) {
    const auto right = std::next(left);
    if (right == pieces_.end() || right == stop) break;
    if (left->second.end == right->first && left->second.is_like(right->second)) {
      left->second.end = right->second.end;
      pieces_.erase(right);
    } else {
      left = right;
    }
  }
}

void Ledger::own(PhysRange range, std::string_view owner) {
  each(range, [owner](Piece& piece) { piece.owner = owner; });
}

void Ledger::release(PhysRange range) {
  each(range, [](Piece& piece) { piece.owner = piece.is_added ? kFree : kNotAdded; });
}

void Ledger::apply(const early::Event& event) {
  using early::Action;
  switch (event.action) {
    case Action::add:
      return each(event.range, [](Piece& piece) {
        if (piece.owner == kNotAdded || piece.owner == kRemoved) piece.owner = kFree;
        piece.is_added = true;
      });
    case Action::remove:
      return each(event.range, [](Piece& piece) {
        if (piece.owner == kFree || piece.owner == kNoMap) piece.owner = kRemoved;
        piece.is_added = false;
      });
    case Action::reserve:
    case Action::alloc:
    case Action::grow:
      return own(event.range, event.owner.empty() ? std::string_view{"unnamed"} : text_of(event.owner));
    case Action::free: return release(event.range);
    case Action::mark: {
      if (!early::has(event.flags, early::Flags::nomap)) return;
      const bool hides = !text_of(event.reason).starts_with("clear");
      return each(event.range, [hides](Piece& piece) {
        if (hides && piece.owner == kFree) piece.owner = kNoMap;
        if (!hides && piece.owner == kNoMap) piece.owner = kFree;
      });
    }
    case Action::free_late:
    case Action::alloc_failed:
    case Action::fallback:
    case Action::grow_failed:
    case Action::set_node: return;
  }
}

void Ledger::round_free(PageSize page) {
  std::vector<PhysRange> lost;
  for (const auto& [begin, piece] : pieces_) {
    if (piece.owner != kFree) continue;
    const PhysRange run{PhysAddr{begin}, PhysAddr{piece.end}};
    const PfnRange whole = PfnRange::inside(run, page);
    if (whole.empty()) {
      lost.push_back(run);
      continue;
    }
    lost.emplace_back(run.begin(), page.address_of(whole.begin()));
    lost.emplace_back(page.address_of(whole.end()), run.end());
  }
  for (const PhysRange range : lost) own(range, kRounding);
}

early::Observer Ledger::observer() noexcept {
  return {this,
          [](void* self, const early::Event& event) noexcept { static_cast<Ledger*>(self)->apply(event); }};
}

std::vector<LedgerPiece> Ledger::pieces() const {
  std::vector<LedgerPiece> result;
  for (const auto& [begin, piece] : pieces_) {
    const PhysRange range{PhysAddr{begin}, PhysAddr{piece.end}};
    if (!result.empty() && result.back().range.end() == range.begin() && result.back().owner == piece.owner)
      result.back().range = {result.back().range.begin(), range.end()};
    else
      result.push_back({range, piece.owner});
  }
  return result;
}

std::vector<LedgerLine> Ledger::lines() const {
  std::map<std::string_view, std::uint64_t> sums;
  for (const auto& [begin, piece] : pieces_) sums[piece.owner] += piece.end - begin;
  std::vector<LedgerLine> result;
  result.reserve(sums.size());
  for (const auto& [owner, bytes] : sums) result.push_back({std::string{owner}, Bytes{bytes}});
  std::stable_sort(result.begin(), result.end(),
                   [](const LedgerLine& a, const LedgerLine& b) { return a.bytes > b.bytes; });
  return result;
}

std::string_view Ledger::owner_of(PhysAddr at) const {
  const auto after = pieces_.upper_bound(at.raw);
  if (after == pieces_.begin()) return {};
  const Piece& piece = std::prev(after)->second;
  return at.raw < piece.end ? std::string_view{piece.owner} : std::string_view{};
}

std::string Ledger::audit() const {
  std::uint64_t sum = 0, last_end = 0;
  for (const auto& [begin, piece] : pieces_) {
    if (piece.end <= begin) return fmt::format("the piece at {:#x} is empty", begin);
    if (begin < last_end) return fmt::format("the piece at {:#x} overlaps the one before", begin);
    if (piece.owner.empty()) return fmt::format("the piece at {:#x} has no owner", begin);
    last_end = piece.end;
    sum += piece.end - begin;
  }
  if (sum != ram_.raw) return fmt::format("the pieces are {} bytes and the RAM {}", sum, ram_.raw);
  return {};
}

}  // namespace quarry::lnx
