// tests/slab_schedules.cpp: the slab allocator under every schedule of a few cores, to a stated number of preemptions.
//
//   slab_schedules [PREEMPTIONS]      2 unless told; at looks at a page one less
//
// Each scene is a few calls on two or three cores, of objects so large that arrays hold two and a slab three: refills beside
// spills, frees of another node's objects, drains, shrinking, caches that come and go, pages that run out. After each run no
// object had two owners, all laws hold, and every page comes back.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "quarry/slab/slab_allocator.hpp"
#include "quarry/slab/test_pages.hpp"
#include "tests/schedules.hpp"

namespace quarry::slab {
namespace {

using quarry::testing::ScheduledCores;
using quarry::testing::Schedules;

constexpr unsigned kCores = 3;
constexpr std::uint32_t kSize = 8208;  // three in 32 KiB; one in 16 KiB, where that is all there is

// What a scene's machine has.
struct Setting {
  NodeId homes[kCores];
  unsigned nodes;  // with memory
  bool cores_keep_objects;
};
constexpr Setting kOneNode{{NodeId{0}, NodeId{0}, NodeId{0}}, 1, true};
constexpr Setting kTwoNodes{{NodeId{0}, NodeId{1}, NodeId{0}}, 2, true};
constexpr Setting kSlabsAlone{{NodeId{0}, NodeId{1}, NodeId{0}}, 2, false};

// Where another core may go on: before each lock, guard and request; or before each look at a page as well, which finds
// what is done without the lock that it needs.
enum class Points : bool { requests, looks };

// Test pages on scheduled cores.
class ScheduledPages : public testing::TestPages {
 public:
  using Cores = ScheduledCores;

  ScheduledPages(Memory& memory, const Setting& setting, Points points) noexcept
      : TestPages{memory}, setting_{&setting}, points_{points}, cores_{kCores, depths_} {}
  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    check(!cores_.is_guarded(), "pages are asked for under a guard");
    quarry::testing::schedules->point();
    buddy::Request near = request;
    if (setting_->nodes == 1) near.placement = buddy::Placement::this_node;
    return TestPages::alloc_pages(order, near);
  }
  Result<Done> free_pages(Pfn page, Order order) noexcept {
    quarry::testing::schedules->point();
    return TestPages::free_pages(page, order);
  }
  page::Descriptor* find(Pfn page) noexcept {
    if (points_ == Points::looks) quarry::testing::schedules->point();
    return TestPages::find(page);
  }
  std::span<const zones::Node> nodes() const noexcept { return TestPages::nodes().first(setting_->nodes); }
  NodeId home_of(unsigned core) const noexcept { return setting_->homes[core]; }
  const Cores& cores() const noexcept { return cores_; }

 private:
  const Setting* setting_;
  Points points_;
  ScheduledCores::Depths depths_;
  Cores cores_;
};
static_assert(PageSource<ScheduledPages>);

template <Hardening H>
class Scene {
  using Slabs = SlabAllocator<ScheduledPages, H>;
  using Cache = KmemCache<ScheduledPages, H>;
  struct Machine {
    Machine(const Setting& setting, Points points) noexcept
        : pages{testing_memory(), setting, points},
          slabs{pages, SlabConfig{.cores_keep_objects = setting.cores_keep_objects, .merging = false}} {}
    ScheduledPages pages;
    Slabs slabs;
  };

