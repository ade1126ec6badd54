// linux/ledger.hpp: every byte of RAM in exactly one bucket, with its owner and the rule that put it there.
//
//   RAM      |=========================|      |====================|
//   ledger   |kernel|  free  |cma |free|      |node data|page tables|     the sum is the RAM
//
// An interval map fed by memblock's events: a later event overrides an earlier one, a free gives back. Events
// outside the RAM are legal, as in memblock, and count nothing.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quarry/base/range.hpp"
#include "quarry/early/observer.hpp"

namespace quarry::lnx {

// Whether the page allocator comes to have the bytes, and how.
enum class Fate : std::uint8_t {
  kept,        // it never has them
  free,        // at the hand-over
  given_back,  // once the kernel runs and whoever had them needs them no more
  contiguous,  // for a contiguous area
  in_use,      // it counts them, but whoever took them keeps them: gigantic pages
};
// What MemTotal counts.
constexpr bool is_managed(Fate fate) noexcept { return fate != Fate::kept; }
constexpr std::string_view name_of(Fate fate) noexcept {
  constexpr std::string_view names[] = {"kept", "free", "given back", "contiguous", "in use"};
  return names[static_cast<unsigned>(fate)];
}

struct LedgerLine {
  std::string owner;
  Bytes bytes;
  std::string rule{};  // what put it there; several, joined by "; ", where several did
  Fate fate = Fate::kept;
  friend bool operator==(const LedgerLine&, const LedgerLine&) = default;
};
struct LedgerPiece {
  PhysRange range;
  std::string owner;
  std::string rule{};
  Fate fate = Fate::kept;
};
// In whose name, and by which rule, an event changes what memory is.
struct Claim {
  std::string owner;
  std::string rule;
};

class Ledger {
 public:
  static constexpr std::string_view kFree = "free";
  static constexpr std::string_view kNotAdded = "never taken in";
  static constexpr std::string_view kRemoved = "taken out again";
  static constexpr std::string_view kNoMap = "no-map";
  static constexpr std::string_view kRounding = "lost to rounding";

  // Starts with RAM whose every byte is kNotAdded, until memblock adds it. Ranges may overlap.
  explicit Ledger(std::span<const PhysRange> ram);

  // Applies one event: add makes known what is not known yet, remove forgets, reserve, alloc and grow give to
  // the owner whatever was there, free gives back; a mark makes free memory kNoMap or free again.
  void apply(const early::Event& event);
  // The same under another name than the event's, and with the rule.
  void apply(const early::Event& event, const Claim& claim);
  // The same by hand, for what is told apart after memblock is done. Without a rule it stays what it was.
  void own(PhysRange range, std::string_view owner, std::string_view rule = {}, Fate fate = Fate::kept);
  void release(PhysRange range);
  // Says of what was never taken in, or taken out again, in which name that was.
  void explain(PhysRange range, const Claim& claim);
  // Says by which rule all that is free goes to the page allocator.
  void set_free_rule(std::string_view rule);
  // At the hand-over only whole pages go to the page allocator: what else is free becomes kRounding.
  void round_free(PageSize page, std::string_view rule = {});

  // The observer to give to memblock; good while the ledger stays where it is.
  early::Observer observer() noexcept;

  // Buckets by size, largest first; equal sizes by name. An owner may have two if it keeps one and gives one back.
  //
  // Law       the sum of bytes equals ram().
  std::vector<LedgerLine> lines() const;
  std::vector<LedgerPiece> pieces() const;                    // by address; neighbours differ
  std::vector<LedgerPiece> pieces_in(PhysRange range) const;  // those of it, cut to it
  Bytes ram() const noexcept { return ram_; }
  std::string_view owner_of(PhysAddr at) const;  // empty outside RAM
  // The first broken law in words; empty: none is.
  std::string audit() const;

 private:
  // Owners may have any name, also that of a bucket which nobody owns.
  enum class State : std::uint8_t { unknown, free, removed, hidden, owned };
  struct Piece {
    std::uint64_t end = 0;
    std::string owner;
    std::string rule;
    State state = State::unknown;
    Fate fate = Fate::kept;
    bool is_added = false;  // memblock has it as memory
    void become(State now, std::string_view name, std::string_view why, Fate then = Fate::kept);
    bool has_same_bucket(const Piece& other) const {
      return owner == other.owner && rule == other.rule && fate == other.fate;
    }
    bool is_like(const Piece& other) const {
      return state == other.state && is_added == other.is_added && has_same_bucket(other);
    }
  };
  using Pieces = std::map<std::uint64_t, Piece>;
  void cut(std::uint64_t at);
  // Calls change(piece) for every piece of the range, cut to it, and joins what became alike.
  template <class Change>
  void each(PhysRange range, Change change);

  Pieces pieces_;  // by begin; law: disjoint, none empty, together the RAM
  std::string free_rule_;
  Bytes ram_{0};
};

}  // namespace quarry::lnx
