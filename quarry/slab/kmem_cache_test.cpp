#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

using testing::booted_machine;
using testing::kFirstFrame;
using testing::kNodeFrames;
using testing::Machine;
using testing::TestPages;
using Cache = KmemCache<TestPages>;

constexpr NodeId kNode0{}, kNode1{1}, kMemoryless{2};

Cache& cache_of_64(Machine& m) { return *m.slabs.create({.name = "sixty-four", .size = 64}).value(); }
std::byte* bytes(Result<void*> object) { return static_cast<std::byte*>(object.value()); }

TEST(the_first_two_caches_live_in_their_own_slabs) {
  Machine& m = booted_machine();
  Cache* const caches = m.slabs.first();
  Cache* const lists = caches->next();
  expect(caches->name() == "kmem_cache" && lists->name() == "kmem_cache_node" && lists->next() == nullptr);
  expect(caches->state_of(caches) == ObjectState::live);
  expect(caches->state_of(lists) == ObjectState::live);
  expect_equal(caches->stats().active_objects, 2);
  expect_equal(lists->stats().active_objects, 4);  // two caches on two nodes with memory
  expect_equal(lists->stats().total_slabs, 2);     // each node's own
  expect(m.slabs.audit().holds());
  expect_equal(m.pages.in_use(), m.pages_of_slabs());
}

TEST(neither_of_the_first_two_can_be_destroyed) {
  Machine& m = booted_machine();
  expect_equal(m.slabs.destroy(*m.slabs.first()).error(), Error::bad_argument);
  expect_equal(m.slabs.destroy(*m.slabs.first()->next()).error(), Error::bad_argument);
  expect(m.slabs.audit().holds());
}

TEST(shutting_down_leaves_no_page_behind_and_waits_for_the_caches) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  expect_equal(m.slabs.shut_down().error(), Error::bad_argument);
  expect(m.slabs.destroy(cache).value().none());
  expect(static_cast<bool>(m.slabs.shut_down()));
  expect_equal(m.pages.in_use(), 0);
  expect(static_cast<bool>(m.slabs.boot()));
}

TEST(a_boot_that_fails_at_any_page_leaves_none_behind) {
  Machine& probe = booted_machine();
  const std::uint64_t calls = probe.pages.calls();
  expect(calls >= 4);
  for (std::uint64_t failing = 1; failing <= calls; ++failing) {
    Machine& m = testing::new_machine();
    m.pages.fail_call(failing);
    const Result<Done> booted = m.slabs.boot();
    if (booted) {  // a node's lists may lie on another node
      expect(m.slabs.audit().holds());
      expect(static_cast<bool>(m.slabs.shut_down()));
    } else {
      expect_equal(booted.error(), Error::no_memory);
    }
    expect_equal(m.pages.in_use(), 0);
  }
}

TEST(objects_come_in_the_order_of_their_addresses_and_the_last_freed_comes_next) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  std::byte* const first = bytes(cache.alloc());
  std::byte* const second = bytes(cache.alloc());
  expect(second - first == 64);
  expect(static_cast<bool>(cache.free(first)));
  expect(cache.alloc().value() == first);
  expect(cache.audit().holds());
}

TEST(a_full_slab_leaves_the_list_and_comes_back) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  void* objects[64];
  for (void*& object : objects) object = cache.alloc().value();
  expect_equal(cache.stats().total_slabs, 1);
  expect_equal(cache.stats().partial_slabs, 0);
  expect(static_cast<bool>(cache.free(objects[17])));
  expect_equal(cache.stats().partial_slabs, 1);
  expect_equal(cache.stats().active_objects, 63);
  expect(cache.audit().holds());
}

TEST(empty_slabs_over_min_partial_are_given_back_and_shrink_takes_the_rest) {
  Machine& m = booted_machine();
  Cache& cache = *m.slabs.create({.name = "pages", .size = 4096}).value();
  const unsigned per_slab = cache.packing().objects, slabs = cache.packing().min_partial + 3u;
  void* objects[128];
  const unsigned count = per_slab * slabs;
  expect(count <= 128 && count * 4096 < kNodeFrames * 4096);
  for (unsigned i = 0; i < count; ++i) objects[i] = cache.alloc().value();
  expect_equal(cache.stats().total_slabs, slabs);
  for (unsigned i = 0; i < count; ++i) expect(static_cast<bool>(cache.free(objects[i])));
  // As in Linux, the slab that becomes empty counts among the partial ones itself.
  const unsigned kept = cache.packing().min_partial - 1u;
  expect_equal(cache.stats().total_slabs, kept);
  expect_equal(cache.stats().active_slabs, 0);
  expect(cache.audit().holds());
  expect_equal(cache.shrink(), kept);
  expect_equal(cache.stats().total_slabs, 0);
  expect_equal(cache.shrink(), 0);
  expect_equal(m.pages.in_use(), m.pages_of_slabs());
}

