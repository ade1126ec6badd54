// shell/rounds.hpp: more of something than there is room to name at once.
#pragma once

#include <cstdint>
#include <span>

namespace quarry::shell {

// Asks for `count`, a room full at a time: take(room) fills it from the front, notes what it got, and returns how many. Ends with
// the first round that got less. `ends` become the first and the last of all.
//
// Returns   how many there were.
template <class T, class Ends, class Take>
std::uint64_t take_in_rounds(std::span<T> room, std::uint64_t count, Ends& ends, Take&& take) noexcept {
  std::uint64_t got = 0;
  while (got < count) {
    const std::uint64_t left = count - got;
    const auto round = room.first(left < room.size() ? static_cast<std::size_t>(left) : room.size());
    const std::size_t some = take(round);
    if (some != 0) {
      if (got == 0) ends.first = round[0];
      ends.last = round[some - 1];
    }
    got += some;
    if (some < round.size()) break;
  }
  return got;
}

}  // namespace quarry::shell
