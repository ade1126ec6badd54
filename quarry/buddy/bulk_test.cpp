#include "quarry/buddy/test_state.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};
constexpr std::uint32_t kDma = 0, kNormal = 2;

template <Geometry G, class Policy>
struct TwoZones {
  using M = ManyCores<G, Policy>;
  TwoZones() {
    machine.add_zone(0, ZoneType::dma, 0, 1);
    machine.add_zone(0, ZoneType::normal, 1, 2);
    expect(static_cast<bool>(machine.start()));
  }
  void release(std::uint64_t begin, std::uint64_t end) {
    expect(static_cast<bool>(machine.allocator.release({Pfn{begin}, Pfn{end}})));
  }
  unsigned core = 0;
  M machine{TestCores{1, &core}};
};

}  // namespace

TEST_ON_POLICIES(a_bulk_request_is_served_by_one_zone_that_has_it_all_above_its_mark) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  constexpr std::uint64_t block = std::uint64_t{1} << G.max_order_;
  zones.release(0, 64);
  zones.release(block, block + 8);
  Pfn pages[16];
  expect_equal(allocator.alloc_pages_bulk(pages, kMovable), 16u);
  expect_equal(allocator.free_pages_of(kDma).raw, 48u);  // Normal has but eight
  expect_equal(allocator.free_pages_of(kNormal).raw, 8u);
  for (const Pfn page : pages) expect(page < Pfn{64});
  expect_equal(allocator.free_pages_bulk(pages), 16u);
  expect_equal(allocator.alloc_pages_bulk(std::span{pages}.first(7), kMovable), 7u);
  expect_equal(allocator.free_pages_of(kNormal).raw, 1u);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(a_bulk_request_that_no_zone_has_whole_is_served_one_by_one) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  constexpr std::uint64_t block = std::uint64_t{1} << G.max_order_;
  zones.release(0, 8);
  zones.release(block, block + 8);
  Pfn pages[24];
  const std::uint64_t failures = allocator.stats(kNormal).failures;
  expect_equal(allocator.alloc_pages_bulk(pages, kMovable), 16u);
  expect_equal(allocator.stats(kNormal).failures, failures + 1);
  for (unsigned i = 0; i < 16; ++i)
    for (unsigned n = 0; n < i; ++n) expect(pages[i] != pages[n]);
  // The first that is refused ends a bulk free.
  pages[3] = pages[2];
  expect_equal(allocator.free_pages_bulk(std::span{pages}.first(16)), 3u);
  expect_equal(allocator.last_misuse(), Misuse::double_free);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(a_bulk_request_that_makes_no_sense_gets_nothing) {
  TwoZones<G, Policy> zones;
  zones.release(0, 8);
  auto& allocator = zones.machine.allocator;
  Pfn pages[2];
  expect_equal(allocator.alloc_pages_bulk({}, kMovable), 0u);
  expect_equal(allocator.alloc_pages_bulk(pages, {.type = MigrateType::cma}), 0u);
  expect_equal(allocator.alloc_pages_bulk(pages, {.node = NodeId{3}}), 0u);
  expect_equal(allocator.free_pages_of(kDma).raw, 8u);
}

TEST_ON_POLICIES(an_exact_run_gives_the_end_of_its_block_back) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  zones.release(0, 64);
  for (std::uint64_t count = 1; count <= 33; ++count) {
    const Pfn first = allocator.alloc_pages_exact(PageCount{count}, kMovable).value();
    expect_equal(allocator.free_pages_of(kDma).raw, 64 - count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto& head = zones.machine.map.at(first + PageCount{i});
      expect(head.is_allocated(Order{0}) && head.references() == 1 && head.list() == MigrateType::movable);
    }
    expect(!allocator.audit());
    expect(static_cast<bool>(allocator.free_pages_exact(first, PageCount{count})));
    expect_equal(allocator.free_pages_of(kDma).raw, 64u);
    expect_equal(allocator.stats(kDma).largest_free->raw(), 6u);
  }
  expect(!allocator.audit());
}

