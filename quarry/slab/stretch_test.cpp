#include "quarry/slab/stretch.hpp"

#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

using testing::booted_machine;
using testing::kNodeRuns;
using testing::Machine;
using testing::new_machine;
using testing::Spread;
using testing::TestPages;
using Cache = KmemCache<TestPages>;

constexpr NodeId kNode0{}, kNode1{1};

// One object a page and a page a slab, so that a test says where each slab lies.
Machine& far_machine() noexcept { return booted_machine({.max_order = 0}, Spread::far); }
Cache& cache_of_pages(Machine& m) { return *m.slabs.create({.name = "pages", .size = 4096}).value(); }
Cache& cache_of_halves(Machine& m) { return *m.slabs.create({.name = "halves", .size = 2048}).value(); }
Pfn frame_of(Machine& m, const void* object) { return m.pages.pfn_of(object).value(); }
std::uint64_t stretch_of(Machine& m, const void* object) {
  return frame_of(m, object).raw >> Stretch::kShift;
}
std::uint64_t records(Machine& m) { return m.slabs.first()->next()->stats().active_objects; }

// The pointers to the nodes' lists stand behind the cache and what its only core has.
using Lists = NodeLists<NoLock>;
Lists& lists_of(Cache& cache, NodeId node) {
  return *reinterpret_cast<Lists**>(reinterpret_cast<AtCore*>(&cache + 1) + 1)[static_cast<unsigned>(node)];
}

TEST(a_link_leads_back_to_its_slab_wherever_that_lies) {
  for (const std::uint64_t raw : {std::uint64_t{0}, std::uint64_t{1}, Stretch::kFrames - 1, Stretch::kFrames,
                                  8 * Stretch::kFrames + 5, (std::uint64_t{1} << 52) - 1}) {
    Stretch stretch;
    stretch.index = Stretch::index_of(Pfn{raw});
    expect(!stretch.holds(Pfn{raw}));  // until it counts one
    stretch.slabs = 1;
    expect(stretch.holds(Pfn{raw}) && !stretch.holds(Pfn{raw + Stretch::kFrames}));
    expect(Stretch::link_of(Pfn{raw}) != page::Link::none);
    expect_equal(stretch.slab_at(Stretch::link_of(Pfn{raw})), Pfn{raw});
  }
}

TEST(an_order_of_slabs_does_not_depend_on_how_far_a_node_reaches) {
  Machine& m = booted_machine({}, Spread::far);
  expect(m.pages.nodes()[0].span.size().raw > std::uint64_t{3} << Stretch::kShift);
  expect_equal(m.slabs.rules().min_order, 0);
  expect_equal(cache_of_pages(m).packing().order.raw(), 3);
}

TEST(a_cache_costs_the_same_however_far_a_node_reaches) {
  Machine& m = far_machine();
  const std::uint64_t before = records(m);
  Cache& cache = cache_of_pages(m);
  expect_equal(records(m), before + 2);  // a node each
  void* objects[kNodeRuns];
  for (unsigned run = 0; run < kNodeRuns; ++run) {
    m.pages.take_from_run(run);
    objects[run] = cache.alloc().value();
    expect_equal(stretch_of(m, objects[run]), run);
  }
  expect(frame_of(m, objects[kNodeRuns - 1]).raw > std::uint64_t{1} << 32);  // beyond 16 TiB
  expect_equal(cache.stats().total_slabs, kNodeRuns);
  expect(m.slabs.audit().holds());
  expect_equal(records(m), before + 2 + kNodeRuns - 1);
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  expect_equal(cache.stats().partial_slabs, kNodeRuns);
  expect(m.slabs.destroy(cache).value().none());
  expect_equal(records(m), before);
  expect_equal(m.pages.in_use(), m.pages_of_slabs());
  expect(m.slabs.audit().holds());
  expect(static_cast<bool>(m.slabs.shut_down()));
  expect_equal(m.pages.in_use(), 0);
}

TEST(partial_slabs_of_every_stretch_are_used_before_new_pages) {
  Machine& m = far_machine();
  Cache& cache = cache_of_halves(m);
  void* objects[2 * kNodeRuns];
  for (unsigned i = 0; i < 2 * kNodeRuns; ++i) {
    m.pages.take_from_run(i / 2);
    objects[i] = cache.alloc().value();
    expect_equal(stretch_of(m, objects[i]), i / 2);
  }
  expect_equal(cache.stats().partial_slabs, 0);
  for (unsigned run = 0; run < kNodeRuns; ++run)
    expect(static_cast<bool>(cache.free(objects[std::size_t{2} * run])));
  expect_equal(cache.stats().partial_slabs, kNodeRuns);
  expect(cache.audit().holds());
  m.pages.fail_from_now_on();
  bool seen[kNodeRuns] = {};
  for (unsigned run = 0; run < kNodeRuns; ++run) {
    void* const object = cache.alloc().value();
    const std::uint64_t stretch = stretch_of(m, object);
    expect(stretch < kNodeRuns && !seen[stretch]);
    seen[stretch] = true;
    expect(cache.audit().holds());
  }
  expect_equal(cache.stats().partial_slabs, 0);
  expect_equal(cache.alloc({.placement = buddy::Placement::this_node}).error(), Error::no_memory);
}