TEST(freeing_what_is_no_live_object_changes_nothing) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  Cache& other = *m.slabs.create({.name = "other", .size = 64}).value();
  std::byte* const object = bytes(cache.alloc());
  std::byte* const kept = bytes(cache.alloc());
  std::byte outside{};
  const Result<Pfn> page = m.pages.alloc_pages(Order{1}, {});
  std::byte* const plain = m.pages.map({page.value(), page.value() + PageCount{1}});

  expect_equal(cache.free(&outside).error(), Error::out_of_range);
  expect_equal(cache.free(nullptr).error(), Error::out_of_range);
  expect_equal(cache.free(plain).error(), Error::not_found);
  expect_equal(cache.free(plain + 4096).error(), Error::not_found);
  expect_equal(cache.free(object + 1).error(), Error::bad_argument);
  expect_equal(cache.free(object + 32).error(), Error::bad_argument);
  expect_equal(other.free_checked(object).error(), Error::wrong_owner);
  expect_equal(cache.free_checked(kept + 64).error(), Error::wrong_owner);  // never handed out
  expect(static_cast<bool>(cache.free(object)));
  expect_equal(cache.free_checked(object).error(), Error::wrong_owner);
  expect_equal(cache.stats().active_objects, 1);
  expect(cache.state_of(kept) == ObjectState::live && cache.state_of(object) == ObjectState::free);
  expect(cache.audit().holds());
}

TEST(a_double_free_is_seen_behind_other_free_objects) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  void* objects[10];
  for (void*& object : objects) object = cache.alloc().value();
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  for (void* object : objects) expect_equal(cache.free_checked(object).error(), Error::wrong_owner);
  expect_equal(cache.stats().active_objects, 0);
}

TEST(content_that_looks_like_a_link_does_not_make_an_object_free) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  std::byte* const freed = bytes(cache.alloc());
  std::byte* const live = bytes(cache.alloc());
  expect(static_cast<bool>(cache.free(freed)));
  std::byte image[64];  // of a free object, link and seal included
  __builtin_memcpy(image, freed, sizeof image);
  std::byte* const again = bytes(cache.alloc());
  expect(again == freed);
  __builtin_memcpy(again, image, sizeof image);
  expect(cache.state_of(again) == ObjectState::live);
  expect(static_cast<bool>(cache.free(again)));
  expect(static_cast<bool>(cache.free(live)));
  expect(cache.audit().holds());
}

TEST(a_write_over_a_link_breaks_the_chain) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  std::byte* const object = bytes(cache.alloc());
  expect(static_cast<bool>(cache.alloc()));
  expect(static_cast<bool>(cache.free(object)));
  std::byte& link = object[cache.packing().link_offset];
  link ^= std::byte{1};
  expect_equal(cache.audit().broken, Law::chain_is_complete);
  expect(cache.audit().cache == "sixty-four");
  link ^= std::byte{1};
  expect(cache.audit().holds());
}

TEST(audits_see_broken_descriptors) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  Result<void*> object = cache.alloc();
  const Pfn slab = m.pages.pfn_of(object.value()).value();
  page::Descriptor& head = known(m.pages, slab);
  const page::Descriptor good = head;
  const auto broken_by = [&](auto breakage) {
    breakage();
    const Audit found = m.slabs.audit();
    head = good;
    return found.broken;
  };
  expect_equal(broken_by([&] { head.set_next(page::Link{1}); }), Law::list_is_linked);
  expect_equal(broken_by([&] { head.set_previous(page::Link{9}); }), Law::list_is_linked);
  expect_equal(broken_by([&] { head.become_nothing(); }), Law::slab_is_ours);
  expect_equal(broken_by([&] { head.set_objects(head.free_object(), 64); }), Law::partial_or_full);
  expect_equal(broken_by([&] { head.set_objects(head.free_object(), 2); }), Law::chain_is_complete);
  expect_equal(broken_by([&] { head.set_objects(kNoObject, 1); }), Law::chain_is_complete);
  // One object fewer on the chain, and one more in use: only the node's counts know better.
  expect_equal(broken_by([&] { head.set_objects(2, 2); }), Law::counts_agree);
  expect(m.slabs.audit().holds());
}

