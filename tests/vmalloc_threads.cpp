// tests/vmalloc_threads.cpp: vmalloc used by many threads at once, each a core of its own that remembers translations.
//
//   vmalloc_threads [SECONDS [THREADS]]      0 seconds: 20,000 steps each
//
// Every page of an area is stamped by its owner, through what its core remembers or a walk of the tables without a lock, as a
// processor's, and looked at when it comes back, often on another core. Frames are ordinary memory, so that ThreadSanitizer sees
// two owners of one as well. A core forgets only when it is told: who is given an address or a frame that some core remembers, is
// found. Memory is used up again and again.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/random.hpp"
#include "quarry/slab/slab_allocator.hpp"
#include "quarry/vm/vmalloc.hpp"
#include "tests/stress_main.hpp"
#include "tests/two_node_machine.hpp"
#include "tests/walked_formats.hpp"

namespace quarry::vm {
namespace {

constexpr std::uint64_t kPage = 4096;

struct FourLevels : walker::WalkedX86<4> {
  static constexpr std::uint64_t kBase = 0xffff'c900'0000'0000;
};
struct ArmPages : walker::WalkedArm64<48> {
  static constexpr std::uint64_t kBase = 0xffff'8000'0800'0000;
};

// What one core remembers: the last translation of each of so many places. Touched under a guard of that core only.
struct alignas(64) Remembered {
  static constexpr std::size_t kPlaces = 512;
  struct Entry {
    std::uint64_t page = 0, frame = 0;  // page 0: nothing
  };
  std::vector<Entry> entries = std::vector<Entry>(kPlaces);

  Entry& place_of(std::uint64_t page) { return entries[page % kPlaces]; }
  void forget(VirtRange range) {
    for (Entry& entry : entries)
      if (entry.page != 0 && range.begin().raw / kPage <= entry.page && entry.page < range.end().raw / kPage)
        entry = {};
  }
  bool knows_page(std::uint64_t begin, std::uint64_t end) const {
    for (const Entry& entry : entries)
      if (begin <= entry.page && entry.page < end) return true;
    return false;
  }
  bool knows_frame(std::uint64_t begin, std::uint64_t end) const {
    for (const Entry& entry : entries)
      if (entry.page != 0 && begin <= entry.frame && entry.frame < end) return true;
    return false;
  }
};

// An area in use.
struct Held {
  VirtAddr at;
  std::uint64_t pages, stamp;
};

template <class Format>
class Stress {
  using Machine = slab::TwoNodeMachine;
  using Frames = Machine::Frames;
  struct Map {
    Frames* frames;
    std::byte* map(PfnRange pages) const noexcept { return frames->map(pages); }
  };
  using Tree = PageTable<Format, Map>;
  static constexpr std::uint64_t kMostHeld = 700;  // pages, of one thread: together more than there are

 public:
  Stress(unsigned threads, std::chrono::seconds time, std::uint64_t steps)
      : machine_{threads},
        slabs_{machine_.frames(), slab::SlabConfig{}},
        time_{time},
        steps_{steps},
        cores_(threads),
        boxes_(threads) {}

  // Returns   what is wrong; empty: nothing.
  std::string run() {
    if (!machine_.start() || !slabs_.boot()) return "no machine";
    const auto records = slabs_.create({.name = "vmap_area", .size = sizeof(Area)});
    if (!records) return "no cache for records";
    const TablePages pages{
        &machine_.frames(),
        [](void* self) noexcept { return static_cast<Frames*>(self)->alloc_pages(Order{0}, {}); },
        [](void* self, Pfn page) noexcept {
          check(bool{static_cast<Frames*>(self)->free_pages(page, Order{0})}, "a table's page");
        }};
    const Walkers walkers{
        this, [](void*, VirtRange) noexcept {},
        [](void* self, VirtRange range) noexcept { static_cast<Stress*>(self)->tell(range); },
        [](void* self) noexcept { static_cast<Stress*>(self)->tell({VirtAddr{0}, VirtAddr{UINT64_MAX}}); }};
    Tree tree = Tree::make(Map{&machine_.frames()}, pages, walkers).value();
    SpinLock lock;
    {
      Vm vm{tree,
            lock,
            machine_.frames(),
            {.range = {VirtAddr{Format::kBase}, VirtAddr{Format::kBase + (std::uint64_t{64} << 20)}},
             .records = records_of(*records.value()),
             .backlog = Bytes{2 << 20}}};
      vm_ = &vm;
      root_ = tree.root().raw;
      std::vector<std::thread> threads;
      end_ = std::chrono::steady_clock::now() + time_;
      for (unsigned core = 0; core < boxes_.size(); ++core)
        threads.emplace_back([this, core] { work(core); });
      for (std::thread& thread : threads) thread.join();
      finish(tree);
      vm_ = nullptr;
    }
    tree.release();
    const auto left = slabs_.destroy(*records.value());
    if (!left || !left.value().none()) complain("records are left at the end");
    if (wrong_.empty() && !slabs_.shut_down()) complain("caches are left at the end");
    if (wrong_.empty()) wrong_ = machine_.finish();
    return wrong_;
  }
  void report(const char* format) const {
    std::printf(
        "%s: %u threads, %llu areas taken, %llu refused, %llu freed elsewhere, %llu flushes, %llu walks, "
        "%llu remembered\n",
        format, static_cast<unsigned>(boxes_.size()), number(taken_), number(refused_), number(passed_),
        number(told_), number(walks_), number(remembered_));
  }

