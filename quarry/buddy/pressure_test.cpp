#include "quarry/buddy/test_state.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr std::uint32_t kZone = 2;
constexpr Order kPair{1};
constexpr Request kUrgent{
    .type = MigrateType::movable, .urgency = Urgency::atomic, .effort = Effort::no_wait};
constexpr Request kQuick{.type = MigrateType::movable, .effort = Effort::no_wait};

template <Geometry G, class Policy>
struct Zone {
  using M = ManyCores<G, Policy>;
  static constexpr std::uint64_t kWhole = std::uint64_t{1} << G.pageblock_order_;
  static constexpr std::uint64_t kBlock = M::kBlock;

  explicit Zone(std::uint64_t blocks, AllocatorConfig config = {}) {
    machine.add_zone(0, ZoneType::normal, 0, blocks);
    expect(static_cast<bool>(machine.start(config)));
    expect(static_cast<bool>(machine.allocator.release(M::blocks(0, blocks))));
  }
  auto& allocator() { return machine.allocator; }
  std::uint64_t kept() { return machine.allocator.stats(kZone).highatomic.raw; }
  void use_up(unsigned order = 0) {
    while (machine.allocator.alloc_pages(Order{order}, kQuick)) {
    }
  }

  unsigned core = 0;
  M machine{TestCores{2, &core}};
};

// Four single pages are free, from `base` on, and then a pair: too little for who may wait, enough for urgent requests.
template <Geometry G, class Policy>
void make_scarce(Zone<G, Policy>& zone, std::uint64_t base = 32) {
  zone.use_up(1);
  expect_equal(zone.allocator().free_pages_of(kZone).raw, 0u);
  for (std::uint64_t at = base; at < base + 16; at += 4) {
    expect(static_cast<bool>(zone.allocator().split_page(Pfn{at}, kPair)));
    expect(static_cast<bool>(zone.allocator().free_pages(Pfn{at}, Order{0})));
  }
  zone.allocator().set_watermarks(16);  // four pages
}

// The pageblock of the one free pair is kept for urgent requests; the mark is down again.
template <Geometry G, class Policy>
Pfn keep_a_pair(Zone<G, Policy>& zone, std::uint64_t base = 32) {
  make_scarce(zone, base);
  expect(static_cast<bool>(zone.allocator().free_pages(Pfn{64}, kPair)));
  const Pfn pair = zone.allocator().alloc_pages(kPair, kUrgent).value();
  expect_equal(pair, Pfn{64});
  expect_equal(zone.kept(), zone.kWhole);
  expect(static_cast<bool>(zone.allocator().free_pages(pair, kPair)));
  zone.allocator().set_watermarks(0);
  return pair;
}

// Every hook writes down that it was called.
template <class A>
struct Hooks {
  explicit Hooks(A& from) : allocator{from} {
    from.set_pressure(
        {this,
         [](void* self, Order, const Request&) noexcept { return static_cast<Hooks*>(self)->reclaim(); },
         [](void* self, Order, const Request&) noexcept { return static_cast<Hooks*>(self)->compact(); }});
  }
  PageCount reclaim() noexcept {
    note('r');
    if (asks_itself) expect(!allocator.alloc_pages(kPair, {.type = MigrateType::movable}));
    if (frees_at != reclaims++) return PageCount{reclaims <= pretends ? 1u : 0u};
    expect(static_cast<bool>(allocator.free_pages(gives, kPair)));
    return PageCount{2};
  }
  bool compact() noexcept {
    note('c');
    if (frees_at_compaction != compacts++) return false;
    expect(static_cast<bool>(allocator.free_pages(gives, kPair)));
    return true;
  }
  void note(char what) noexcept {
    if (calls < sizeof(log)) log[calls++] = what;
  }
  void expect_log(const char* text) {
    unsigned i = 0;
    for (; text[i] != 0; ++i) expect(i < calls && log[i] == text[i]);
    expect_equal(calls, i);
  }

  A& allocator;
  Pfn gives{64};
  unsigned frees_at = ~0u, frees_at_compaction = ~0u, reclaims = 0, compacts = 0, pretends = 0;
  bool asks_itself = false;
  char log[64];
  unsigned calls = 0;
};

}  // namespace

// --- Pageblocks kept for urgent requests ---------------------------------------------------------------------