TEST(a_constructor_runs_once_for_each_object_and_its_work_survives_being_free) {
  Machine& m = booted_machine();
  struct Counted {
    static void construct(void* object) noexcept { __builtin_memset(object, 0x77, 40); }
  };
  Cache& cache = *m.slabs.create({.name = "made", .size = 40, .constructor = &Counted::construct}).value();
  expect_equal(cache.packing().size, 48);
  const auto is_made = [](const std::byte* object) {
    for (unsigned i = 0; i < 40; ++i)
      if (object[i] != std::byte{0x77}) return false;
    return true;
  };
  for (unsigned round = 0; round < 3; ++round) {
    std::byte* const a = bytes(cache.alloc());
    std::byte* const b = bytes(cache.alloc());
    expect(is_made(a) && is_made(b));
    expect(static_cast<bool>(cache.free(b)) && static_cast<bool>(cache.free(a)));
    expect(is_made(a) && is_made(b));
  }
  expect_equal(cache.zalloc().error(), Error::bad_argument);
}

TEST(zeroed_objects_are_zero_whatever_was_there) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  for (unsigned round = 0; round < 2; ++round) {
    std::byte* const object = bytes(cache.zalloc());
    for (unsigned i = 0; i < 64; ++i) expect(object[i] == std::byte{0});
    __builtin_memset(object, 0xff, 64);
    expect(static_cast<bool>(cache.free(object)));
  }
}

TEST(a_node_is_preferred_but_a_rich_neighbour_comes_before_new_pages) {
  Machine& m = booted_machine();
  Cache& cache = *m.slabs.create({.name = "pages", .size = 4096}).value();
  const auto node_of = [&](const void* object) { return m.pages.node_of(m.pages.pfn_of(object).value()); };
  void* const here = cache.alloc({.node = kNode1}).value();
  expect(node_of(here) == kNode1);
  expect(node_of(cache.alloc({.node = kNode0}).value()) == kNode0);
  // A node without memory takes from the next one that has some.
  expect(node_of(cache.alloc({.node = kMemoryless}).value()) == kNode0);
  expect(cache.audit().holds());
  expect_equal(cache.stats().total_slabs, 3);
}

TEST(without_pages_another_nodes_objects_do_unless_the_node_is_a_must) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  expect(static_cast<bool>(cache.alloc({.node = kNode0})));
  m.pages.fail_from_now_on();
  const Where only{.node = kNode1, .placement = buddy::Placement::this_node};
  expect_equal(cache.alloc(only).error(), Error::no_memory);
  const Result<void*> elsewhere = cache.alloc({.node = kNode1});
  expect(m.pages.node_of(m.pages.pfn_of(elsewhere.value()).value()) == kNode0);
  expect_equal(cache.stats().failures, 1);
  expect(cache.audit().holds());
}

TEST(when_large_blocks_are_gone_slabs_are_small_and_both_kinds_mix) {
  Machine& m = booted_machine();
  Cache& cache = *m.slabs.create({.name = "big", .size = 1232}).value();
  expect_equal(cache.packing().order.raw(), 2);
  expect_equal(cache.packing().objects, 13);
  void* const large = cache.alloc().value();
  expect_equal(m.pages.last_request().effort, buddy::Effort::fast_only);
  m.pages.fail_above(0);
  void* objects[15];
  for (void*& object : objects) object = cache.alloc().value();  // 12 in the large slab, 3 in a small one
  expect_equal(cache.stats().total_objects, 13 + 3);
  expect_equal(cache.stats().total_slabs, 2);
  expect_equal(cache.stats().pages, PageCount{4 + 1});
  expect(cache.audit().holds());
  expect_equal(cache.free(static_cast<std::byte*>(objects[14]) + 1232).error(), Error::bad_argument);
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  expect(static_cast<bool>(cache.free(large)));
  expect(m.slabs.destroy(cache).value().none());
  expect_equal(m.pages.in_use(), m.pages_of_slabs());
}

TEST(an_object_that_lies_in_a_tail_finds_its_slab) {
  Machine& m = booted_machine();
  Cache& cache = *m.slabs.create({.name = "pages", .size = 4096}).value();
  expect_equal(cache.packing().order.raw(), 3);
  void* objects[8];
  for (void*& object : objects) object = cache.alloc().value();
  const Pfn head = m.pages.pfn_of(objects[0]).value();
  for (unsigned i = 1; i < 8; ++i) {
    expect_equal(m.pages.find(head + PageCount{i})->state(), page::State::slab);
    expect_equal(head_of(m.pages, head + PageCount{i}).value(), head);
    expect(m.slabs.cache_of(objects[i]).value() == &cache);
    expect(static_cast<bool>(cache.free(objects[i])));
  }
}