TEST(empty_slabs_of_every_stretch_count_together_and_shrink_takes_them_all) {
  Machine& m = far_machine();
  Cache& cache = cache_of_pages(m);
  void* objects[4 * kNodeRuns];
  for (unsigned i = 0; i < 4 * kNodeRuns; ++i) {
    m.pages.take_from_run(i & (kNodeRuns - 1));
    objects[i] = cache.alloc().value();
  }
  const unsigned kept = cache.packing().min_partial;
  for (unsigned i = 0; i < 4 * kNodeRuns; ++i) {
    expect(static_cast<bool>(cache.free(objects[i])));
    expect_equal(cache.free_checked(objects[i]).error(), i < kept ? Error::wrong_owner : Error::not_found);
    expect(cache.audit().holds());
  }
  expect_equal(cache.stats().total_slabs, kept);
  expect_equal(cache.shrink(), kept);
  expect_equal(cache.stats().total_slabs, 0);
  expect_equal(m.pages.in_use(), m.pages_of_slabs());
}

TEST(a_record_that_counts_no_slab_serves_the_next_stretch) {
  Machine& m = far_machine();
  Cache& cache = cache_of_pages(m);
  const std::uint64_t before = records(m);
  for (unsigned round = 0; round < 3 * kNodeRuns; ++round) {
    m.pages.take_from_run(round & (kNodeRuns - 1));
    void* const object = cache.alloc().value();
    expect_equal(stretch_of(m, object), round & (kNodeRuns - 1));
    expect(static_cast<bool>(cache.free(object)));
    expect_equal(cache.shrink(), 1);
  }
  expect_equal(records(m), before);
}

TEST(the_newest_slab_is_filled_next) {
  Machine& m = far_machine();
  Cache& cache = cache_of_halves(m);
  m.pages.take_from_run(1);
  void* const here = cache.alloc({.node = kNode1}).value();
  void* const full = cache.alloc({.node = kNode1}).value();
  m.pages.take_from_run(3);
  void* const there = cache.alloc({.node = kNode1}).value();
  expect(static_cast<bool>(cache.free(here)));
  expect_equal(stretch_of(m, there), kNodeRuns + 3u);
  expect_equal(stretch_of(m, cache.alloc({.node = kNode1}).value()), kNodeRuns + 3u);
  expect(cache.alloc({.node = kNode1}).value() == here);
  expect(stretch_of(m, full) == kNodeRuns + 1u && cache.audit().holds());
}

TEST(a_stretch_that_gets_no_record_gets_no_slab) {
  Machine& m = far_machine();
  Cache& cache = cache_of_pages(m);
  const Where only{.placement = buddy::Placement::this_node};
  expect(static_cast<bool>(cache.alloc(only)));
  // All slots of kmem_cache_node are taken, on both nodes: the page after next would be a slab for it.
  Cache& lists = *m.slabs.first()->next();
  m.pages.fail_from_now_on();
  while (lists.alloc()) continue;
  m.pages.never_fail();
  expect_equal(lists.stats().partial_slabs, 0);
  const std::uint64_t before = m.pages.in_use(), calls = m.pages.calls();
  m.pages.take_from_run(2);
  m.pages.fail_after(1);
  expect_equal(cache.alloc(only).error(), Error::no_memory);
  expect_equal(m.pages.calls(), calls + 2);
  expect_equal(m.pages.in_use(), before);
  expect_equal(cache.stats().total_slabs, 1);
  expect_equal(cache.stats().failures, 1);
  expect(m.slabs.audit().holds());
  m.pages.never_fail();
  expect_equal(stretch_of(m, cache.alloc(only).value()), 2);
  expect(m.slabs.audit().holds());
}

TEST(kmem_cache_node_keeps_the_record_of_a_stretch_in_its_first_slab_there) {
  Machine& m = far_machine();
  Cache& lists = *m.slabs.first()->next();
  const std::uint64_t before = records(m);
  unsigned taken = 0;
  // The nodes' first slabs lie in run 0; each slab after them is sent elsewhere.
  for (unsigned run = 1; run < kNodeRuns; ++run) {
    m.pages.take_from_run(run);
    const CacheStats was = lists.stats();
    for (; lists.stats().total_slabs == was.total_slabs; ++taken)
      expect(static_cast<bool>(lists.alloc({.node = kNode0})));
    expect(lists.audit().holds());
  }
  const CacheStats now = lists.stats();
  expect_equal(now.total_slabs, 2 + kNodeRuns - 1);
  expect_equal(now.active_objects, before + taken + kNodeRuns - 1);
}