TEST_ON_POLICIES(an_exact_run_of_no_page_or_of_too_many_makes_no_sense) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  constexpr std::uint64_t block = std::uint64_t{1} << G.max_order_;
  zones.release(0, block);
  for (const std::uint64_t count : {std::uint64_t{0}, block + 1, UINT64_MAX})
    expect_equal(allocator.alloc_pages_exact(PageCount{count}, kMovable).error(), Error::bad_argument);
  expect_equal(allocator.alloc_pages_exact(PageCount{block}, kMovable).value(), Pfn{0});
  expect_equal(allocator.alloc_pages_exact(PageCount{1}, kMovable).error(), Error::no_memory);
  expect_equal(allocator.free_pages_exact(Pfn{1}, PageCount{UINT64_MAX}).error(), Error::bad_argument);
  // All or nothing.
  const std::uint64_t before = digest_of(zones.machine);
  expect_equal(allocator.free_pages_exact(Pfn{0}, PageCount{block + 1}).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::reserved_page);
  expect_equal(digest_of(zones.machine), before);
}

// Linux's lists: what is given back waits at their ends.
TEST(linux_puts_the_end_of_an_exact_run_at_the_tails) {
  TwoZones<k4KSparse, LinuxPolicy> zones;
  auto& allocator = zones.machine.allocator;
  zones.release(0, 8);
  zones.release(16, 17);
  expect_equal(allocator.alloc_pages_exact(PageCount{5}, kMovable).value(), Pfn{0});
  // 5 and 6..7 are free, 5 behind 16.
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{16});
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{5});
}

TEST_ON_POLICIES(a_block_that_is_split_is_freed_page_by_page_and_merges_again) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  zones.release(0, 64);
  const Pfn page = allocator.alloc_pages(Order{3}, kMovable).value();
  expect(static_cast<bool>(allocator.split_page(page, Order{3})));
  expect_equal(allocator.free_pages(page, Order{3}).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::wrong_order);
  expect(!allocator.audit());
  for (std::uint64_t i = 8; i-- > 0;)
    expect(static_cast<bool>(allocator.free_pages(page + PageCount{i}, Order{0})));
  expect_equal(allocator.stats(kDma).largest_free->raw(), 6u);
  expect_equal(allocator.split_page(page, Order{3}).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::double_free);
}

TEST_ON_POLICIES(a_block_is_freed_by_its_last_user) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  zones.release(0, 64);
  const Pfn page = allocator.alloc_pages(Order{2}, kMovable).value();
  expect(static_cast<bool>(allocator.get_page(page)));
  expect(static_cast<bool>(allocator.get_page(page)));
  const std::uint64_t before = digest_of(zones.machine);
  expect_equal(allocator.free_pages(page, Order{2}).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::shared_page);
  expect_equal(allocator.split_page(page, Order{2}).error(), Error::wrong_owner);
  expect_equal(digest_of(zones.machine), before);
  expect(static_cast<bool>(allocator.put_page(page)));
  expect(static_cast<bool>(allocator.put_page(page)));
  expect_equal(allocator.free_pages_of(kDma).raw, 60u);
  expect(static_cast<bool>(allocator.put_page(page)));
  expect_equal(allocator.free_pages_of(kDma).raw, 64u);
  expect_equal(allocator.put_page(page).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::double_free);
  expect_equal(allocator.get_page(page).error(), Error::wrong_owner);
  expect_equal(allocator.get_page(Pfn{UINT64_MAX}).error(), Error::bad_argument);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(users_are_counted_up_to_the_last_number_and_not_beyond) {
  TwoZones<G, Policy> zones;
  auto& allocator = zones.machine.allocator;
  zones.release(0, 64);
  const Pfn page = allocator.alloc_pages(Order{0}, kMovable).value();
  zones.machine.map.at(page).set_references(UINT32_MAX);
  expect_equal(allocator.get_page(page).error(), Error::out_of_range);
  expect_equal(zones.machine.map.at(page).references(), UINT32_MAX);
}

}  // namespace quarry::buddy
