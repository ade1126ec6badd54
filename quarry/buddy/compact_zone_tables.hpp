// quarry/buddy/compact_zone_tables.hpp: where CompactZone finds a pageblock by what is free in it.
//
//   Pageblock      one for each pageblock: how much is free there, and in blocks of which orders
//   PageblockSet   pageblocks by address, of those that are alike
//
// All of them are in order when they are zero, so that nothing is written before it is used.
#pragma once

#include "quarry/base/atomic.hpp"
#include "quarry/base/bits.hpp"
#include "quarry/page/metadata_source.hpp"
#include "quarry/page/migrate_type.hpp"

namespace quarry::buddy {

using page::MigrateType;

// What is known of one pageblock.
template <unsigned kPageblockOrder>
struct Pageblock {
  static_assert(0 < kPageblockOrder && kPageblockOrder < 15, "a count of frames must fit");
  // In `free`: the start of a free block of 2^n whole pageblocks, n in the low bits. Its other pageblocks say nothing.
  static constexpr std::uint16_t kWhole = 1u << 15;

  constexpr bool is_partial() const noexcept { return free - 1u < kWhole - 1u; }
  constexpr bool is_whole() const noexcept { return free >= kWhole; }
  constexpr unsigned pageblocks_log2() const noexcept { return free & (kWhole - 1u); }

  Shared<std::uint16_t> free;  // frames; law: fewer than all, or kWhole
  std::uint16_t orders;        // of its largest blocks, and perhaps others; law: 0 unless it is partial
  MigrateType type;            // of what is free there
};

// Numbers below a bound, found lowest first.
//
//   level 2   |*|
//   level 1   |*|*|...            a bit says that the word below is not zero
//   level 0   |*|*|*|*|*|...      64 numbers a word
class PageblockSet {
 public:
  // Errors    no_memory: the source has none.
  Result<Done> init(std::uint64_t bound, page::MetadataSource source, NodeId node) noexcept {
    std::uint64_t words = 0;
    for (std::uint64_t left = bound;; left = words_for(left)) {
      words += words_for(left);
      if (left <= 64) break;
    }
    const auto taken = source.take<std::uint64_t>(words, node);
    if (!taken) return taken.error();
    std::uint64_t* next = taken.value();
    levels_ = 0;
    for (std::uint64_t left = bound;; left = words_for(left)) {
      check(levels_ < kLevels, "a zone has more pageblocks than can be named");
      level_[levels_++] = next;
      next += words_for(left);
      if (left <= 64) break;
    }
    return Done{};
  }
  // Cost      O(levels) here and below; one, as a rule.
  [[gnu::always_inline]] void insert(std::uint32_t number) noexcept {
    std::uint64_t& word = level_[0][number >> 6];
    const bool was_empty = word == 0;
    word |= std::uint64_t{1} << (number & 63);
    if (was_empty) [[unlikely]]
      insert_above(number >> 6);
  }
  [[gnu::always_inline]] void erase(std::uint32_t number) noexcept {
    std::uint64_t& word = level_[0][number >> 6];
    word &= ~(std::uint64_t{1} << (number & 63));
    if (word == 0) [[unlikely]]
      erase_above(number >> 6);
  }
  bool contains(std::uint32_t number) const noexcept {
    return (level_[0][number >> 6] >> (number & 63) & 1) != 0;
  }
  // Whether each level above says of the words around the number what is true of them.
  bool is_found(std::uint32_t number) const noexcept {
    for (unsigned level = 0; level + 1 < levels_; ++level) {
      number >>= 6;
      const bool is_marked = (level_[level + 1][number >> 6] >> (number & 63) & 1) != 0;
      if (is_marked != (level_[level][number] != 0)) return false;
    }
    return true;
  }
  bool is_empty() const noexcept { return level_[levels_ - 1][0] == 0; }
  // The lowest one. There is one.
  std::uint32_t first() const noexcept {
    std::uint32_t number = 0;
    for (unsigned level = levels_; level-- > 0;)
      number = number << 6 | count_trailing_zeros(level_[level][number]);
    return number;
  }
  // Calls `visit` with each of them, the lowest first.
  template <class F>
  void for_each(F&& visit) const noexcept {
    visit_below(levels_ - 1, 0, visit);
  }

 private:
  friend class CompactSaboteur;  // a test breaks laws with it
  [[gnu::noinline]] void insert_above(std::uint32_t number) noexcept {
    for (unsigned level = 1; level < levels_; ++level, number >>= 6) {
      std::uint64_t& word = level_[level][number >> 6];
      const bool was_empty = word == 0;
      word |= std::uint64_t{1} << (number & 63);
      if (!was_empty) break;
    }
  }
  [[gnu::noinline]] void erase_above(std::uint32_t number) noexcept {
    for (unsigned level = 1; level < levels_; ++level, number >>= 6) {
      std::uint64_t& word = level_[level][number >> 6];
      word &= ~(std::uint64_t{1} << (number & 63));
      if (word != 0) break;
    }
  }
  template <class F>
  void visit_below(unsigned level, std::uint32_t number, F& visit) const noexcept {
    for (std::uint64_t left = level_[level][number]; left != 0; left &= left - 1) {
      const std::uint32_t found = number << 6 | count_trailing_zeros(left);
      if (level == 0)
        visit(found);
      else
        visit_below(level - 1, found, visit);
    }
  }
  static constexpr unsigned kLevels = 6;
  static constexpr std::uint64_t words_for(std::uint64_t bits) noexcept { return (bits + 63) >> 6; }
  std::uint64_t* level_[kLevels];
  unsigned levels_;
};

}  // namespace quarry::buddy