 private:
  using Vm = Vmalloc<Tree, Frames, SpinLock>;
  using Threads = hosted::Threads;
  struct Box {
    std::mutex mutex;
    std::vector<Held> held;
  };
  // What one thread has, and how much.
  struct Hands {
    std::vector<Held> held;
    std::uint64_t pages = 0;
  };
  static unsigned long long number(const std::atomic<std::uint64_t>& count) { return count.load(); }

  void complain(const char* what) {
    const std::scoped_lock lock{mutex_};
    if (wrong_.empty()) wrong_ = what;
    is_over_ = true;
  }
  const Threads& threads() { return machine_.frames().cores(); }

  // All cores forget, each when it is at rest.
  void tell(VirtRange range) noexcept {
    ++told_;
    on_each([range](Remembered& core) { core.forget(range); });
  }
  template <class F>
  void on_each(F f) noexcept {
    struct Call {
      Stress& stress;
      F& f;
    } call{*this, f};
    for (unsigned core = 0; core < cores_.size(); ++core)
      threads().run_on(
          core,
          [](void* self, unsigned on) noexcept {
            auto& asked = *static_cast<Call*>(self);
            asked.f(asked.stress.cores_[on]);
          },
          &call);
  }

  // The first word of a page of addresses, as this core finds it.
  std::uint64_t& reach(std::uint64_t at) {
    const typename Threads::Guard guard{threads()};
    auto& place = cores_[guard.core()].place_of(at / kPage);
    if (place.page == at / kPage) {
      ++remembered_;
    } else {
      const auto way = Format::walk(root_, at, [this](std::uint64_t entry) {
        return __atomic_load_n(word_of(entry), __ATOMIC_ACQUIRE);
      });
      check(way.has_value(), "an area in use is not mapped");
      place = {at / kPage, way->at / kPage};
    }
    return *word_of(place.frame * kPage);
  }
  std::uint64_t* word_of(std::uint64_t physical) {
    const Pfn frame{physical / kPage};
    std::byte* const memory = machine_.frames().map({frame, frame + PageCount{1}});
    return reinterpret_cast<std::uint64_t*>(memory + physical % kPage);
  }

  void work(unsigned core) {
    Threads::become(core);
    bench::Random random{core + 1};
    Hands hands;
    for (std::uint64_t step = 0; !is_over_; ++step) {
      if (time_.count() == 0 ? step == steps_ : std::chrono::steady_clock::now() >= end_) break;
      take_in(core, hands);
      // Those who have much give it back for a while, so that memory ends and is plenty in turns.
      const bool wants_more = (step >> 9 & 3) != 3;
      if (hands.held.empty() || (wants_more && hands.pages < kMostHeld && random.below(5) < 3))
        take(hands, random);
      else if (random.below(4) == 0)
        pass_on(hands, random, core);
      else
        give_back(hands, random.below(hands.held.size()));
      if (step % 256 == 17) vm_->purge();
      if (step % 512 == 33) walk();
      if (step % 64 == 5) show(core);
    }
    for (const Held& held : hands.held) put(core, held);
  }

