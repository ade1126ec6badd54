// quarry/page/pageblock_bits.hpp: the migrate type of each pageblock, four bits each.
//
//   bit      3          2  1  0
//         isolated   its type, or the one it has again afterwards; kept so that 0 is movable
//
// Zeroed memory says movable, as every pageblock starts: nothing is written at bring-up.
#pragma once

#include "quarry/page/migrate_type.hpp"

namespace quarry::page {

// `bits` is an array of bytes, two pageblocks in each, the even one low.
class PageblockBits {
 public:
  static constexpr std::uint64_t bytes_for(std::uint64_t pageblocks) noexcept {
    return (pageblocks + 1) >> 1;
  }

  static MigrateType get(const std::uint8_t* bits, std::uint64_t pageblock) noexcept {
    const unsigned value = value_of(bits, pageblock);
    return (value & kIsolated) != 0 ? MigrateType::isolate : static_cast<MigrateType>(value ^ kZero);
  }
  // Its type when it is not isolated any more, or its type.
  static MigrateType get_beneath(const std::uint8_t* bits, std::uint64_t pageblock) noexcept {
    return static_cast<MigrateType>((value_of(bits, pageblock) & ~kIsolated) ^ kZero);
  }
  static void set(std::uint8_t* bits, std::uint64_t pageblock, MigrateType type) noexcept {
    const unsigned value =
        type == MigrateType::isolate ? value_of(bits, pageblock) | kIsolated : index_of(type) ^ kZero;
    std::uint8_t& pair = bits[pageblock >> 1];
    pair = static_cast<std::uint8_t>((pair & ~(0xfu << shift(pageblock))) | value << shift(pageblock));
  }

 private:
  static constexpr unsigned kZero = index_of(MigrateType::movable);
  static constexpr unsigned kIsolated = 8;
  static constexpr unsigned value_of(const std::uint8_t* bits, std::uint64_t pageblock) noexcept {
    return (bits[pageblock >> 1] >> shift(pageblock)) & 0xfu;
  }
  static constexpr unsigned shift(std::uint64_t pageblock) noexcept { return (pageblock & 1) * 4; }
};

}  // namespace quarry::page
