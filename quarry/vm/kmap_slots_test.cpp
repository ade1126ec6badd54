#include "quarry/vm/kmap_slots.hpp"

#include <array>

#include "tests/test.hpp"

namespace quarry::vm {
namespace {

template <class T>
bool fails_with(const Result<T>& result, Error error) noexcept {
  return !result && result.error() == error;
}
constexpr auto kSome = KmapSlots::Left::some, kNoUser = KmapSlots::Left::none;

TEST(a_window_goes_from_free_to_used_to_idle_to_retired_to_free) {
  std::array<KmapSlot, 3> memory;
  KmapSlots slots{memory};
  expect_equal(slots.take(Pfn{9}).value(), 0u);
  expect_equal(slots.hold(Pfn{9}).value(), 0u);
  expect(slots.drop(Pfn{9}).value() == kSome);
  expect(slots.counts() == KmapCounts{.free = 2, .used = 1});
  expect(slots.drop(Pfn{9}).value() == kNoUser);
  expect(slots.counts() == KmapCounts{.free = 2, .idle = 1});
  unsigned retired = 0;
  slots.retire([&](std::uint32_t slot) noexcept { expect_equal(slot, 0u), ++retired; });
  expect_equal(retired, 1u);
  expect(slots.counts() == KmapCounts{.free = 2, .retired = 1});
  // It is nobody's until it is settled: others go first, and then there is none.
  expect_equal(slots.take(Pfn{9}).value(), 1u);
  expect_equal(slots.take(Pfn{10}).value(), 2u);
  expect(fails_with(slots.take(Pfn{11}), Error::no_room));
  expect(!slots.audit());
  expect_equal(slots.settle(), 1u);
  expect_equal(slots.settle(), 0u);
  expect_equal(slots.take(Pfn{11}).value(), 0u);
  expect(!slots.audit());
}

TEST(frames_with_one_hash_are_told_apart) {
  std::array<KmapSlot, 64> memory;
  KmapSlots slots{memory};
  for (std::uint64_t i = 0; i < 64; ++i) expect(bool{slots.take(Pfn{i * i * i << 20})});
  for (std::uint64_t i = 0; i < 64; ++i)
    expect_equal(slots.find(Pfn{i * i * i << 20}), static_cast<std::uint32_t>(i));
  expect_equal(slots.find(Pfn{1}), KmapSlots::kNone);
  for (std::uint64_t i = 0; i < 64; i += 3) expect(slots.drop(Pfn{i * i * i << 20}).value() == kNoUser);
  slots.retire([](std::uint32_t) noexcept {});
  for (std::uint64_t i = 0; i < 64; ++i)
    expect_equal(slots.find(Pfn{i * i * i << 20}),
                 i % 3 == 0 ? KmapSlots::kNone : static_cast<std::uint32_t>(i));
  expect(!slots.audit());
}

// Goal: what is usual stays short: 512 frames in a row, or 512 apart, share a hash with few others.
TEST(chains_of_a_hash_are_short) {
  for (const std::uint64_t stride : {1u, 2u, 64u, 512u, 4096u}) {
    std::array<KmapSlot, 512> memory;
    KmapSlots slots{memory};
    for (std::uint64_t i = 0; i < 512; ++i) expect(bool{slots.take(Pfn{0x8'0000 + i * stride})});
    unsigned longest = 0;
    for (const KmapSlot& slot : memory) {
      unsigned length = 0;
      for (std::uint32_t at = slot.head; at != KmapSlot::kNone; at = memory[at].chain) ++length;
      if (longest < length) longest = length;
    }
    expect(longest <= 8);
  }
}

TEST(a_pool_of_one_window_and_one_of_none) {
  std::array<KmapSlot, 1> memory;
  KmapSlots one{memory};
  expect_equal(one.take(Pfn{5}).value(), 0u);
  expect(fails_with(one.take(Pfn{6}), Error::no_room));
  expect(!one.audit());
  KmapSlots none{{}};
  expect_equal(none.find(Pfn{5}), KmapSlots::kNone);
  expect(fails_with(none.hold(Pfn{5}), Error::not_found));
  expect(fails_with(none.take(Pfn{5}), Error::no_room));
  expect(fails_with(none.drop(Pfn{5}), Error::not_found));
  expect_equal(none.settle(), 0u);
  expect(!none.audit());
}

}  // namespace
}  // namespace quarry::vm
