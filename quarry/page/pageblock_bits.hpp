// quarry/page/pageblock_bits.hpp: the migrate type of each pageblock, four bits each.
//
// Kept so that zeroed memory says movable, as every pageblock starts: nothing is written at bring-up.
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
    return static_cast<MigrateType>(((bits[pageblock >> 1] >> shift(pageblock)) & 0xf) ^ kZero);
  }
  static void set(std::uint8_t* bits, std::uint64_t pageblock, MigrateType type) noexcept {
    const unsigned value = (index_of(type) ^ kZero) << shift(pageblock);
    std::uint8_t& pair = bits[pageblock >> 1];
    pair = static_cast<std::uint8_t>((pair & ~(0xfu << shift(pageblock))) | value);
  }

 private:
  static constexpr unsigned kZero = index_of(MigrateType::movable);
  static constexpr unsigned shift(std::uint64_t pageblock) noexcept { return (pageblock & 1) * 4; }
};

}  // namespace quarry::page