 public:
  void begin(const Setting& setting, Points points) {
    wrong_.clear();
    serial_ = 0;
    for (auto& objects : held_) objects.clear();
    machine_.emplace(setting, points);
    machine_->slabs.set_fault_hook({this, [](void* self, const FaultReport& report) noexcept {
                                      static_cast<Scene*>(self)->is_good(false, name_of(report.fault).data());
                                    }});
    check(static_cast<bool>(machine_->slabs.boot()), "no machine");
    cache_ = machine_->slabs.create({.name = "scene", .size = kSize}).value();
  }
  std::string end() {
    machine_->pages.never_fail();
    Slabs& slabs = machine_->slabs;
    audit();
    for (auto& objects : held_)
      while (!objects.empty()) give_back(objects);
    audit();
    is_good(cache_->stats().active_objects == 0, "an object is in use that nobody has");
    const Result<Leaks> left = slabs.destroy(*cache_);
    is_good(left && left.value().none(), "a cache does not go");
    audit();
    // What is wrong already may stop the machine here.
    if (!wrong_.empty()) return wrong_;
    is_good(static_cast<bool>(slabs.shut_down()), "caches are left");
    is_good(machine_->pages.in_use() == 0, "pages are lost");
    return wrong_;
  }

  std::uint64_t refused() const noexcept { return refused_; }  // requests, in all runs

  // --- Calls of one core --------------------------------------------------------------------------------
  void alloc(unsigned who, const Where& where = {.effort = buddy::Effort::no_wait}) {
    const Result<void*> object = cache_->alloc(where);
    if (!object) {
      ++refused_;
      return is_good(object.error() == Error::no_memory, "no object, for no reason");
    }
    auto* const begin = static_cast<std::byte*>(object.value());
    for (const auto& objects : held_)
      for (const Held& other : objects)
        is_good(begin + kSize <= other.begin || other.begin + kSize <= begin, "an object has two owners");
    held_[who].push_back({begin, static_cast<unsigned char>(1 + ++serial_ % 255)});
    __builtin_memset(begin, held_[who].back().stamp, kSize);
  }
  // The last of those that `who` has; by whichever core runs.
  void free_one(unsigned who) {
    if (!held_[who].empty()) give_back(held_[who]);
  }
  void free_checked(unsigned who) {
    if (held_[who].empty()) return;
    const Held object = held_[who].back();
    held_[who].pop_back();
    look_at(object);
    is_good(static_cast<bool>(cache_->free_checked(object.begin)), "an object was not taken back");
  }
  void look() {
    const CacheStats stats = cache_->stats();
    is_good(stats.active_objects <= stats.total_objects && stats.active_slabs <= stats.total_slabs,
            "more is in use than there is");
    audit();
  }
  void drain() { cache_->drain(); }
  void shrink() { cache_->shrink(); }
  void give_back_all() { machine_->slabs.give_back(); }
  // Another cache comes, is used and goes.
  void visit() {
    const Result<Cache*> other = machine_->slabs.create({.name = "visit", .size = kSize});
    if (!other) return is_good(other.error() == Error::no_memory, "no cache, for no reason");
    const Result<void*> object = other.value()->alloc({.effort = buddy::Effort::no_wait});
    if (object)
      is_good(static_cast<bool>(other.value()->free(object.value())), "an object was not taken back");
    const Result<Leaks> left = machine_->slabs.destroy(*other.value());
    is_good(left && left.value().none(), "a cache does not go");
  }
  void no_pages() { machine_->pages.fail_from_now_on(); }
  void no_large_blocks() { machine_->pages.fail_above(2); }
  void let_go_on() { quarry::testing::schedules->point(); }
  void pages_again() { machine_->pages.never_fail(); }
  // Before the cores run: as if `core` did it.
  template <class Function>
  void as(unsigned core, Function&& function) {
    quarry::testing::schedules->act_for(core);
    function();
    quarry::testing::schedules->act_for(0);
  }
  // A core that has been at work has arrays.
  void warm(unsigned core) {
    as(core, [&] {
      for (unsigned i = 0; i < 4; ++i) alloc(core);
      for (unsigned i = 0; i < 4; ++i) free_one(core);
    });
  }

