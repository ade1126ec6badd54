// linux/ledger.hpp: every byte of RAM in exactly one bucket, with its owner.
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

struct LedgerLine {
  std::string owner;
  Bytes bytes;
  friend bool operator==(const LedgerLine&, const LedgerLine&) = default;
};
struct LedgerPiece {
  PhysRange range;
  std::string owner;
};

class Ledger {
 public:
  static constexpr std::string_view kFree = "free";
  static constexpr std::string_view kNotAdded = "never taken in";
  static constexpr std::string_view kRemoved = "taken out again";
  static constexpr std::string_view kNoMap = "no-map";
  static constexpr std::string_view kRounding = "lost to page rounding";

  // Starts with RAM whose every byte is kNotAdded, until memblock adds it. Ranges may overlap.
  explicit Ledger(std::span<const PhysRange> ram);

  // Applies one event: add makes known what is not known yet, remove forgets, reserve, alloc and grow give to
  // the owner whatever was there, free gives back; a mark makes free memory kNoMap or free again.
  void apply(const early::Event& event);
  // The same by hand, for what is told apart after memblock is done.
  void own(PhysRange range, std::string_view owner);
  void release(PhysRange range);
  // At the hand-over only whole pages go to the page allocator: what else is free becomes kRounding.
  void round_free(PageSize page);

  // The observer to give to memblock; good while the ledger stays where it is.
  early::Observer observer() noexcept;

  // Buckets by size, largest first; equal sizes by name.
  //
  // Law       the sum of bytes equals ram().
  std::vector<LedgerLine> lines() const;
  std::vector<LedgerPiece> pieces() const;  // by address; neighbours differ
  Bytes ram() const noexcept { return ram_; }
  std::string_view owner_of(PhysAddr at) const;  // empty outside RAM
  // The first broken law in words; empty: none is.
  std::string audit() const;

 private:
  struct Piece {
    std::uint64_t end = 0;
    std::string owner;
    bool is_added = false;  // memblock has it as memory
    bool is_like(const Piece& other) const { return owner == other.owner && is_added == other.is_added; }
  };
  using Pieces = std::map<std::uint64_t, Piece>;
  void cut(std::uint64_t at);
  // Calls change(piece) for every piece of the range, cut to it, and joins what became alike.
  template <class Change>
  void each(PhysRange range, Change change);

  Pieces pieces_;  // by begin; law: disjoint, none empty, together the RAM
  Bytes ram_{0};
};

}  // namespace quarry::lnx
