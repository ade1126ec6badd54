// The writer beside an obvious list of what is mapped, a walker that knows the manuals only, and a translation
// cache that remembers everything until it is told to forget.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <vector>

#include "quarry/vm/page_table.hpp"
#include "tests/walked_formats.hpp"

namespace quarry::vm {
namespace {

// A format, where its addresses begin, and how a processor walks it.
struct FourLevels : walker::WalkedX86<4> {
  static constexpr std::uint64_t kBase = 0xffff'8000'0000'0000;
};
struct FiveLevels : walker::WalkedX86<5> {
  static constexpr std::uint64_t kBase = 0;
};
template <unsigned VirtBits, unsigned PageShift>
struct ArmPages : walker::WalkedArm64<VirtBits, PageShift> {
  static constexpr std::uint64_t kBase = UINT64_MAX << VirtBits;
};
struct Lpae : walker::WalkedLpae {
  static constexpr std::uint64_t kBase = 0;
};
template <unsigned VirtBits>
struct Sv : walker::WalkedRiscv64<VirtBits> {
  static constexpr std::uint64_t kBase = UINT64_MAX << (VirtBits - 1);
};

// Tables, and processors that walk them: whatever was translated once stays remembered until gone() or all().
template <class F>
class World {
 public:
  struct Map {
    World* world;
    std::byte* map(PfnRange pages) const noexcept {
      const auto found = world->frames_.find(pages.begin().raw);
      return found == world->frames_.end() ? nullptr : reinterpret_cast<std::byte*>(found->second.data());
    }
  };
  TablePages pages() {
    return {this, [](void* self) noexcept -> Result<Pfn> { return static_cast<World*>(self)->take(); },
            [](void* self, Pfn page) noexcept { static_cast<World*>(self)->give_back(page); }};
  }
  Walkers walkers() {
    return {this, [](void*, VirtRange) noexcept {},
            [](void* self, VirtRange range) noexcept { static_cast<World*>(self)->forget(range); },
            [](void* self) noexcept { static_cast<World*>(self)->remembered_.clear(); }};
  }
  Map map() { return {this}; }
  std::size_t tables() const { return frames_.size(); }
  auto walk(PhysAddr root, std::uint64_t virt) const {
    return F::walk(root.raw, virt, [&](std::uint64_t at) {
      return frames_.at(at >> F::kPageShift)[(at & ((1u << F::kPageShift) - 1)) / 8];
    });
  }
  void remember(PhysAddr root, std::uint64_t virt) {
    if (auto found = walk(root, virt)) remembered_.insert_or_assign(virt, std::move(*found));
  }
  // What is still remembered must be true, the tables on the way as well.
  bool remembers_the_truth(PhysAddr root) const {
    return std::all_of(remembered_.begin(), remembered_.end(),
                       [&](const auto& known) { return walk(root, known.first) == known.second; });
  }
  auto contents() const { return frames_; }

  std::uint64_t may_take = UINT64_MAX;
  bool was_reused_too_early = false;

 private:
  Result<Pfn> take() {
    if (may_take == 0) return Error::no_memory;
    --may_take;
    // Dirty, and anywhere: each frame is another one.
    const std::uint64_t pfn = 0x1000 + (next_++ * 0x9e37) % 0x100'0000;
    frames_[pfn].assign((std::size_t{1} << F::kPageShift) / 8, 0xffff'ffff'ffff'ffff);
    return Pfn{pfn};
  }
  void give_back(Pfn page) {
    const std::uint64_t at = page.raw << F::kPageShift;
    for (const auto& known : remembered_)
      for (const std::uint64_t table : known.second.tables) was_reused_too_early |= table == at;
    frames_.erase(page.raw);
  }
  void forget(VirtRange range) {
    remembered_.erase(remembered_.lower_bound(range.begin().raw), remembered_.lower_bound(range.end().raw));
  }

  std::map<std::uint64_t, std::vector<std::uint64_t>> frames_;
  std::map<std::uint64_t, walker::Translation> remembered_;
  std::uint64_t next_ = 0;
};

// What is mapped, as runs that do not overlap.
class Model {
 public:
  struct Run {
    std::uint64_t end, to;
    Access access;
  };
  const Run* find(std::uint64_t at, std::uint64_t* begin = nullptr) const {
    auto after = runs_.upper_bound(at);
    if (after == runs_.begin() || std::prev(after)->second.end <= at) return nullptr;
    if (begin != nullptr) *begin = std::prev(after)->first;
    return &std::prev(after)->second;
  }
  bool any(std::uint64_t begin, std::uint64_t end) const {
    const auto next = runs_.lower_bound(begin);
    return find(begin) != nullptr || (next != runs_.end() && next->first < end);
  }
  bool all(std::uint64_t begin, std::uint64_t end) const {
    while (begin < end) {
      const Run* const run = find(begin);
      if (run == nullptr) return false;
      begin = run->end;
    }
    return true;
  }
  void add(std::uint64_t begin, std::uint64_t end, std::uint64_t to, Access access) {
    runs_[begin] = {end, to, access};
  }
  void cut(std::uint64_t at) {
    std::uint64_t begin = 0;
    const Run* const found = find(at, &begin);
    if (found == nullptr || begin == at) return;
    const Run run = *found;
    runs_[begin].end = at;
    runs_[at] = {run.end, run.to + (at - begin), run.access};
  }
  template <class Change>
  void change(std::uint64_t begin, std::uint64_t end, Change change) {
    cut(begin), cut(end);
    for (auto run = runs_.lower_bound(begin); run != runs_.end() && run->first < end;)
      run = change(run->second) ? std::next(run) : runs_.erase(run);
  }