TEST(a_boot_across_stretches_that_fails_at_any_page_leaves_none_behind) {
  bool failed = true;
  for (std::uint64_t failing = 1; failed; ++failing) {
    Machine& m = new_machine({.max_order = 0}, Spread::far);
    m.pages.take_from_run(static_cast<unsigned>(failing & (kNodeRuns - 1)));
    m.pages.fail_call(failing);
    const Result<Done> booted = m.slabs.boot();
    failed = m.pages.calls() >= failing;
    expect(failed || booted);
    if (booted) {
      expect(m.slabs.audit().holds());
      expect(static_cast<bool>(m.slabs.shut_down()));
    }
    expect_equal(m.pages.in_use(), 0);
  }
}

TEST(nodes_whose_lists_lie_on_each_other_go_in_peace) {
  Machine& m = new_machine({.max_order = 0}, Spread::far);
  m.pages.fail_call(4);  // node 1's own slab of kmem_cache_node: its lists will lie on node 0
  expect(static_cast<bool>(m.slabs.boot()));
  Cache& lists = *m.slabs.first()->next();
  expect(m.pages.node_of(frame_of(m, &lists_of(lists, kNode1))) == kNode0);
  // Caches until kmem_cache_node has slabs on both nodes and in several stretches.
  for (unsigned i = 0; i < 100; ++i) {
    m.pages.take_from_run(i & (kNodeRuns - 1));
    expect(static_cast<bool>(m.slabs.create({.name = "many", .size = 64})));
    expect(m.slabs.audit().holds());
  }
  expect(lists.stats().total_slabs > 2);
  while (Cache* const cache = lists.next()) expect(m.slabs.destroy(*cache).value().none());
  expect(m.slabs.audit().holds());
  expect(static_cast<bool>(m.slabs.shut_down()));
  expect_equal(m.pages.in_use(), 0);
}

TEST(audits_see_slabs_in_the_wrong_stretch) {
  Machine& m = far_machine();
  Cache& cache = cache_of_halves(m);
  expect(static_cast<bool>(cache.alloc()) && static_cast<bool>(cache.alloc()));  // a full slab beside it
  void* const object = cache.alloc().value();
  page::Descriptor& head = known(m.pages, frame_of(m, object));
  const page::Descriptor good = head;
  // A link out of the stretch would be one into the next.
  head.set_next(page::Link{1 + (std::uint32_t{1} << Stretch::kShift)});
  expect_equal(cache.audit().broken, Law::list_is_linked);
  head = good;
  expect(cache.audit().holds());
}

TEST(audits_see_two_records_of_one_stretch) {
  Machine& m = far_machine();
  Cache& cache = cache_of_halves(m);
  for (unsigned run = 0; run < 2; ++run) {
    m.pages.take_from_run(run);
    expect(static_cast<bool>(cache.alloc()) && static_cast<bool>(cache.alloc()));
  }
  Lists& lists = lists_of(cache, kNode0);
  const std::uint32_t good = lists.front.index;
  expect_equal(good, 1);
  lists.front.index = lists.front.next->index;
  expect_equal(cache.audit().broken, Law::stretches_differ);
  lists.front.index = good;
  expect(cache.audit().holds());
}

TEST(the_stretch_of_the_last_slab_is_in_front_and_spare_records_serve_any) {
  Lists lists;
  Stretch more[2];
  for (Stretch& stretch : more) lists.add_record(stretch);
  const Pfn far{std::uint64_t{5} << Stretch::kShift};
  lists.count_slab(far, 2);
  lists.count_slab(Pfn{7}, 2);
  expect_equal(lists.front.index, 0);
  expect_equal(lists.slabs(), 2);
  expect_equal(lists.objects, 4);
  expect(lists.find(far) != &lists.front && lists.find(Pfn{7}) == &lists.front);
  expect(lists.find(far + PageCount{Stretch::kFrames}) == nullptr);
  lists.forget_slab(far, 2);
  expect(lists.find(far) == nullptr);
  expect(lists.has_record_for(far));
  lists.count_slab(far + PageCount{Stretch::kFrames}, 2);
  lists.count_slab(far, 2);
  expect(!lists.has_record_for(far + PageCount{2 * Stretch::kFrames}));
}

}  // namespace
}  // namespace quarry::slab
