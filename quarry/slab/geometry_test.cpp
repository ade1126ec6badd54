#include "quarry/slab/geometry.hpp"

#include "quarry/slab/free_list.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

constexpr PackingRules kOneCpu{};
constexpr Packing of(std::uint32_t size, PackingRules rules = kOneCpu) {
  return packing_of({.size = size}, rules).value();
}

TEST(a_cache_of_words_fills_one_page) {
  constexpr Packing p = of(8);
  expect_equal(p.size, 8);
  expect_equal(p.objects, 512);
  expect_equal(p.order.raw(), 0);
  expect_equal(p.min_partial, 5);
  expect_equal(p.cpu_partial, 120);
  expect_equal(of(1).size, 8);
  expect_equal(of(9).size, 16);
}

// Numbers from /sys/kernel/slab of booted machines.
TEST(orders_grow_with_the_waste_and_with_the_cpus) {
  expect_equal(of(416).order.raw(), 1);
  expect_equal(of(1232).order.raw(), 2);
  expect_equal(of(1232).objects, 13);
  expect_equal(of(4288).order.raw(), 3);
  expect_equal(of(4288).objects, 7);
  expect_equal(of(12288).order.raw(), 3);  // a quarter of it wasted, no more
  expect_equal(of(1024).objects, 8);
  expect_equal(of(1024, {.cpus = 2}).objects, 16);
  expect_equal(of(1024, {.cpus = 8}).objects, 32);
  expect_equal(of(4096, {.max_order = 0}).objects, 1);
  expect_equal(of(8192, {.max_order = 0}).order.raw(), 1);
  expect_equal(of(2048, {.min_objects = 1}).order.raw(), 0);
  expect_equal(wanted_objects({.cpus = 1}), 8);
  expect_equal(wanted_objects({.cpus = 0}), 4);
  expect_equal(wanted_objects({.cpus = 255}), 36);
}

TEST(an_object_larger_than_the_largest_slab_gets_a_block_of_its_own) {
  const Packing p = of((1u << 20) + 1);
  expect_equal(p.order.raw(), 9);
  expect_equal(p.objects, 1);
  expect_equal(p.min_partial, 10);
  expect_equal(packing_of({.size = 4u << 20}, kOneCpu).value().order.raw(), 10);
  expect_equal(packing_of({.size = (4u << 20) + 1}, kOneCpu).error(), Error::bad_argument);
}

TEST(small_objects_share_a_cache_line_and_none_straddles_one) {
  expect_equal(alignment_of(16, 0, LineAlign::yes, kOneCpu), 16);
  expect_equal(alignment_of(17, 0, LineAlign::yes, kOneCpu), 32);
  expect_equal(alignment_of(33, 0, LineAlign::yes, kOneCpu), 64);
  expect_equal(alignment_of(200, 0, LineAlign::yes, kOneCpu), 64);
  expect_equal(alignment_of(200, 256, LineAlign::yes, kOneCpu), 256);
  expect_equal(alignment_of(1, 0, LineAlign::yes, kOneCpu), 8);
  expect_equal(alignment_of(200, 0, LineAlign::no, kOneCpu), 8);
  expect_equal(kmalloc_alignment(96, kOneCpu), 8);
  expect_equal(kmalloc_alignment(512, kOneCpu), 512);
  expect_equal(kmalloc_alignment(192, {.kmalloc_align = 64}), 64);
}

TEST(debugging_makes_slots_larger) {
  const Debug all = Debug::red_zone | Debug::poison | Debug::store_user | Debug::sanity;
  expect_equal(packing_of({.size = 48, .debug = all}, kOneCpu).value().size, 144);
  expect_equal(packing_of({.size = 8, .align = 8, .debug = all | Debug::kmalloc}, kOneCpu).value().size, 112);
  expect_equal(packing_of({.size = 48, .debug = all}, kOneCpu).value().cpu_partial, 0);
}

TEST(a_link_lies_in_the_middle_of_an_object_or_behind_it) {
  expect_equal(of(8).link_offset, 0);
  expect_equal(of(64).link_offset, 32);
  expect_equal(of(40).link_offset, 16);
  const Packing behind = packing_of({.size = 40, .link = LinkPlace::behind}, kOneCpu).value();
  expect_equal(behind.link_offset, 40);
  expect_equal(behind.size, 48);
}

