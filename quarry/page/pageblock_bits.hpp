// quarry/page/pageblock_bits.hpp: the migrate type of each pageblock, four bits each.
//
//   bit      3          2  1  0
//         isolated   its type, or the one it has again afterwards; kept so that 0 is movable
//
// Zeroed memory says movable, as every pageblock starts: nothing is written at bring-up. Pageblocks that stand in one word
// may be of different zones, so that two cores change a word at once; each changes its own bits.
#pragma once

#include "quarry/base/atomic.hpp"
#include "quarry/page/migrate_type.hpp"

namespace quarry::page {

// An array of words, eight pageblocks in each, the first one lowest.
class PageblockBits {
 public:
  using Word = Atomic<std::uint32_t>;
  static constexpr std::uint64_t words_for(std::uint64_t pageblocks) noexcept {
    return (pageblocks + kInWord - 1) >> kWordShift;
  }

  static MigrateType get(const Word* bits, std::uint64_t pageblock) noexcept {
    const unsigned value = value_of(bits, pageblock);
    return (value & kIsolated) != 0 ? MigrateType::isolate : static_cast<MigrateType>(value ^ kZero);
  }
  // Its type when it is not isolated any more, or its type.
  static MigrateType get_beneath(const Word* bits, std::uint64_t pageblock) noexcept {
    return static_cast<MigrateType>((value_of(bits, pageblock) & ~kIsolated) ^ kZero);
  }
  // The caller sees to it that nobody else sets this pageblock's type meanwhile.
  static void set(Word* bits, std::uint64_t pageblock, MigrateType type) noexcept {
    const unsigned old = value_of(bits, pageblock);
    const unsigned now = type == MigrateType::isolate ? old | kIsolated : index_of(type) ^ kZero;
    Word& word = bits[pageblock >> kWordShift];
    std::uint32_t before = word.load_relaxed();
    while (!word.exchange_if(before, before ^ (old ^ now) << shift(pageblock))) {
    }
  }

 private:
  static constexpr unsigned kZero = index_of(MigrateType::movable);
  static constexpr unsigned kIsolated = 8;
  static constexpr unsigned kWordShift = 3, kInWord = 1u << kWordShift;
  static unsigned value_of(const Word* bits, std::uint64_t pageblock) noexcept {
    return (bits[pageblock >> kWordShift].load_relaxed() >> shift(pageblock)) & 0xfu;
  }
  static constexpr unsigned shift(std::uint64_t pageblock) noexcept {
    return static_cast<unsigned>(pageblock & (kInWord - 1)) * 4;
  }
};

}  // namespace quarry::page