TEST_ON_POLICIES(an_urgent_request_of_a_higher_order_keeps_its_pageblock) {
  Zone<G, Policy> zone{4};
  const Pfn page = zone.allocator().alloc_pages(kPair, kUrgent).value();
  expect_equal(zone.kept(), 0u);  // nothing is scarce: it was served as anyone
  expect(static_cast<bool>(zone.allocator().free_pages(page, kPair)));
  const Pfn kept = keep_a_pair(zone);
  expect_equal(zone.machine.map.pageblock_type(kept), MigrateType::highatomic);
  expect_equal(zone.allocator().zone_pages(kZone).listed_as(kept), MigrateType::highatomic);
  expect_equal(zone.allocator().alloc_pages(kPair, kQuick).error(), Error::no_memory);
  expect_equal(zone.allocator().alloc_pages(Order{0}, kQuick).error(), Error::no_memory);
  expect_equal(zone.allocator().alloc_pages(kPair, kUrgent).value(), kept);
  expect(!zone.allocator().audit());
}

TEST_ON_POLICIES(an_urgent_request_for_a_single_page_keeps_nothing_and_gets_nothing_that_is_kept) {
  Zone<G, Policy> zone{2};
  make_scarce(zone);
  expect_equal(zone.allocator().alloc_pages(Order{0}, {.effort = Effort::no_wait}).error(), Error::no_memory);
  expect(static_cast<bool>(zone.allocator().alloc_pages(Order{0}, kUrgent)));
  expect_equal(zone.kept(), 0u);
  Zone<G, Policy> other{2};
  keep_a_pair(other);
  expect_equal(other.allocator().alloc_pages(Order{0}, kUrgent).error(), Error::no_memory);
  expect_equal(other.allocator().obstacle(kZone, Order{0}, kUrgent).why, Obstacle::Why::no_block);
  expect(!other.allocator().obstacle(kZone, kPair, kUrgent));
}

// A hundredth of the zone and one pageblock may be kept, no more.
TEST_ON_POLICIES(no_more_than_a_hundredth_and_a_pageblock_is_kept) {
  Zone<G, Policy> zone{8};
  make_scarce(zone);
  const std::uint64_t most = 8 * zone.kBlock / 100 + zone.kWhole;
  for (std::uint64_t at = 0; at < 8 * zone.kBlock; at += zone.kWhole) {
    // The only pair that is free.
    expect(static_cast<bool>(zone.allocator().free_pages(Pfn{at}, kPair)));
    const bool may = zone.kept() < most;
    const std::uint64_t before = zone.kept();
    expect_equal(zone.allocator().alloc_pages(kPair, kUrgent).value(), Pfn{at});
    expect_equal(zone.kept(), before + (may ? zone.kWhole : 0));
  }
  expect_equal(zone.kept(), (most + zone.kWhole - 1) / zone.kWhole * zone.kWhole);
  expect(!zone.allocator().audit());
}

TEST_ON_POLICIES(without_grouping_nothing_is_kept) {
  Zone<G, Policy> zone{2, {.grouping = Grouping::none}};
  make_scarce(zone);
  expect(static_cast<bool>(zone.allocator().free_pages(Pfn{64}, kPair)));
  expect(static_cast<bool>(zone.allocator().alloc_pages(kPair, kUrgent)));
  expect_equal(zone.kept(), 0u);
}

// Whoever may wait gets what is kept before the request fails, even the last of it when nobody can free any.
TEST_ON_POLICIES(what_is_kept_is_given_up_under_pressure) {
  Zone<G, Policy> zone{2};
  const Pfn kept = keep_a_pair(zone);
  expect_equal(zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}).value(), kept);
  expect_equal(zone.kept(), 0u);
  expect_equal(zone.machine.map.pageblock_type(kept), MigrateType::movable);
  expect(!zone.allocator().audit());
}

TEST_ON_POLICIES(the_last_pageblock_stays_kept_while_something_can_be_freed) {
  Zone<G, Policy> zone{2};
  keep_a_pair(zone);
  Hooks hooks{zone.allocator()};
  hooks.pretends = 3;  // single pages somewhere, which do not help
  expect_equal(zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}).error(), Error::no_memory);
  expect_equal(zone.kept(), zone.kWhole);
  expect(!zone.allocator().audit());
}

