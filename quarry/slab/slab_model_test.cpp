// quarry/slab/slab_model_test.cpp: caches and kmalloc in lockstep with a map from addresses to contents.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <vector>

#include "quarry/slab/kmalloc.hpp"
#include "quarry/slab/test_machine.hpp"

namespace {

using quarry::Error;
using quarry::NodeId;
using quarry::Result;
using namespace quarry::slab;
using quarry::slab::testing::booted_machine;
using quarry::slab::testing::booted_with;
using quarry::slab::testing::kNodeRuns;
using quarry::slab::testing::Machine;
using quarry::slab::testing::MachineOf;
using quarry::slab::testing::slabs_alone;
using quarry::slab::testing::Spread;
using quarry::slab::testing::TestPages;

// What is live, byte for byte: an object, its usable size and the byte it was filled with.
class Model {
 public:
  struct Object {
    std::size_t size;
    unsigned char fill;
  };

  void add(void* at, std::size_t size, std::size_t align) {
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    RC_ASSERT(begin % align == 0u);
    const auto after = live_.lower_bound(begin);
    RC_ASSERT(after == live_.end() || begin + size <= after->first);
    if (after != live_.begin()) {
      const auto& before = *std::prev(after);
      RC_ASSERT(before.first + before.second.size <= begin);
    }
    const auto fill = static_cast<unsigned char>(next_fill_++);
    std::memset(at, fill, size);
    live_[begin] = {size, fill};
  }
  // The content must be what add() wrote; then the object is no longer there.
  void remove(std::uintptr_t begin) {
    const Object object = live_.at(begin);
    check_content(begin, object);
    live_.erase(begin);
  }
  void check_all() const {
    for (const auto& [begin, object] : live_) check_content(begin, object);
  }
  std::uintptr_t any(std::size_t which) const {
    return std::next(live_.begin(), static_cast<std::ptrdiff_t>(which % live_.size()))->first;
  }
  bool is_live(std::uintptr_t at) const { return live_.count(at) != 0; }
  std::size_t size() const { return live_.size(); }

