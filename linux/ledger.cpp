#include "linux/ledger.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
      pieces_.emplace(range.begin().raw,
                      Piece{range.end().raw, std::string{kNotAdded}, {}, State::unknown, Fate::kept, false});
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

void Ledger::Piece::become(State now, std::string_view name, std::string_view why, Fate then) {
  state = now;
  owner = name;
  rule = why;
  fate = then;
}

void Ledger::own(PhysRange range, std::string_view owner, std::string_view rule, Fate fate) {
  each(range, [&](Piece& piece) {
    const std::string before = piece.rule;
    piece.become(State::owned, owner, rule.empty() ? before : rule, fate);
  });
}

void Ledger::release(PhysRange range) {
  each(range, [&](Piece& piece) {
    if (piece.is_added)
      piece.become(State::free, kFree, free_rule_, Fate::free);
    else
      piece.become(State::unknown, kNotAdded, {});
  });
}

void Ledger::explain(PhysRange range, const Claim& claim) {
  each(range, [&](Piece& piece) {
    if (piece.state == State::unknown || piece.state == State::removed)
      piece.become(piece.state, claim.owner, claim.rule);
  });
}

void Ledger::set_free_rule(std::string_view rule) {
  free_rule_ = rule;
  for (auto& [begin, piece] : pieces_)
    if (piece.state == State::free) piece.rule = rule;
}

void Ledger::apply(const early::Event& event) {
  using early::Action;
  const std::string_view owner = text_of(event.owner);
  switch (event.action) {
    case Action::remove: return apply(event, {std::string{kRemoved}, {}});
    case Action::mark: return apply(event, {std::string{kNoMap}, {}});
    default: return apply(event, {std::string{owner.empty() ? "unnamed" : owner}, {}});
  }
}

void Ledger::apply(const early::Event& event, const Claim& claim) {
  using early::Action;
  switch (event.action) {
    case Action::add:
      return each(event.range, [this](Piece& piece) {
        if (piece.state == State::unknown || piece.state == State::removed)
          piece.become(State::free, kFree, free_rule_, Fate::free);
        piece.is_added = true;
      });
    case Action::remove:
      return each(event.range, [&](Piece& piece) {
        if (piece.state == State::free || piece.state == State::hidden)
          piece.become(State::removed, claim.owner, claim.rule);
        piece.is_added = false;
      });
    case Action::reserve:
    case Action::alloc:
    case Action::grow: return own(event.range, claim.owner, claim.rule);
    case Action::free: return release(event.range);
    case Action::mark: {
      if (!early::has(event.flags, early::Flags::nomap)) return;
      const bool hides = !text_of(event.reason).starts_with("clear");
      return each(event.range, [&](Piece& piece) {
        if (hides && piece.state == State::free)
          piece.become(State::hidden, claim.owner, claim.rule);
        else if (!hides && piece.state == State::hidden)
          piece.become(State::free, kFree, free_rule_, Fate::free);
      });
    }
    case Action::free_late:
    case Action::alloc_failed:
    case Action::fallback:
    case Action::grow_failed:
    case Action::set_node: return;
  }
}

void Ledger::round_free(PageSize page, std::string_view rule) {
  std::vector<PhysRange> lost;
  for (const auto& [begin, piece] : pieces_) {
    if (piece.state != State::free) continue;
    const PhysRange run{PhysAddr{begin}, PhysAddr{piece.end}};
    const PfnRange whole = PfnRange::inside(run, page);
    if (whole.empty()) {
      lost.push_back(run);
      continue;
    }
    lost.emplace_back(run.begin(), page.address_of(whole.begin()));
    lost.emplace_back(page.address_of(whole.end()), run.end());
  }
  for (const PhysRange range : lost) own(range, kRounding, rule);
}

early::Observer Ledger::observer() noexcept {
  return {this,
          [](void* self, const early::Event& event) noexcept { static_cast<Ledger*>(self)->apply(event); }};
}

std::vector<LedgerPiece> Ledger::pieces() const {
  std::vector<LedgerPiece> result;
  const Piece* last = nullptr;
  for (const auto& [begin, piece] : pieces_) {
    const PhysRange range{PhysAddr{begin}, PhysAddr{piece.end}};
    if (last != nullptr && last->end == begin && last->has_same_bucket(piece))
      result.back().range = {result.back().range.begin(), range.end()};
    else
      result.push_back({range, piece.owner, piece.rule, piece.fate});
    last = &piece;
  }
  return result;
}

std::vector<LedgerPiece> Ledger::pieces_in(PhysRange range) const {
  std::vector<LedgerPiece> result;
  auto at = pieces_.upper_bound(range.begin().raw);
  if (at != pieces_.begin()) --at;
  for (; at != pieces_.end() && at->first < range.end().raw; ++at) {
    const PhysRange here = intersection({PhysAddr{at->first}, PhysAddr{at->second.end}}, range);
    if (!here.empty()) result.push_back({here, at->second.owner, at->second.rule, at->second.fate});
  }
  return result;
}

std::vector<LedgerLine> Ledger::lines() const {
  struct Sum {
    std::uint64_t bytes = 0;
    std::vector<std::string_view> rules;
  };
  std::map<std::pair<std::string_view, Fate>, Sum> sums;
  for (const auto& [begin, piece] : pieces_) {
    Sum& sum = sums[{piece.owner, piece.fate}];
    sum.bytes += piece.end - begin;
    if (std::find(sum.rules.begin(), sum.rules.end(), piece.rule) == sum.rules.end())
      sum.rules.push_back(piece.rule);
  }
  std::vector<LedgerLine> result;
  result.reserve(sums.size());
  for (const auto& [bucket, sum] : sums)
    result.push_back({.owner = std::string{bucket.first},
                      .bytes = Bytes{sum.bytes},
                      .rule = fmt::format("{}", fmt::join(sum.rules, "; ")),
                      .fate = bucket.second});
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