TEST_ON_POLICIES(a_reserve_all_of_which_is_in_use_cannot_be_given_up) {
  Zone<G, Policy> zone{2};
  keep_a_pair(zone, zone.kWhole);  // the single pages lie in another pageblock
  expect(static_cast<bool>(zone.allocator().alloc_pages(kPair, kUrgent)));
  expect_equal(zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}).error(), Error::no_memory);
  expect_equal(zone.kept(), zone.kWhole);
  expect(!zone.allocator().audit());
}

// --- Hooks -----------------------------------------------------------------------------------------------------

TEST_ON_POLICIES(moving_is_tried_before_anything_is_given_up) {
  Zone<G, Policy> zone{2};
  zone.use_up(1);
  Hooks hooks{zone.allocator()};
  hooks.frees_at_compaction = 0;
  expect_equal(zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}).value(), Pfn{64});
  hooks.expect_log("c");
}

TEST_ON_POLICIES(nobody_is_asked_to_move_anything_for_a_single_page) {
  Zone<G, Policy> zone{2};
  zone.use_up(0);
  Hooks hooks{zone.allocator()};
  expect(!zone.allocator().alloc_pages(Order{0}, {.type = MigrateType::movable}));
  hooks.expect_log("rr");
}

TEST_ON_POLICIES(pages_are_given_up_round_by_round_until_one_serves) {
  Zone<G, Policy> zone{2};
  zone.use_up(1);
  Hooks hooks{zone.allocator()};
  hooks.pretends = 3;
  hooks.frees_at = 3;
  expect_equal(zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}).value(), Pfn{64});
  hooks.expect_log("crcrcrcr");
}

TEST_ON_POLICIES(a_reclaim_that_frees_nothing_ends_the_attempts_after_one_more) {
  Zone<G, Policy> zone{2};
  zone.use_up(1);
  Hooks hooks{zone.allocator()};
  expect(!zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}));
  hooks.expect_log("crcr");
}

TEST_ON_POLICIES(reclaim_that_never_helps_is_asked_sixteen_times) {
  Zone<G, Policy> zone{2};
  zone.use_up(1);
  Hooks hooks{zone.allocator()};
  hooks.pretends = 1000;
  expect(!zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}));
  expect_equal(hooks.reclaims, 16u);
  expect_equal(hooks.compacts, 17u);
  expect_equal(zone.allocator().stats(kZone).failures, 2u);
}

TEST_ON_POLICIES(hooks_that_ask_for_pages_do_not_come_back_to_themselves) {
  Zone<G, Policy> zone{2};
  zone.use_up(1);
  Hooks hooks{zone.allocator()};
  hooks.asks_itself = true;
  expect(!zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable}));
  hooks.expect_log("crcr");
  hooks.asks_itself = false;
  hooks.frees_at = 2;  // the guard is open again
  expect(static_cast<bool>(zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable})));
}

TEST_ON_POLICIES(who_cannot_wait_calls_no_hook) {
  Zone<G, Policy> zone{2};
  zone.use_up(1);
  Hooks hooks{zone.allocator()};
  for (const Effort effort : {Effort::no_wait, Effort::fast_only})
    expect(!zone.allocator().alloc_pages(kPair, {.type = MigrateType::movable, .effort = effort}));
  hooks.expect_log("");
}

// What lies on another core's lists is fetched before a request fails.
TEST_ON_POLICIES(pages_on_other_cores_are_fetched_before_a_request_fails) {
  Zone<G, Policy> zone{2};
  auto& allocator = zone.allocator();
  expect(static_cast<bool>(allocator.start_cpu_lists(zone.machine.source())));
  Saboteur::limit(allocator, kZone, {.batch = 1, .high = 100});
  zone.use_up(0);
  zone.core = 1;
  expect(static_cast<bool>(allocator.free_pages(Pfn{64}, Order{0})));
  zone.core = 0;
  expect(!allocator.alloc_pages(Order{0}, kQuick));
  expect_equal(allocator.pages_on(kZone, 1).raw, 1u);
  expect_equal(allocator.alloc_pages(Order{0}, {.type = MigrateType::movable}).value(), Pfn{64});
  expect(!allocator.audit());
}

}  // namespace quarry::buddy
