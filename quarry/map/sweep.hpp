// quarry/map/sweep.hpp: of overlapping typed ranges, which one decides each byte. The pure algorithm.
//
//   reported   [======= usable =======)            cuts at every edge, whoever it belongs to;
//                     [== reserved ===)            of the ranges over a cut, the highest type
//                  [= nvs =)                       decides, and of equals the first reported
//   pieces     [usable)[nvs  )[reserved)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/table.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::map {

// One edge of one entry.
struct Edge {
  std::uint64_t at = 0;
  std::uint32_t entry = 0;  // index in the table
  bool begins = false;
};

// A run of bytes without an edge inside. No two pieces overlap; they come in ascending order.
struct Piece {
  PhysRange range;
  firmware::MapType type = firmware::MapType::reserved;
  std::uint32_t entry = 0;  // who decided
};

// Hands out the pieces of a table one after the other.
//
// An entry of size zero has no bytes. An entry of type zero decides nothing: its bytes belong to no
// piece unless another entry covers them. An entry that ends past 2^64 ends at its last byte.
class Sweep {
 public:
  // `edges` has room for two for each entry and `heap` for one; both are scratch. At most 2^32 entries.
  //
  // Cost      O(n log n) for the sort.
  Sweep(std::span<const firmware::MapEntry> entries, std::span<Edge> edges,
        std::span<std::uint32_t> heap) noexcept;

  // Moves on. Returns whether there is another piece.
  //
  // Cost      O(n log n) for all of them together.
  bool next(Piece& piece) noexcept;

 private:
  bool decides_after(std::uint32_t a, std::uint32_t b) const noexcept;
  void open(std::uint32_t entry) noexcept;
  void drop_ended(std::uint64_t at) noexcept;

  std::span<const firmware::MapEntry> entries_;
  std::span<Edge> edges_;  // sorted by address
  std::size_t edge_ = 0;   // the next one
  std::span<std::uint32_t> heap_;
  std::size_t open_ = 0;  // entries in the heap; the top decides, those below may have ended
};

// Appends the pieces, those that the same entry decides joined: each byte with the entry it belongs to.
//
// Errors    no_room: `out` is too small; 2n - 1 pieces are the most. Nothing changed.
// Cost      O(n log n).
Result<Done> attribute(std::span<const firmware::MapEntry> entries, std::span<Edge> edges,
                       std::span<std::uint32_t> heap, Table<Piece>& out) noexcept;

}  // namespace quarry::map
