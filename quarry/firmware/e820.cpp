#include "quarry/firmware/e820.hpp"

namespace quarry::firmware {

Result<Done> decode_e820_table(ByteView bytes, E820EntrySize entry_size, Table<MapEntry>& out) noexcept {
  const auto step = static_cast<std::size_t>(entry_size);
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += step, ++count)
    if (!holds(bytes, at, step)) return Error::truncated_table;
  if (count > out.capacity() - out.size()) return Error::no_room;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto pushed = out.push({.base = PhysAddr{load_le<std::uint64_t>(bytes, at)},
                                  .size = Bytes{load_le<std::uint64_t>(bytes, at + 8)},
                                  .type = MapType{load_le<std::uint32_t>(bytes, at + 16)}});
    check(static_cast<bool>(pushed), "the room was counted");
  }
  return Done{};
}

}  // namespace quarry::firmware
