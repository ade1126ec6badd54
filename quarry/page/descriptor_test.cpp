#include "quarry/page/descriptor.hpp"

#include "quarry/page/pageblock_bits.hpp"
#include "tests/test.hpp"

namespace quarry::page {

constexpr unsigned kLastPart = Descriptor::kMaxParts - 1, kLastCache = Descriptor::kMaxCaches - 1;

constexpr Descriptor allocated() {
  Descriptor page;
  page.become_allocated(Order{13}, kLastPart, MigrateType::movable);
  return page;
}
static_assert(Stops<[] { return Descriptor{}.become_slab(0), 0; }>);
static_assert(!Stops<[] { return allocated().become_slab(kLastCache), 0; }>);
static_assert(Stops<[] { return allocated().become_slab(kLastCache + 1), 0; }>);
static_assert(Stops<[] { return allocated().leave_slab(MigrateType::movable), 0; }>);

TEST(descriptor_of_zeroed_memory_says_nothing) {
  expect_equal(Descriptor{}.state(), State::nothing);
  expect(!Descriptor{}.is_allocated(Order{0}));
  expect(!Descriptor{}.is_free(Order{0}, 0));
}

TEST(descriptor_keeps_the_fields_of_a_free_block_apart) {
  Descriptor page;
  page.become_free(Order{13}, kLastPart, MigrateType::isolate, static_cast<Link>(UINT32_MAX),
                   static_cast<Link>(7));
  expect_equal(page.state(), State::free);
  expect_equal(page.order().raw(), 13u);
  expect_equal(page.part(), kLastPart);
  expect_equal(page.list(), MigrateType::isolate);
  expect_equal(page.next(), static_cast<Link>(UINT32_MAX));
  expect_equal(page.previous(), static_cast<Link>(7));
  expect(page.is_free(Order{13}, kLastPart));
  expect(!page.is_free(Order{12}, kLastPart));
  expect(!page.is_free(Order{13}, kLastPart - 1));
  expect(!page.is_allocated(Order{13}));
  page.become_nothing();
  expect(page == Descriptor{});
}

TEST(descriptor_keeps_its_block_through_a_slab_life) {
  Descriptor page = allocated();
  expect(page.is_allocated(Order{13}));
  expect(!page.is_allocated(Order{0}));
  expect_equal(page.references(), 1u);
  expect_equal(page.owner_word(), 0u);
  page.set_owner_word(0x0123456789abcdef);
  expect_equal(page.owner_word(), 0x0123456789abcdefu);
  expect_equal(page.references(), 1u);

  page.become_slab(kLastCache);
  expect_equal(page.state(), State::slab);
  expect_equal(page.cache(), kLastCache);
  expect_equal(page.free_object(), Descriptor::kNoObject);
  expect_equal(page.objects_in_use(), 0u);
  page.set_objects(0x8001, 0xfffe);
  page.set_next(static_cast<Link>(5));
  expect_equal(page.free_object(), 0x8001u);
  expect_equal(page.objects_in_use(), 0xfffeu);
  expect_equal(page.order().raw(), 13u);
  expect(!page.is_allocated(Order{13}));

  page.leave_slab(MigrateType::movable);
  expect(page == allocated());
}

TEST(pageblock_bits_start_as_movable_and_change_one_at_a_time) {
  PageblockBits::Word bits[2];
  for (unsigned i = 0; i < 4; ++i) expect_equal(PageblockBits::get(bits, i), MigrateType::movable);
  PageblockBits::set(bits, 1, MigrateType::isolate);
  PageblockBits::set(bits, 2, MigrateType::unmovable);
  expect_equal(PageblockBits::get(bits, 0), MigrateType::movable);
  expect_equal(PageblockBits::get(bits, 1), MigrateType::isolate);
  expect_equal(PageblockBits::get(bits, 2), MigrateType::unmovable);
  expect_equal(PageblockBits::get(bits, 3), MigrateType::movable);
  PageblockBits::set(bits, 1, MigrateType::movable);
  expect_equal(bits[0].load_relaxed() & 0xffu, 0u);
  PageblockBits::set(bits, 9, MigrateType::unmovable);
  expect_equal(PageblockBits::get(bits, 9), MigrateType::unmovable);
  expect_equal(PageblockBits::get(bits, 1), MigrateType::movable);
  expect_equal(PageblockBits::words_for(8), 1u);
  expect_equal(PageblockBits::words_for(9), 2u);
}

}  // namespace quarry::page
