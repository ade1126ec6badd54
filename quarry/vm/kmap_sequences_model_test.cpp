// Windows in every sequence of a few calls.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/kmap_world.hpp"

namespace quarry::vm {
namespace {

// Every sequence of `length` of `moves`, each with a machine of its own.
template <class MakeWorld, class Moves>
void play_all(MakeWorld make, const Moves& moves, unsigned length) {
  std::vector<std::size_t> digits(length, 0);
  std::uint64_t played = 0;
  for (bool is_over = false; !is_over;) {
    auto world = make();
    for (const std::size_t digit : digits) moves[digit](*world);
    if (world->wrong().empty()) world->end();
    ++played;
    std::string sequence;
    for (const std::size_t digit : digits) sequence += " " + std::to_string(digit);
    ASSERT_EQ(world->wrong(), "") << "after the moves" << sequence;
    std::size_t at = 0;
    while (at < length && ++digits[at] == moves.size()) digits[at++] = 0;
    is_over = at == length;
  }
  std::uint64_t expected = 1;
  for (unsigned i = 0; i < length; ++i) expected *= moves.size();
  EXPECT_EQ(played, expected);
}

// Three frames and two windows, shown by two cores and given back, in every order.
TEST(KmapSequences, of_six_calls_on_two_windows) {
  using Small = KmapWorld<Split3G, 2, 1>;
  std::vector<std::function<void(Small&)>> moves;
  for (std::uint64_t frame = 0; frame < 3; ++frame) {
    moves.push_back([frame](Small& on) { on.kmap(static_cast<unsigned>(frame), Small::high(frame)); });
    moves.push_back([frame](Small& on) { on.kunmap(0, Small::high(frame)); });
  }
  moves.push_back([](Small& on) { on.flush(1); });
  play_all([] { return std::make_unique<Small>(); }, moves, 6);
}

// Two cores with two windows each, given back in order or not, beside a pool of one.
TEST(KmapSequences, of_five_calls_on_the_windows_of_two_cores) {
  using Small = KmapWorld<Split2G, 1, 2>;
  std::vector<std::function<void(Small&)>> moves;
  for (unsigned core = 0; core < 2; ++core) {
    moves.push_back([core](Small& on) { on.kmap_local(core, Small::high(core)); });
    moves.push_back([core](Small& on) { on.kunmap_local(core, 0); });
    moves.push_back([core](Small& on) { on.kunmap_local(core, 1); });
  }
  moves.push_back([](Small& on) { on.kmap(0, Small::high(5)), on.kunmap(0, Small::high(5)); });
  play_all([] { return std::make_unique<Small>(); }, moves, 5);
}

}  // namespace
}  // namespace quarry::vm