  void take(Hands& hands, bench::Random& random) {
    const std::uint64_t pages = random.below(64) == 0 ? 512 + random.below(40) : 1 + random.below(24);
    const bool is_zeroed = random.below(4) == 0;
    const VmallocRequest request{.size = Bytes{pages * kPage}};
    const auto got = is_zeroed ? vm_->vzalloc(request) : vm_->vmalloc(request);
    if (!got) {
      ++refused_;
      if (got.error() != Error::no_memory && got.error() != Error::no_room)
        complain("no memory, for no reason");
      return;
    }
    ++taken_;
    const std::uint64_t first = got.value().raw / kPage;
    on_each([&](Remembered& other) {
      if (other.knows_page(first, first + pages))
        complain("an address has a new owner that a core remembers");
    });
    const Held held{got.value(), pages, random.next() << 12};
    for (std::uint64_t i = 0; i < pages; ++i) {
      std::uint64_t& word = reach(held.at.raw + i * kPage);
      if (is_zeroed && word != 0) complain("zeroed memory is not zero");
      word = held.stamp + i;
    }
    const auto found = vm_->find(held.at + Bytes{pages * kPage - 1});
    if (!found || found.value().range.begin() != held.at) complain("an area is not found by its last byte");
    hands.held.push_back(held);
    hands.pages += pages;
  }
  void look_at(const Held& held) {
    for (std::uint64_t i = 0; i < held.pages; ++i)
      if (reach(held.at.raw + i * kPage) != held.stamp + i)
        complain("an area was written to by somebody else");
  }
  Held out_of(Hands& hands, std::size_t which) {
    std::swap(hands.held[which], hands.held.back());
    const Held held = hands.held.back();
    hands.held.pop_back();
    hands.pages -= held.pages;
    return held;
  }
  void give_back(Hands& hands, std::size_t which) {
    const Held held = out_of(hands, which);
    look_at(held);
    if (!vm_->vfree(held.at)) complain("an area was not taken back");
  }
  void pass_on(Hands& hands, bench::Random& random, unsigned core) {
    const auto to = static_cast<unsigned>(random.below(boxes_.size()));
    passed_ += to != core;
    put(to, out_of(hands, random.below(hands.held.size())));
  }
  void put(unsigned to, const Held& held) {
    const std::scoped_lock lock{boxes_[to].mutex};
    boxes_[to].held.push_back(held);
  }
  void take_in(unsigned core, Hands& hands) {
    const std::scoped_lock lock{boxes_[core].mutex};
    for (const Held& held : boxes_[core].held) {
      hands.held.push_back(held);
      hands.pages += held.pages;
    }
    boxes_[core].held.clear();
  }

  // A frame of one's own, shown, used, hidden and purged: then nobody remembers it. Nobody did when it was new.
  void show(unsigned core) {
    const auto frame = machine_.frames().alloc_pages(Order{0}, {});
    if (!frame) return;
    const std::uint64_t number = frame.value().raw;
    const auto nobody_knows = [&](const char* complaint) {
      on_each([&](Remembered& other) {
        if (other.knows_frame(number, number + 1)) complain(complaint);
      });
    };
    nobody_knows("a frame has a new owner that a core remembers");
    const std::array<Pfn, 1> frames{frame.value()};
    if (const auto at = vm_->vmap(frames, {.write = true})) {
      reach(at.value().raw) = core;
      if (*word_of(number * kPage) != core) complain("a mapping leads elsewhere");
      if (!vm_->vunmap(at.value())) complain("a mapping was not taken back");
      vm_->purge();
      nobody_knows("a purge left something that is remembered");
    }
    if (!machine_.frames().free_pages(frame.value(), Order{0})) complain("a frame was not taken back");
  }
  void walk() {
    std::array<PageCount, 2> on_nodes;
    VirtAddr from{};
    while (const auto area = vm_->next(from, on_nodes)) {
      const AreaInfo& info = area.value();
      if (info.range.begin() < from) complain("areas are not in order");
      if (on_nodes[0].raw + on_nodes[1].raw != info.pages.raw) complain("frames are not counted by node");
      from = info.range.end();
    }
    ++walks_;
  }

  void finish(Tree& tree) {
    Threads::become(0);
    for (Box& box : boxes_)
      for (const Held& held : box.held) {
        look_at(held);
        if (!vm_->vfree(held.at)) complain("an area was not taken back at the end");
      }
    vm_->purge();
    const VmallocStats stats = vm_->stats();
    if (vm_->audit()) complain("a law of the areas is broken");
    if (tree.audit()) complain("a law of the tables is broken");
    if (stats.areas.live != 0 || stats.areas.retired != 0 || stats.frames.raw != 0)
      complain("areas are left");
    if (tree.tables() != 1) complain("tables are left");
    if (told_ < stats.flushes) complain("fewer flushes were told than counted");
    for (const Remembered& core : cores_)
      if (core.knows_page(1, UINT64_MAX)) complain("a core remembers what is gone");
    const bool has_happened = refused_ != 0 && passed_ != 0 && walks_ != 0 && told_ != 0 && remembered_ != 0;
    if (!has_happened && boxes_.size() > 4) complain("something never happened");
  }

  Machine machine_;
  slab::SlabAllocator<Frames> slabs_;
  std::chrono::seconds time_;
  std::uint64_t steps_;
  std::vector<Remembered> cores_;
  std::vector<Box> boxes_;
  Vm* vm_ = nullptr;
  std::uint64_t root_ = 0;
  std::chrono::steady_clock::time_point end_;
  std::atomic<bool> is_over_{false};
  std::atomic<std::uint64_t> taken_{0}, refused_{0}, passed_{0}, told_{0}, walks_{0}, remembered_{0};
  std::mutex mutex_;
  std::string wrong_;
};

}  // namespace
}  // namespace quarry::vm

int main(int count, char** words) {
  return quarry::testing::stress_main<quarry::vm::Stress<quarry::vm::FourLevels>,
                                      quarry::vm::Stress<quarry::vm::ArmPages>>(count, words, "x86_64",
                                                                                "arm64");
}