 private:
  struct Held {
    std::byte* begin;
    unsigned char stamp;
  };
  static testing::TestPages::Memory& testing_memory() noexcept {
    static testing::TestPages::Memory memory;
    return memory;
  }
  void is_good(bool holds, const char* what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }
  void audit() {
    const Audit found = machine_->slabs.audit();
    if (!found.holds() && wrong_.empty())
      wrong_ = std::string{"a law is broken: "} + name_of(found.broken).data() + " of " + found.cache.data();
  }
  void look_at(const Held& object) {
    const auto stamp = static_cast<std::byte>(object.stamp);
    bool is_whole = object.begin[0] == stamp;
    is_whole = is_whole && __builtin_memcmp(object.begin, object.begin + 1, kSize - 1) == 0;
    is_good(is_whole, "an object was written to by somebody else");
  }
  void give_back(std::vector<Held>& objects) {
    const Held object = objects.back();
    objects.pop_back();
    look_at(object);
    is_good(static_cast<bool>(cache_->free(object.begin)), "an object was not taken back");
  }

  std::optional<Machine> machine_;
  Cache* cache_ = nullptr;
  std::string wrong_;
  unsigned serial_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<Held> held_[kCores];
};

struct Play {
  const char* name;
  const Setting* setting;
  std::function<void()> before;
  std::vector<std::function<void()>> cores;
};

// Short words for what the scenes are made of.
template <Hardening H>
struct Words {
  Scene<H>& on;
  using Act = std::function<void()>;

