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

// Every sequence of seven operations on a cache with two objects a slab: allocations on either node, a free of any of
// the objects ever handed out (live or not), and shrink.
class EverySequence {
 public:
  static constexpr unsigned kDepth = 7, kObjects = 4, kMoves = 2 + kObjects + 1;

  explicit EverySequence(Spread spread) : machine_{booted_machine({.max_order = 0}, spread)} {}
  explicit EverySequence(const SlabConfig& config) : machine_{booted_with(config)} {}
  void run() {
    std::vector<unsigned> moves(kDepth, 0);
    for (;;) {
      play(moves);
      std::size_t at = 0;
      while (at < kDepth && ++moves[at] == kMoves) moves[at++] = 0;
      if (at == kDepth) return;
    }
  }
  std::uint64_t played() const { return played_; }

 private:
  void play(const std::vector<unsigned>& moves) {
    ++played_;
    cache_ = machine_.slabs.create({.name = "small", .size = 2048}).value();
    std::vector<void*> handed_out;
    std::map<void*, unsigned> live;
    for (const unsigned move : moves) {
      if (move < 2) {
        machine_.pages.take_from_run(static_cast<unsigned>(handed_out.size()) % kNodeRuns);
        void* const object = cache_->alloc({.node = static_cast<NodeId>(move)}).value();
        ASSERT_TRUE(live.emplace(object, 0).second) << "handed out twice";
        handed_out.push_back(object);
      } else if (move < 2 + kObjects) {
        if (move - 2 >= handed_out.size()) continue;
        void* const object = handed_out[move - 2];
        ASSERT_EQ(live.erase(object) == 1, static_cast<bool>(cache_->free_checked(object)));
      } else {
        cache_->shrink();
      }
      ASSERT_EQ(live.size(), cache_->stats().active_objects);
      ASSERT_EQ(Law::none, cache_->audit().broken);
    }
    for (const auto& [object, unused] : live) ASSERT_TRUE(static_cast<bool>(cache_->free(object)));
    ASSERT_TRUE(machine_.slabs.destroy(*cache_).value().none());
  }

  Machine& machine_;
  KmemCache<TestPages>* cache_ = nullptr;
  std::uint64_t played_ = 0;
};

TEST(SlabExhaustive, EverySequenceOfSevenMovesAgreesWithTheModel) {
  EverySequence every{Spread::together};
  every.run();
  EXPECT_EQ(823543u, every.played());
}
TEST(SlabExhaustive, EverySequenceOfSevenMovesAgreesWithTheModelFarAway) {
  EverySequence every{Spread::far};
  every.run();
  EXPECT_EQ(823543u, every.played());
}

TEST(SlabExhaustive, EverySequenceOfSevenMovesAgreesWithTheModelWhereCoresKeepObjects) {
  EverySequence every{SlabConfig{.packing = {.max_order = 0}}};
  every.run();
  EXPECT_EQ(823543u, every.played());
}

// Every sequence of eight moves of a core whose arrays hold two objects, from a state where all of them are in use: allocations
// from here and from the other node, frees of what was taken first or last, and everything back to the slabs. Arrays turn, are
// exchanged with the node, overflow it, and go to another node.
TEST(SlabExhaustive, EverySequenceOfHandOversLosesNoObject) {
  constexpr unsigned kDepth = 8, kMoves = 5;
  Machine& m = booted_with({.merging = false});
  auto& cache = *m.slabs.create({.name = "large", .size = 16384}).value();
  ASSERT_EQ(2u, room_for_objects(cache.packing().size));
  std::uint64_t played = 0;
  std::vector<unsigned> moves(kDepth, 0);
  for (bool more = true; more; ++played) {
    std::vector<void*> live;
    const auto take = [&](NodeId node) {
      const Result<void*> object = cache.alloc({.node = node});
      if (!object) return;
      for (void* other : live) ASSERT_NE(other, object.value()) << "handed out twice";
      live.push_back(object.value());
    };
    const auto give = [&](std::size_t which) {
      ASSERT_TRUE(static_cast<bool>(cache.free(live[which])));
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    };
    for (unsigned i = 0; i < 9; ++i) take(i < 7 ? kHere : NodeId{1});
    for (const unsigned move : moves) {
      if (move < 2) take(move == 0 ? kHere : NodeId{1});
      if (move == 2 && !live.empty()) give(0);
      if (move == 3 && !live.empty()) give(live.size() - 1);
      if (move == 4) cache.drain();
      ASSERT_EQ(live.size(), cache.stats().active_objects);
    }
    ASSERT_EQ(Law::none, cache.audit().broken);
    while (!live.empty()) give(0);
    ASSERT_EQ(Law::none, cache.audit().broken);
    std::size_t at = 0;
    while (at < kDepth && ++moves[at] == kMoves) moves[at++] = 0;
    more = at != kDepth;
  }
  EXPECT_EQ(390625u, played);
  EXPECT_TRUE(m.slabs.destroy(cache).value().none());
}

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
