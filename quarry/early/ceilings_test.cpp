#include "quarry/early/ceilings.hpp"

#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

constexpr PhysAddr kTop{1 << 20};

constexpr Wanted wanted(std::uint64_t size, std::uint64_t alignment, PhysAddr top = kTop) noexcept {
  return {Bytes{size}, Bytes{alignment}, {}, top};
}

TEST(a_ceiling_holds_for_as_much_or_more_and_for_nothing_else) {
  Ceilings ceilings;
  expect_equal(ceilings.of(wanted(64, 64)), kTop);
  ceilings.learn(wanted(128, 64), PhysAddr{0x8000});
  expect_equal(ceilings.of(wanted(128, 64)).raw, 0x8000u + 128);
  expect_equal(ceilings.of(wanted(256, 4096)).raw, 0x8000u + 256);
  expect_equal(ceilings.of(wanted(64, 64)), kTop);
  expect_equal(ceilings.of(wanted(128, 32)), kTop);
  expect_equal(ceilings.of(wanted(128, 64, PhysAddr{2 << 20})).raw, 2u << 20);
  Wanted other = wanted(128, 64);
  other.filter.node = NodeId{1};
  expect_equal(ceilings.of(other), kTop);
  ceilings.forget();
  expect_equal(ceilings.of(wanted(128, 64)), kTop);
}

TEST(a_lower_ceiling_of_more_stays_beside_a_higher_one_of_less) {
  Ceilings ceilings;
  ceilings.learn(wanted(512, 64), PhysAddr{0x1000});
  ceilings.learn(wanted(128, 64), PhysAddr{0x8000});
  expect_equal(ceilings.of(wanted(512, 64)).raw, 0x1000u + 512);
  expect_equal(ceilings.of(wanted(256, 64)).raw, 0x8000u + 256);
  ceilings.learn(wanted(64, 64), PhysAddr{0x1000});
  expect_equal(ceilings.of(wanted(512, 64)).raw, 0x1000u + 512);
  expect_equal(ceilings.of(wanted(128, 64)).raw, 0x1000u + 128);
}

TEST(a_gap_lifts_the_ceilings_of_what_fits_in_it) {
  Ceilings ceilings;
  ceilings.learn(wanted(128, 64), PhysAddr{0x1000});
  ceilings.learn(wanted(128, 4096), PhysAddr{0x1000});
  ceilings.learn(wanted(512, 64), PhysAddr{0x1000});
  ceilings.lift(bytes(0x8010, 0x8110));
  expect_equal(ceilings.known()[0].highest.raw, 0x8080u);
  expect_equal(ceilings.known()[1].highest.raw, 0x1000u);  // no page begins there
  expect_equal(ceilings.known()[2].highest.raw, 0x1000u);  // too small
  ceilings.lift(bytes(0, 0x2000));
  expect_equal(ceilings.known()[0].highest.raw, 0x8080u);  // below it already
  expect_equal(ceilings.known()[2].highest.raw, 0x1e00u);
}

TEST(more_kinds_of_requests_than_ceilings_replace_the_oldest) {
  Ceilings ceilings;
  for (std::uint64_t i = 1; i <= 40; ++i) ceilings.learn(wanted(41 - i, 1), PhysAddr{0x1000 * i});
  expect(ceilings.known().size() <= 16u);
  expect_equal(ceilings.of(wanted(1, 1)).raw, 0x1000u * 40 + 1);
}

TEST(a_freed_place_above_the_last_answer_is_found_again) {
  World<64> world;
  Memblock& m = world.memblock;
  const Bytes page{kPage};
  expect_done(m.add(pages(1, 64), "ram"));
  for (std::uint64_t i = 0; i < 8; ++i) expect_at(m.alloc_try_nid_raw({page, page}, "x"), (63 - i) * kPage);
  expect_done(m.free(pages(60, 61), "x"));
  expect(!m.audit());
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 60 * kPage);
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 55 * kPage);
  expect_done(m.add(pages(64, 65), "more"));
  expect(!m.audit());
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 64 * kPage);
}

}  // namespace
}  // namespace quarry::early