  Act alloc(unsigned who, unsigned times) const {
    return [*this, who, times] {
      for (unsigned i = 0; i < times; ++i) on.alloc(who);
    };
  }
  Act free(unsigned whose, unsigned times) const {
    return [*this, whose, times] {
      for (unsigned i = 0; i < times; ++i) on.free_one(whose);
    };
  }
  Act churn(unsigned who, unsigned times) const {
    return [*this, who, times] {
      for (unsigned i = 0; i < times; ++i) on.alloc(who);
      for (unsigned i = 0; i < times; ++i) on.free_one(who);
    };
  }
  Act warm(unsigned cores, unsigned taken_by_first) const {
    return [*this, cores, taken_by_first] {
      for (unsigned core = 0; core < cores; ++core) on.warm(core);
      for (unsigned i = 0; i < taken_by_first; ++i) on.alloc(0);
    };
  }
};

template <Hardening H>
std::vector<Play> plays_of(Scene<H>& on) {
  const Words<H> say{on};
  const auto nothing = [] {};
  const auto drain = [&on] { on.drain(); };
  const auto shrink = [&on] { on.shrink(); };
  const auto no_pages = [&on] { on.no_pages(), on.let_go_on(), on.pages_again(); };
  return {
      {"two that make a new slab", &kOneNode, nothing, {say.churn(0, 2), say.churn(1, 2)}},
      {"cores that get their first arrays", &kOneNode, nothing, {say.churn(0, 4), say.churn(1, 4)}},
      {"spills beside refills", &kOneNode, say.warm(2, 9), {say.free(0, 7), say.alloc(1, 4)}},
      {"spills to a node that has enough", &kOneNode, say.warm(2, 16), {say.free(0, 12), say.churn(1, 3)}},
      {"drains of cores at work", &kOneNode, say.warm(2, 5), {say.free(0, 3), say.churn(1, 2), drain}},
      {"shrinking under cores at work", &kOneNode, say.warm(2, 5), {say.free(0, 3), say.churn(1, 2), shrink}},
      {"two that shrink the same", &kOneNode, say.warm(3, 4), {say.free(0, 3), shrink, shrink}},
      {"looks at cores at work",
       &kOneNode,
       say.warm(2, 4),
       {say.free(0, 3), say.churn(1, 2), [&on] { on.look(); }}},
      {"a cache that comes and goes",
       &kOneNode,
       say.warm(2, 4),
       {say.free(0, 3), say.churn(1, 2), [&on] { on.visit(); }}},
      {"pages that run out", &kOneNode, say.warm(1, 1), {say.churn(0, 3), say.churn(1, 3), no_pages}},
      {"no pages for arrays", &kOneNode, say.warm(1, 8), {say.free(0, 7), say.churn(1, 4), no_pages}},
      {"pages that run out for who shrinks",
       &kOneNode,
       say.warm(2, 4),
       {say.free(0, 4), shrink, [&on] { on.no_pages(), on.alloc(2), on.alloc(2), on.pages_again(); }}},
      {"slabs of two orders",
       &kOneNode,
       say.warm(2, 3),
       {say.churn(0, 3), say.churn(1, 2), [&on] { on.no_large_blocks(), on.shrink(), on.pages_again(); }}},
      {"frees that look first",
       &kOneNode,
       say.warm(2, 4),
       {[&on] { on.free_checked(0), on.free_checked(0), on.alloc(0); }, say.churn(1, 3)}},

      {"another node's objects beside refills",
       &kTwoNodes,
       say.warm(2, 6),
       {say.alloc(0, 4), say.free(0, 6)}},
      {"another node's objects beside a drain",
       &kTwoNodes,
       say.warm(2, 5),
       {say.churn(0, 2), say.free(0, 5), drain}},
      {"another node's objects beside shrinking",
       &kTwoNodes,
       say.warm(2, 5),
       {say.churn(0, 2), say.free(0, 5), shrink}},
      {"another node's objects without pages",
       &kTwoNodes,
       say.warm(1, 5),
       {say.alloc(0, 2), say.free(0, 5), no_pages}},
      {"the other node's objects where there are no pages",
       &kTwoNodes,
       say.warm(3, 6),
       {say.free(0, 6), [&on] { on.no_pages(), on.alloc(1), on.alloc(1), on.pages_again(); },
        say.alloc(2, 2)}},
      {"objects asked of the other node",
       &kTwoNodes,
       say.warm(2, 3),
       {[&on] {
          const Where there{.node = NodeId{1}, .effort = buddy::Effort::no_wait};
          on.alloc(0, there), on.alloc(0, there), on.free_one(0), on.free_one(0);
        },
        say.churn(1, 3)}},
      {"everything given back",
       &kTwoNodes,
       say.warm(2, 4),
       {say.free(0, 3), say.churn(1, 2), [&on] { on.give_back_all(); }}},
      {"the other node's slabs where there are no pages",
       &kSlabsAlone,
       say.warm(1, 6),
       {say.free(0, 4), [&on] { on.no_pages(), on.alloc(1), on.alloc(1), on.pages_again(); },
        say.alloc(2, 2)}},
      {"slabs alone", &kSlabsAlone, say.warm(1, 8), {say.free(0, 6), say.churn(1, 3), shrink}},
  };
}

template <Hardening H>
bool run(const char* hardening, Points points, unsigned preemptions) {
  Scene<H> scene;
  Schedules all;
  quarry::testing::schedules = &all;
  bool good = true;
  for (const Play& play : plays_of(scene)) {
    const std::string name =
        std::string{hardening} + ", " + play.name + (points == Points::looks ? ", at any look" : "");
    const auto begin = [&] {
      scene.begin(*play.setting, points);
      play.before();
    };
    if (!quarry::testing::play(all, name, play.cores, preemptions, begin, [&] { return scene.end(); }))
      good = false;
  }
  if (scene.refused() == 0) std::printf("%s: FAILED: pages never ran out\n", hardening);
  return good && scene.refused() != 0;
}

}  // namespace
}  // namespace quarry::slab

int main(int count, char** words) {
  const unsigned preemptions = count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 2;
  using quarry::slab::Points;
  int failed = 0;
  for (const Points points : {Points::looks, Points::requests}) {
    const unsigned most = points == Points::requests || preemptions == 0 ? preemptions : preemptions - 1;
    failed += !quarry::slab::run<quarry::slab::kPlain>("plain", points, most);
    failed += !quarry::slab::run<quarry::slab::kHardened>("hardened", points, most);
  }
  std::printf("%d passed, %d failed\n", 4 - failed, failed);
  return failed == 0 ? 0 : 1;
}