TEST(what_cannot_be_laid_out_is_refused) {
  const auto refused = [](ObjectSpec spec, PackingRules rules = kOneCpu) {
    const auto packing = packing_of(spec, rules);
    return !packing && packing.error() == Error::bad_argument;
  };
  expect(refused({.size = 0}));
  expect(refused({.size = UINT32_MAX}));
  expect(refused({.size = 8, .align = 24}));
  expect(refused({.size = 8, .align = 8192}));
  expect(refused({.size = 8}, {.page_shift = 40}));
  expect(refused({.size = 8}, {.min_order = 11}));
  expect(!refused({.size = 8, .align = 4096}));
}

TEST(every_size_keeps_the_laws_of_a_packing) {
  for (const unsigned page_shift : {12u, 14u, 16u}) {
    const PackingRules rules{.page_shift = page_shift, .cpus = 4};
    for (std::uint32_t size = 1; size < 300000; size += (size >> 5) + 1) {
      for (const LinkPlace link : {LinkPlace::inside, LinkPlace::behind}) {
        const Packing p = packing_of({.size = size, .link = link}, rules).value();
        const std::uint64_t slab = std::uint64_t{1} << (page_shift + p.order.raw());
        expect(p.objects >= 1 && p.small_objects >= 1 && p.small_order <= p.order);
        expect(std::uint64_t{p.objects} * p.size <= slab);
        expect(slab - std::uint64_t{p.objects} * p.size < p.size || p.objects == kMaxObjects);
        expect(is_aligned(p.link_offset, 4) && p.link_offset + 4 <= p.size);
        expect(link == LinkPlace::inside || p.link_offset >= size);
      }
    }
  }
}

TEST(hidden_links_say_nothing_and_are_bound_to_their_place) {
  constexpr Hardening hidden{.hidden_links = true};
  std::byte memory[4 * 64] = {};
  const Slots<kPlain> plain{memory, of(64), 0x1234};
  plain.set_next(0, 3);
  expect(memory[of(64).link_offset] == std::byte{3});
  const Slots<hidden> slots{memory, of(64), 0x1234};
  slots.set_next(0, 3);
  slots.set_next(3, kNoObject);
  expect_equal(slots.next_of(0), 3);
  expect_equal(slots.next_of(3), kNoObject);
  std::uint32_t written = 0;
  __builtin_memcpy(&written, memory + of(64).link_offset, sizeof written);
  expect(written != 3);
  __builtin_memcpy(slots.slot(1), slots.slot(0), 64);
  expect(slots.next_of(1) != 3);
  const Slots<hidden> others{memory, of(64), 0x1235};  // another secret
  expect(others.next_of(0) != 3);
}

TEST(a_hardened_slot_has_room_for_what_watches_over_it) {
  const Packing p = packing_of({.size = 64, .debug = kHardened.layout()}, kOneCpu).value();
  expect_equal(p.object_offset, 8);
  expect_equal(p.right_zone, 8);
  expect_equal(p.state_offset, 8 + 64 + 8);
  expect_equal(p.link_offset, p.state_offset + 8);
  expect_equal(p.track_offset, p.link_offset + 8);
  expect(p.track_offset + 2 * sizeof(Track) <= p.size);
  expect_equal(packing_of({.size = 61, .debug = Debug::red_zone}, kOneCpu).value().right_zone, 3);
  expect_equal(packing_of({.size = 64, .debug = kPlain.layout()}, kOneCpu).value().size, 64);
}

TEST(a_divider_knows_where_objects_start_and_nothing_else) {
  for (const std::uint32_t size : {8u, 24u, 96u, 192u, 1232u, 4096u, 4288u, 65536u, 3u << 20, 1u << 28}) {
    const Divider divider{size};
    for (std::uint16_t i = 0; i < 200; ++i) {
      const std::uint64_t offset = std::uint64_t{i} * size;
      expect_equal(divider.index_of(offset, 200), i);
      expect_equal(divider.index_of(offset + 1, 200), kNoObject);
      expect_equal(divider.index_of(offset + size - 1, 200), kNoObject);
      expect_equal(divider.index_of(offset, i), kNoObject);
    }
  }
  // The most objects there can be.
  const Divider small{4};
  for (std::uint16_t i = 0; i < kMaxObjects; ++i)
    expect_equal(small.index_of(std::uint64_t{i} * 4, kMaxObjects), i);
}

}  // namespace
}  // namespace quarry::slab