TEST(a_frame_behind_a_block_does_not_belong_to_it) {
  Machine& m = booted_machine();
  const Pfn two = m.pages.alloc_pages(Order{1}, {.node = kNode1}).value();
  expect_equal(head_of(m.pages, two + PageCount{1}).value(), two);
  expect_equal(head_of(m.pages, two + PageCount{2}).error(), Error::not_found);
  expect_equal(head_of(m.pages, two + PageCount{3}).error(), Error::not_found);
  expect_equal(head_of(m.pages, Pfn{0}).error(), Error::not_found);
}

TEST(pages_that_are_not_mapped_are_given_back) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  const std::uint64_t before = m.pages.in_use();
  m.pages.unmap_below(kFirstFrame + PageCount{kNodeFrames});
  const Where only{.placement = buddy::Placement::this_node};
  expect_equal(cache.alloc(only).error(), Error::out_of_range);
  m.pages.unmap_below(Pfn{});
  expect_equal(m.pages.in_use(), before);
  expect(m.slabs.audit().holds());
}

TEST(a_cache_with_objects_outlives_its_destruction_and_reports_them) {
  Machine& m = booted_machine();
  Cache& cache = cache_of_64(m);
  void* const first = cache.alloc().value();
  void* const second = cache.alloc().value();
  expect(static_cast<bool>(cache.free(first)));
  const void* told = nullptr;
  const Leaks leaks = m.slabs
                          .destroy(cache, {&told,
                                           [](void* self, const Leak& leak) noexcept {
                                             expect(leak.cache == "sixty-four");
                                             *static_cast<const void**>(self) = leak.object;
                                           }})
                          .value();
  expect_equal(leaks.objects, 1);
  expect_equal(leaks.slabs, 1);
  expect(told == second);
  expect(static_cast<bool>(cache.free(second)));
  expect(m.slabs.destroy(cache).value().none());
  expect(m.slabs.first()->next()->next() == nullptr);
  expect_equal(m.pages.in_use(), m.pages_of_slabs());
}

TEST(a_creation_that_fails_changes_nothing) {
  Machine& m = booted_machine();
  expect_equal(m.slabs.create({.name = "none", .size = 0}).error(), Error::bad_argument);
  expect_equal(m.slabs.create({.name = "odd", .size = 8, .align = 3}).error(), Error::bad_argument);
  expect_equal(m.slabs.create({.name = "huge", .size = (4u << 20) + 1}).error(), Error::bad_argument);
  m.pages.fail_from_now_on();
  unsigned made = 0;
  Result<Cache*> cache = m.slabs.create({.name = "more", .size = 8});
  for (; cache; cache = m.slabs.create({.name = "more", .size = 8})) ++made;
  expect_equal(cache.error(), Error::no_memory);
  expect(made > 0 && m.slabs.audit().holds());
  m.pages.never_fail();
  expect(static_cast<bool>(m.slabs.create({.name = "more", .size = 8})));
}

TEST(numbers_of_caches_are_used_again) {
  Machine& m = booted_machine();
  Cache& a = cache_of_64(m);
  const std::uint16_t id = a.id();
  expect(m.slabs.destroy(a).value().none());
  Cache& b = cache_of_64(m);
  expect_equal(b.id(), id);
}

TEST(the_kind_of_memory_reaches_the_page_allocator) {
  Machine& m = booted_machine();
  Cache& dma = *m.slabs.create({.name = "dma", .size = 64, .memory = Memory::dma}).value();
  expect(static_cast<bool>(dma.alloc()));
  expect_equal(m.pages.last_request().highest, zones::ZoneType::dma);
  Cache& inodes = *m.slabs.create({.name = "inodes", .size = 64, .memory = Memory::reclaimable}).value();
  expect(static_cast<bool>(inodes.alloc({.urgency = buddy::Urgency::atomic})));
  expect_equal(m.pages.last_request().type, page::MigrateType::reclaimable);
  expect_equal(m.pages.last_request().urgency, buddy::Urgency::atomic);
  expect_equal(m.pages.last_request().highest, zones::ZoneType::normal);
}

}  // namespace
}  // namespace quarry::slab
