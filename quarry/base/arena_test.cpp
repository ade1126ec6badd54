#include "quarry/base/arena.hpp"

#include "tests/test.hpp"

namespace quarry {

TEST(arena_hands_out_aligned_memory_that_never_overlaps) {
  alignas(64) std::byte memory[256];
  Arena arena{memory};
  const auto one = arena.take<std::uint8_t>(3).value();
  const auto two = arena.take<std::uint64_t>(4).value();
  expect(reinterpret_cast<std::uintptr_t>(two.data()) % alignof(std::uint64_t) == 0);
  expect(static_cast<void*>(one.data() + one.size()) <= static_cast<void*>(two.data()));
  expect_equal(two[3], 0u);
  expect_equal(arena.used(), 40u);
  expect(reinterpret_cast<std::uintptr_t>(arena.take_bytes(1, 64).value()) % 64 == 0);
}

TEST(arena_says_when_it_is_used_up_and_takes_nothing) {
  alignas(8) std::byte memory[16];
  Arena arena{memory};
  expect_equal(arena.take<std::uint64_t>(3).error(), Error::no_room);
  expect_equal(arena.take<std::uint64_t>(SIZE_MAX / 4).error(), Error::no_room);
  expect_equal(arena.used(), 0u);
  expect_equal(arena.take<std::uint64_t>(2).value().size(), 2u);
  expect_equal(arena.left(), 0u);
  expect_equal(arena.take_bytes(1, 1).error(), Error::no_room);
  expect(static_cast<bool>(arena.take_bytes(0, 1)));
}

}  // namespace quarry
