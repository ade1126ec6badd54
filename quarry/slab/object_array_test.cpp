// What cores keep at hand, and what becomes of it.
#include "quarry/slab/object_array.hpp"

#include "quarry/slab/kmalloc.hpp"
#include "quarry/slab/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::slab {
namespace {

using testing::booted_with;
using testing::Machine;
using testing::TestPages;
using Cache = KmemCache<TestPages>;

Machine& machine() noexcept { return booted_with({.merging = false}); }
Cache& cache_of(Machine& m, std::uint32_t size = 64) noexcept {
  return *m.slabs.create({.name = "objects", .size = size}).value();
}
// Enough visits that the core has arrays.
void warm_up(Cache& cache) noexcept {
  void* objects[4];
  for (void*& object : objects) object = cache.alloc().value();
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
}

TEST(arrays_hold_less_of_what_is_large) {
  expect_equal(room_for_objects(8), room_for_objects(128));
  expect(room_for_objects(128) > room_for_objects(512));
  expect(room_for_objects(512) > room_for_objects(1024) && room_for_objects(1024) > room_for_objects(4096));
  for (std::uint32_t size = 8; size < (1u << 20); size *= 2) {
    expect(room_for_objects(size) >= 2);
    expect(room_for_objects(size) <= room_of_array(array_kind(size)));
    expect(size <= 16384 ? room_for_objects(size) * size <= 32768 : room_for_objects(size) == 2);
  }
}

TEST(what_is_freed_is_at_hand_and_comes_next) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  warm_up(cache);
  void* const a = cache.alloc().value();
  void* const b = cache.alloc().value();
  expect(static_cast<bool>(cache.free(a)));
  expect(cache.alloc().value() == a);
  expect(cache.state_of(a) == ObjectState::live && cache.state_of(b) == ObjectState::live);
  expect(static_cast<bool>(cache.free(b)));
  expect(cache.state_of(b) == ObjectState::free);
  expect_equal(cache.free_checked(b).error(), Error::wrong_owner);
  expect_equal(cache.stats().active_objects, 1);
  expect(cache.stats().at_hand > 0);
  expect(m.slabs.audit().holds());
}

TEST(many_objects_pass_through_arrays_and_none_is_lost) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  constexpr unsigned kMany = 2000;
  static void* objects[kMany];
  const std::uint64_t before = m.pages.in_use();
  for (unsigned round = 0; round < 3; ++round) {
    for (void*& object : objects) object = cache.alloc().value();
    expect_equal(cache.stats().active_objects, kMany);
    expect(m.slabs.audit().holds());
    for (unsigned i = 0; i < kMany; ++i) expect(static_cast<bool>(cache.free(objects[(i * 7) % kMany])));
    expect_equal(cache.stats().active_objects, 0);
    // What waits for the next is bounded: two arrays of the core, 64 KiB of a small node.
    expect(cache.stats().at_hand * 64 <= kLeastWaiting + 3 * room_for_objects(64) * 64);
    expect(m.slabs.audit().holds());
  }
  expect(cache.shrink() > 0);
  expect_equal(cache.stats().total_slabs, 0);
  expect_equal(cache.stats().at_hand, 0);
  expect(m.slabs.destroy(cache).value().none());
  for (auto* own = m.slabs.first(); own != nullptr; own = own->next()) own->shrink();
  expect_equal(m.pages.in_use(), before);
}

TEST(rows_of_objects_go_out_and_in) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  void* objects[200];
  for (unsigned round = 0; round < 3; ++round) {
    expect_equal(cache.alloc_bulk(objects), 200u);
    for (unsigned i = 0; i < 200; ++i)
      for (unsigned j = 0; j < i; ++j) expect(objects[i] != objects[j]);
    std::size_t done = 0;
    expect(static_cast<bool>(cache.free_bulk(objects, &done)));
    expect_equal(done, 200u);
    expect_equal(cache.stats().active_objects, 0);
  }
  m.pages.fail_from_now_on();
  static void* all[40000];
  const std::size_t got = cache.alloc_bulk(all);
  expect(got > 0 && got < 1000);
  expect_equal(cache.stats().active_objects, got);
  m.pages.never_fail();
  void* const wrong[] = {all[0], nullptr, all[1]};
  std::size_t done = 0;
  expect_equal(cache.free_bulk(wrong, &done).error(), Error::out_of_range);
  expect_equal(done, 1u);
  expect(static_cast<bool>(cache.free_bulk(std::span<void* const>{all + 1, got - 1})));
  expect_equal(cache.stats().active_objects, 0);
  expect(m.slabs.audit().holds());
}

TEST(objects_of_another_node_go_home_in_batches) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  warm_up(cache);
  constexpr unsigned kMany = 300;
  static void* objects[kMany];
  const NodeId far{1};
  for (void*& object : objects) {
    object = cache.alloc({.node = far, .placement = buddy::Placement::this_node}).value();
    expect(m.pages.node_of(m.pages.pfn_of(object).value()) == far);
  }
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  expect(cache.stats().at_hand > 0);
  expect_equal(cache.stats().active_objects, 0);
  // They are not what this core gets, whose node is the other.
  for (unsigned i = 0; i < 100; ++i)
    expect(m.pages.node_of(m.pages.pfn_of(cache.alloc().value()).value()) == NodeId{0});
  expect(m.slabs.audit().holds());
  cache.drain();
  expect_equal(cache.stats().at_hand, 0);
  expect(m.slabs.audit().holds());
}