 private:
  static void check_content(std::uintptr_t begin, const Object& object) {
    const auto* bytes = std::bit_cast<const unsigned char*>(begin);
    for (std::size_t i = 0; i < object.size; ++i) RC_ASSERT(bytes[i] == object.fill);
  }
  std::map<std::uintptr_t, Object> live_;
  unsigned next_fill_ = 1;
};

rc::Gen<Spread> any_spread() { return rc::gen::element(Spread::together, Spread::far); }
void* pointer(std::uintptr_t at) { return std::bit_cast<void*>(at); }

// Links that say nothing and frees that are looked at, in slots of their usual size and a word.
constexpr Hardening kWatched{.hidden_links = true, .random_order = true, .checked_frees = true};

template <Hardening H>
void expect_lawful(MachineOf<H>& m) {
  const Audit audit = m.slabs.audit();
  RC_ASSERT(audit.broken == Law::none);
}

template <Hardening H>
void a_cache_keeps_its_objects_apart(bool keeps_arrays) {
  const auto size = *rc::gen::inRange<std::uint32_t>(1, 5000);
  const auto align = std::uint32_t{1} << *rc::gen::inRange(0, 9);
  MachineOf<H>& m = booted_with<H>({.packing = {.cpus = *rc::gen::inRange(1u, 9u)},
                                    .cores_keep_objects = keeps_arrays,
                                    .secret = *rc::gen::arbitrary<std::uint64_t>()},
                                   *any_spread());
  const Result<KmemCache<TestPages, H>*> made =
      m.slabs.create({.name = "model", .size = size, .align = align});
  RC_ASSERT(static_cast<bool>(made));
  auto& cache = *made.value();
  Model model;
  std::vector<std::uintptr_t> freed;
  for (const unsigned step :
       *rc::gen::container<std::vector<unsigned>>(300, rc::gen::arbitrary<unsigned>())) {
    switch (step % 8) {
      case 0:
      case 1:
      case 2:
      case 3: {
        if (step % 64 == 0) m.pages.fail_call(1);
        const Where where{.node = static_cast<NodeId>(step / 64 % 3),
                          .placement = step / 256 % 4 == 0 ? quarry::buddy::Placement::this_node
                                                           : quarry::buddy::Placement::nearest};
        m.pages.take_from_run(step / 1024 % kNodeRuns);
        const Result<void*> object = cache.alloc(where);
        m.pages.never_fail();
        if (object) {
          model.add(object.value(), size, align);
          if (where.placement == quarry::buddy::Placement::this_node)
            RC_ASSERT(m.pages.node_of(m.pages.pfn_of(object.value()).value()) == where.node);
        } else {
          RC_ASSERT(object.error() == Error::no_memory);
        }
        break;
      }
      case 7:
        if (step % 5 == 0) cache.shrink();
        // A pointer that is no live object: freed before, or beside one.
        if (!freed.empty()) {
          const std::uintptr_t at = freed[step / 8 % freed.size()] + step / 64 % 3;
          if (!model.is_live(at)) RC_ASSERT(!cache.free_checked(pointer(at)));
        }
        break;
      default:
        if (model.size() == 0) break;
        const std::uintptr_t at = model.any(step / 8);
        model.remove(at);
        RC_ASSERT(static_cast<bool>(cache.free(pointer(at))));
        freed.push_back(at);
    }
    RC_ASSERT(cache.stats().active_objects == model.size());
    if (step % 4 == 0) expect_lawful(m);
  }
  model.check_all();
  const Leaks leaks = m.slabs.destroy(cache).value();
  RC_ASSERT(leaks.objects == model.size());
  while (model.size() != 0) {
    const std::uintptr_t at = model.any(0);
    model.remove(at);
    RC_ASSERT(static_cast<bool>(cache.free(pointer(at))));
  }
  if (leaks.objects != 0) RC_ASSERT(m.slabs.destroy(cache).value().none());
  RC_ASSERT(static_cast<bool>(m.slabs.shut_down()));
  RC_ASSERT(m.pages.in_use() == 0u);
}

RC_GTEST_PROP(SlabModel, ACacheHandsOutDisjointAlignedObjectsAndKeepsTheirContent, ()) {
  a_cache_keeps_its_objects_apart<kPlain>(false);
}
RC_GTEST_PROP(SlabModel, ACacheWhoseCoresKeepObjectsDoesTheSame, ()) {
  a_cache_keeps_its_objects_apart<kPlain>(true);
}
RC_GTEST_PROP(SlabModel, AWatchedCacheDoesTheSame, ()) { a_cache_keeps_its_objects_apart<kWatched>(true); }
RC_GTEST_PROP(SlabModel, AHardenedCacheDoesTheSame, ()) { a_cache_keeps_its_objects_apart<kHardened>(true); }

template <Hardening H>
void kmalloc_keeps_memory_apart(bool keeps_arrays) {
  MachineOf<H>& m = booted_with<H>(
      {.packing = {.kmalloc_align = *rc::gen::element(8u, 64u, 128u)}, .cores_keep_objects = keeps_arrays},
      *any_spread());
  Kmalloc<TestPages, H> k{m.slabs};
  RC_ASSERT(static_cast<bool>(k.boot(DmaCaches::all)));
  const std::size_t least = m.slabs.rules().kmalloc_align;
  Model model;
  for (const unsigned step :
       *rc::gen::container<std::vector<unsigned>>(200, rc::gen::arbitrary<unsigned>())) {
    const std::uint64_t size = (step >> 8) % (step % 16 == 0 ? 70000 : 3000) + 1;
    const auto kind = static_cast<Memory>(step / 16 % 3);
    const Where where{.node = static_cast<NodeId>(step / 64 % 3)};
    if (step % 32 == 5) m.pages.fail_call(1);
    if (step % 3 != 0 || model.size() == 0) {
      m.pages.take_from_run(step / 256 % kNodeRuns);
      const Result<void*> memory = k.kmalloc(size, where, kind);
      if (memory) {
        const auto usable = static_cast<std::size_t>(k.ksize(memory.value()).value());
        RC_ASSERT(usable >= size);
        model.add(memory.value(), usable, least);
      } else {
        RC_ASSERT(memory.error() == Error::no_memory);
      }
    } else {
      const std::uintptr_t at = model.any(step / 8);
      model.remove(at);
      RC_ASSERT(static_cast<bool>(k.kfree(pointer(at))));
      RC_ASSERT(!k.kfree_checked(pointer(at)));
    }
    m.pages.never_fail();
    if (step % 8 == 0) expect_lawful(m);
  }
  expect_lawful(m);
  model.check_all();
  RC_ASSERT(k.shut_down() == model.size());
  while (model.size() != 0) {
    const std::uintptr_t at = model.any(0);
    model.remove(at);
    RC_ASSERT(static_cast<bool>(k.kfree(pointer(at))));
  }
  RC_ASSERT(k.shut_down() == 0u);
  RC_ASSERT(static_cast<bool>(m.slabs.shut_down()));
  RC_ASSERT(m.pages.in_use() == 0u);
}

RC_GTEST_PROP(SlabModel, KmallocHandsOutDisjointMemoryOfAnySize, ()) {
  kmalloc_keeps_memory_apart<kPlain>(false);
}
RC_GTEST_PROP(SlabModel, KmallocWhoseCoresKeepObjectsDoesTheSame, ()) {
  kmalloc_keeps_memory_apart<kPlain>(true);
}
RC_GTEST_PROP(SlabModel, HardenedKmallocDoesTheSame, ()) { kmalloc_keeps_memory_apart<kHardened>(true); }

// A workload's calls to the page allocator fail one after the other: whatever fails, nothing is lost.
void fail_at_each_page(Spread spread, const SlabConfig& config = slabs_alone()) {
  std::uint64_t calls = 0;
  unsigned errors = 0;
  bool was_reached = true;
  for (std::uint64_t failing = 1; was_reached; ++failing) {
    Machine& m = booted_with(config, spread);
    const std::uint64_t before = m.pages.calls(), pages_before = m.pages.in_use();
    m.pages.fail_call(failing);
    Kmalloc<TestPages> k{m.slabs};
    std::vector<void*> memory;
    if (k.boot(DmaCaches::none)) {
      for (unsigned i = 0; i < 60; ++i) {
        m.pages.take_from_run(i % kNodeRuns);
        const Result<void*> object = k.kmalloc(i * i * 7 + 1, {.node = static_cast<NodeId>(i % 3)});
        if (object) {
          memory.push_back(object.value());
        } else {
          ++errors;
          EXPECT_EQ(Error::no_memory, object.error());
        }
        ASSERT_EQ(Law::none, m.slabs.audit().broken);
      }
    } else {
      ++errors;
    }
    calls = m.pages.calls() - before;
    was_reached = calls >= failing;
    for (void* object : memory) ASSERT_TRUE(static_cast<bool>(k.kfree(object)));
    EXPECT_EQ(0u, k.shut_down());
    for (auto* cache = m.slabs.first(); cache != nullptr; cache = cache->next()) cache->shrink();
    // A slab of kmem_cache_node stays in each stretch that it has come to.
    EXPECT_LE(pages_before, m.pages.in_use());
    EXPECT_LE(m.pages.in_use(), pages_before + (spread == Spread::far ? 2 * kNodeRuns : 0));
    ASSERT_TRUE(static_cast<bool>(m.slabs.shut_down()));
    EXPECT_EQ(0u, m.pages.in_use());
  }
  EXPECT_GT(calls, 20u);
  EXPECT_GT(errors, 0u);
}
TEST(SlabFailures, AFailureAtEachPageAllocationLosesNothing) { fail_at_each_page(Spread::together); }
TEST(SlabFailures, AFailureAtEachPageAllocationLosesNothingWhereCoresKeepObjects) {
  fail_at_each_page(Spread::together, {});
}
TEST(SlabFailures, AFailureAtEachPageAllocationLosesNothingFarAway) { fail_at_each_page(Spread::far); }

TEST(SlabDeath, AWriteOverALinkStopsTheNextAllocation) {
  EXPECT_DEATH(
      {
        Machine& m = booted_machine();
        auto& cache = *m.slabs.create({.name = "victim", .size = 64}).value();
        void* const object = cache.alloc().value();
        static_cast<void>(cache.free(object));
        std::memset(object, 0x41, 64);
        for (unsigned i = 0; i < 2; ++i) static_cast<void>(cache.alloc());
      },
      "a free object was written to");
}

TEST(SlabDeath, APointerThatIsNoObjectStopsTheArrayThatHoldsIt) {
  EXPECT_DEATH(
      {
        Machine& m = booted_with({});
        auto& cache = *m.slabs.create({.name = "victim", .size = 64}).value();
        void* objects[8];
        for (void*& object : objects) object = cache.alloc().value();
        for (void* object : objects) static_cast<void>(cache.free(object));
        ObjectArray* const mine = reinterpret_cast<AtCore*>(&cache + 1)->loaded;
        mine->objects()[0] = static_cast<std::byte*>(objects[0]) + 8;
        cache.drain();
      },
      "no object of this cache");
}

}  // namespace
