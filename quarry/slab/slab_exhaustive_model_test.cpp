// quarry/slab/slab_exhaustive_model_test.cpp: small caches under every sequence of a few moves.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

#include "quarry/slab/kmem_cache.hpp"
#include "quarry/slab/test_machine.hpp"

namespace {

using quarry::NodeId;
using quarry::Result;
using namespace quarry::slab;
using quarry::slab::testing::booted_machine;
using quarry::slab::testing::booted_with;
using quarry::slab::testing::kNodeRuns;
using quarry::slab::testing::Machine;
using quarry::slab::testing::Spread;
using quarry::slab::testing::TestPages;

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

}  // namespace