TEST(without_memory_for_arrays_objects_come_from_slabs) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  void* objects[40];
  objects[0] = cache.alloc().value();
  m.pages.fail_from_now_on();
  for (unsigned i = 1; i < 40; ++i) objects[i] = cache.alloc().value();
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  expect_equal(cache.stats().active_objects, 0);
  expect(m.slabs.audit().holds());
}

TEST(under_pressure_everything_unused_goes_back) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  static void* objects[1000];
  for (void*& object : objects) object = cache.alloc().value();
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  const std::uint64_t before = m.pages.in_use();
  const PageCount gone = m.slabs.give_back();
  expect(gone.raw > 0);
  expect_equal(m.pages.in_use(), before - gone.raw);
  expect_equal(cache.stats().total_slabs, 0);
  expect(static_cast<bool>(cache.alloc()));
  expect(m.slabs.audit().holds());
}

TEST(pages_of_small_slabs_are_counted_as_they_are) {
  Machine& m = machine();
  Cache& cache = cache_of(m, 1232);
  expect_equal(cache.packing().order.raw(), 2);
  void* objects[40];
  for (unsigned i = 0; i < 40; ++i) {
    if (i == 20) m.pages.fail_above(0);
    objects[i] = cache.alloc().value();
  }
  m.pages.never_fail();
  for (void* object : objects) expect(static_cast<bool>(cache.free(object)));
  const std::uint64_t before = m.pages.in_use();
  const PageCount gone = m.slabs.give_back();
  expect(gone.raw > 0);
  expect_equal(m.pages.in_use(), before - gone.raw);
}

TEST(an_audit_sees_what_does_not_belong_in_an_array) {
  Machine& m = machine();
  Cache& cache = cache_of(m);
  Cache& other = *m.slabs.create({.name = "other", .size = 64}).value();
  warm_up(cache);
  void* const foreign = other.alloc().value();
  // One node with memory, and free() trusts: here there are two, so that it looks.
  expect_equal(cache.free(foreign).error(), Error::wrong_owner);
  ObjectArray* const mine = reinterpret_cast<AtCore*>(&cache + 1)->loaded;
  expect(mine->is_real() && mine->top != 0);
  void*& entry = mine->objects()[0];
  void* const was = entry;
  entry = foreign;
  expect_equal(cache.audit().broken, Law::arrays_hold_ours);
  entry = was;
  expect(cache.audit().holds());
}

TEST(caches_that_would_be_the_same_are_one) {
  Machine& m = booted_with({});
  Cache& a = *m.slabs.create({.name = "a", .size = 60}).value();
  expect(m.slabs.create({.name = "b", .size = 64}).value() == &a);
  expect(m.slabs.create({.name = "c", .size = 57, .align = 8}).value() == &a);
  expect_equal(a.users(), 3u);
  expect_equal(a.packing().object_size, 64);
  const auto is_new = [&](const CacheSpec& spec) {
    Cache* const made = m.slabs.create(spec).value();
    const bool is = made != &a;
    expect(m.slabs.destroy(*made).value().none());
    return is;
  };
  expect(is_new({.name = "smaller", .size = 56}));
  expect(is_new({.name = "reclaimed", .size = 64, .memory = Memory::reclaimable}));
  expect(is_new({.name = "charged", .size = 64, .charged = Charged::yes}));
  expect(is_new({.name = "lone", .size = 64, .merging = Merging::never}));
  expect(is_new({.name = "readers", .size = 64, .link = LinkPlace::behind}));
  expect(is_new({.name = "made", .size = 64, .constructor = [](void*) noexcept {}}));
  expect_equal(a.users(), 3u);
  void* const object = a.alloc().value();
  expect(m.slabs.destroy(a).value().none());  // one of three leaves
  expect(m.slabs.destroy(a).value().none());
  expect_equal(m.slabs.destroy(a).value().objects, 1);
  expect(static_cast<bool>(a.free(object)));
  expect(m.slabs.destroy(a).value().none());
  expect(m.slabs.audit().holds());
}

TEST(kmalloc_with_arrays_leaves_nothing_behind) {
  Machine& m = booted_with({});
  Kmalloc<TestPages> k{m.slabs};
  expect(static_cast<bool>(k.boot(DmaCaches::all)));
  void* objects[400];
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < 400; ++i) objects[i] = k.kmalloc((i * 37) % 1500 + 1).value();
    for (void* object : objects) expect(static_cast<bool>(k.kfree(object)));
    expect(m.slabs.audit().holds());
  }
  expect_equal(k.shut_down(), 0);
  expect(static_cast<bool>(m.slabs.shut_down()));
  expect_equal(m.pages.in_use(), 0);
}

}  // namespace
}  // namespace quarry::slab