 private:
  std::map<std::uint64_t, Run> runs_;
};

// An address near the borders of pages of all sizes, from `base` on.
template <class F>
std::uint64_t near_borders() {
  using Tree = Shape<F>;
  const unsigned most = std::min(F::kHighestLeaf, Tree::top());
  std::uint64_t at = 0;
  for (unsigned level = 0; level <= most; ++level) {
    const std::uint64_t last = level == Tree::top() ? 3 : Tree::entries(level) - 1;
    const std::uint64_t few = level == most ? 3 : 2;
    at += Tree::span(level) *
          *rc::gen::weightedOneOf<std::uint64_t>(
              {{4, rc::gen::inRange<std::uint64_t>(0, few)}, {1, rc::gen::just(level == most ? 1 : last)}});
  }
  return at;
}

Access any_access() {
  return {.write = *rc::gen::arbitrary<bool>(),
          .execute = *rc::gen::arbitrary<bool>(),
          .user = *rc::gen::arbitrary<bool>(),
          .type = static_cast<MemoryType>(*rc::gen::inRange(0, 3))};
}

template <class F>
class Lockstep {
 public:
  void step() {
    using Tree = Shape<F>;
    std::uint64_t begin = F::kBase + near_borders<F>(), end = F::kBase + near_borders<F>();
    if (end < begin) std::swap(begin, end);
    if (begin == end) end += Tree::span(0);
    probes_.insert(probes_.end(), {begin, end, begin - Tree::span(0), end - Tree::span(0)});
    const auto what = *rc::gen::inRange(0, 5);
    const auto access = any_access();
    // Misaligned to each other by a smaller page, no larger ones fit: then the range must not be long.
    const unsigned most = std::min(F::kHighestLeaf, Tree::top());
    const unsigned level = *rc::gen::inRange(0u, most + 3);
    if (level < most) end = std::min(end, begin + 2 * Tree::span(level + 1) + 2 * Tree::span(0));
    const std::uint64_t to = (begin & (Tree::span(most) - 1)) + Tree::span(std::min(level, most));
    const VirtRange range{VirtAddr{begin}, VirtAddr{end}};
    const auto attempt = [&] {
      if (what < 3) return tree_.map(VirtAddr{begin}, PhysRange::sized(PhysAddr{to}, range.size()), access);
      return what == 3 ? tree_.unmap(range) : tree_.protect(range, access);
    };
    const bool possible = what < 3 ? !model_.any(begin, end) : model_.all(begin, end);
    const bool was_starved = starved(attempt);
    const Result<Done> done = was_starved ? attempt() : last_;
    RC_ASSERT(bool{done} == possible);
    if (!done) RC_ASSERT(done.error() == (what < 3 ? Error::busy : Error::not_found));
    if (done && what < 3) model_.add(begin, end, to, access);
    if (done && what == 3) model_.change(begin, end, [](Model::Run&) { return false; });
    if (done && what == 4)
      model_.change(begin, end, [&](Model::Run& run) { return run.access = access, true; });
    look();
  }

 private:
  // Tries with few table pages. Where they are too few, nothing changes.
  //
  // Returns   whether they were; otherwise last_ is how it ended.
  template <class Attempt>
  bool starved(Attempt attempt) {
    const auto before = world_.contents();
    world_.may_take = *rc::gen::inRange<std::uint64_t>(0, 5);
    last_ = attempt();
    world_.may_take = UINT64_MAX;
    if (last_) return false;
    RC_ASSERT(before == world_.contents());
    return last_.error() == Error::no_memory;
  }

  void look() {
    RC_ASSERT(!tree_.audit());
    RC_ASSERT(world_.tables() == tree_.tables());
    RC_ASSERT(!world_.was_reused_too_early);
    RC_ASSERT(world_.remembers_the_truth(tree_.root()));
    for (const std::uint64_t virt : probes_) {
      if (!F::translates(VirtAddr{virt})) continue;
      std::uint64_t begin = 0;
      const Model::Run* const run = model_.find(virt, &begin);
      const auto walked = world_.walk(tree_.root(), virt);
      const auto looked = tree_.lookup(VirtAddr{virt});
      RC_ASSERT(walked.has_value() == (run != nullptr));
      RC_ASSERT(bool{looked} == (run != nullptr));
      if (run == nullptr) continue;
      RC_ASSERT(walked->at == run->to + (virt - begin));
      const Access seen{walked->write, walked->execute, walked->user, static_cast<MemoryType>(walked->type)};
      RC_ASSERT(seen == run->access);
      RC_ASSERT((looked.value() == Mapping{PhysAddr{walked->at}, Bytes{walked->page_bytes}, seen}));
      world_.remember(tree_.root(), virt);
    }
  }

  World<F> world_;
  Model model_;
  Result<Done> last_ = Done{};
  std::vector<std::uint64_t> probes_{F::kBase};
  PageTable<F, typename World<F>::Map> tree_ =
      PageTable<F, typename World<F>::Map>::make(world_.map(), world_.pages(), world_.walkers()).value();
};

template <class F>
class WriterModel : public ::testing::Test {};
using Formats =
    ::testing::Types<FourLevels, FiveLevels, ArmPages<39, 12>, ArmPages<48, 12>, ArmPages<47, 14>,
                     ArmPages<48, 14>, ArmPages<42, 16>, ArmPages<48, 16>, Lpae, Sv<39>, Sv<48>, Sv<57>>;
TYPED_TEST_SUITE(WriterModel, Formats);

TYPED_TEST(WriterModel, is_what_a_processor_walks) {
  EXPECT_TRUE(rc::check("random changes", [] {
    Lockstep<TypeParam> lockstep;
    const auto steps = *rc::gen::inRange(1, 30);
    for (int i = 0; i < steps; ++i) lockstep.step();
  }));
}

}  // namespace
}  // namespace quarry::vm
