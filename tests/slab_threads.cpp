// tests/slab_threads.cpp: caches and kmalloc used by many threads at once, each a core of its own, on two nodes.
//
//   slab_threads [SECONDS [THREADS]]      0 seconds: 20,000 steps each
//
// Every object that is handed out is stamped by its owner, all of it, and looked at when it comes back, often on another core and
// node. Objects are ordinary memory, so that ThreadSanitizer sees two owners of one object as well. Phases without memory
// alternate with phases of plenty. One thread makes and unmakes caches, shrinks, drains, counts and audits, while nobody stops.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/random.hpp"
#include "quarry/slab/kmalloc.hpp"
#include "tests/stress_main.hpp"
#include "tests/two_node_machine.hpp"

namespace quarry::slab {
namespace {

constexpr std::byte kConstructed{0x3c};
constexpr std::uint32_t kConstructedSize = 256;

// An object in use. Who has it knows where it is from.
struct Held {
  std::byte* begin;
  std::uint32_t size;
  std::uint32_t cache;  // kKmalloc: none
  std::uint64_t stamp;
};

template <Hardening H>
class Stress {
  using Frames = TwoNodeMachine::Frames;
  using Cache = KmemCache<Frames, H>;
  static constexpr std::uint32_t kCaches = 4, kKmalloc = kCaches, kConstructedCache = 2;
  static constexpr std::uint64_t kMostHeld = std::uint64_t{6} << 20;  // bytes, of one thread

 public:
  Stress(unsigned threads, std::chrono::seconds time, std::uint64_t steps)
      : machine_{threads + 1},
        slabs_{machine_.frames(), SlabConfig{}},
        kmalloc_{slabs_},
        time_{time},
        steps_{steps},
        boxes_(threads) {}

  // Returns   what is wrong; empty: nothing.
  std::string run() {
    if (!machine_.start() || !slabs_.boot() || !kmalloc_.boot(DmaCaches::none)) return "no machine";
    slabs_.set_fault_hook({this, [](void* self, const FaultReport& report) noexcept {
                             static_cast<Stress*>(self)->complain(name_of(report.fault).data());
                           }});
    const CacheSpec specs[kCaches] = {{.name = "small", .size = 24},
                                      {.name = "middle", .size = 188},
                                      {.name = "made", .size = kConstructedSize, .constructor = construct},
                                      {.name = "large", .size = 9000}};
    for (std::uint32_t i = 0; i < kCaches; ++i) caches_[i] = slabs_.create(specs[i]).value();
    machine_.pages().set_pressure(
        {.self = this, .reclaim = [](void* self, Order, const buddy::Request&) noexcept {
           return static_cast<Stress*>(self)->reclaim();
         }});
    std::vector<std::thread> threads;
    end_ = std::chrono::steady_clock::now() + time_;
    for (unsigned core = 0; core < boxes_.size(); ++core) threads.emplace_back([this, core] { work(core); });
    std::thread manager{[this] { manage(); }};
    for (std::thread& thread : threads) thread.join();
    is_over_ = true;
    manager.join();
    return finish();
  }
  void report(const char* hardening) const {
    std::printf(
        "%s: %u threads, %llu objects taken, %llu refused, %llu freed elsewhere, %llu looks, %llu caches "
        "made\n",
        hardening, static_cast<unsigned>(boxes_.size()), static_cast<unsigned long long>(taken_.load()),
        static_cast<unsigned long long>(refused_.load()), static_cast<unsigned long long>(passed_.load()),
        static_cast<unsigned long long>(looks_), static_cast<unsigned long long>(made_));
  }

 private:
  struct Box {
    std::mutex mutex;
    std::vector<Held> held;
  };
  // What one thread has, and how much.
  struct Hands {
    std::vector<Held> held;
    std::uint64_t bytes = 0;
    void add(const Held& object) {
      held.push_back(object);
      bytes += object.size;
    }
    Held take(std::size_t which) {
      std::swap(held[which], held.back());
      const Held object = held.back();
      held.pop_back();
      bytes -= object.size;
      return object;
    }
  };

  static void construct(void* object) noexcept {
    std::memset(object, static_cast<int>(kConstructed), kConstructedSize);
  }
  void complain(const std::string& what) {
    const std::lock_guard lock{mutex_};
    if (wrong_.empty()) wrong_ = what;
  }
  bool is_time_up(std::uint64_t step) const {
    if (time_.count() == 0) return step >= steps_;
    if ((step & 63) != 0) return false;
    // A busy host may need longer before all of it was seen.
    const auto now = std::chrono::steady_clock::now();
    return now >= end_ && (has_happened() || now >= end_ + std::chrono::seconds{60});
  }
  bool has_happened() const {
    return taken_ != 0 && refused_ != 0 && passed_ != 0 && reclaims_ != 0 && made_ != 0 && told_ != 0;
  }

  // --- Stamps --------------------------------------------------------------------------------------
  static void stamp(const Held& object) {
    std::uint32_t at = 0;
    for (; at + 8 <= object.size; at += 8) std::memcpy(object.begin + at, &object.stamp, 8);
    std::memcpy(object.begin + at, &object.stamp, object.size - at);
  }
  static bool has_stamp(const Held& object) {
    std::uint32_t at = 0;
    for (; at + 8 <= object.size; at += 8)
      if (std::memcmp(object.begin + at, &object.stamp, 8) != 0) return false;
    return std::memcmp(object.begin + at, &object.stamp, object.size - at) == 0;
  }
  static bool is_all(const std::byte* begin, std::uint32_t size, std::byte value) {
    return begin[0] == value && std::memcmp(begin, begin + 1, size - 1) == 0;
  }
  // Ready to be freed: looked at, and as its constructor made it if it has one.
  void retire(const Held& object) {
    if (!has_stamp(object)) complain("an object was written to by somebody else");
    if (object.cache == kConstructedCache) construct(object.begin);
  }
  Held newly(unsigned core, std::uint64_t step, void* begin, std::uint32_t size, std::uint32_t cache) {
    ++taken_;
    const Held object{static_cast<std::byte*>(begin), size, cache, std::uint64_t{core + 1} << 48 | step};
    if (cache == kConstructedCache && !is_all(object.begin, size, kConstructed))
      complain("an object is not as its constructor made it");
    stamp(object);
    return object;
  }

  // --- One core: takes objects, gives some to others, frees its own and what it was given -------------
  void work(unsigned core) {
    hosted::Threads::become(core);
    bench::Random random{core + 1};
    Hands hands;
    bool is_hungry = true;  // takes until there is nothing, then gives until it has little
    for (std::uint64_t step = 1; !is_time_up(step); ++step) {
      const bool takes = is_hungry ? random.below(8) != 0 : random.below(8) == 0;
      if (takes) {
        if (!take(core, step, random, hands)) is_hungry = false;
      } else if (!hands.held.empty()) {
        give(core, random, hands);
      }
      if (hands.held.size() < 8) is_hungry = true;
      if (hands.bytes > kMostHeld) is_hungry = false;
      if ((step & 7) == 0) collect(core, hands);
      if (random.below(64) == 0) bulk(core, step, random);
      if (random.below(64) == 0) large(core, step);
      if (random.below(1024) == 0) caches_[random.below(kCaches)]->shrink();
    }
    while (!hands.held.empty()) free(hands.take(hands.held.size() - 1), false);
  }
  Where where_for(bench::Random& random) {
    Where where{.effort = buddy::Effort::no_wait};
    const std::uint64_t kind = random.below(16);
    if (kind < 2) where.node = NodeId{static_cast<std::uint16_t>(kind)};
    if (kind == 0) where.placement = buddy::Placement::this_node;
    if (kind == 3) where.urgency = buddy::Urgency::atomic;
    if (kind == 4) where.effort = buddy::Effort::full;
    return where;
  }
  bool take(unsigned core, std::uint64_t step, bench::Random& random, Hands& hands) {
    const Where where = where_for(random);
    const auto from = static_cast<std::uint32_t>(random.below(kCaches + 2));
    if (from >= kKmalloc) {
      const auto size = static_cast<std::uint32_t>(1 + random.below(std::uint64_t{16} << random.below(10)));
      const Result<void*> memory = kmalloc_.kmalloc(size, where);
      if (memory) hands.add(newly(core, step, memory.value(), size, kKmalloc));
      return memory ? true : refused(memory.error());
    }
    Cache& cache = *caches_[from];
    const std::uint32_t size = size_of(from);
    const bool zero = from != kConstructedCache && random.below(4) == 0;
    const Result<void*> object = zero ? cache.zalloc(where) : cache.alloc(where);
    if (!object) return refused(object.error());
    if (zero && !is_all(static_cast<std::byte*>(object.value()), size, std::byte{0}))
      complain("an object that was asked to be zero is not");
    hands.add(newly(core, step, object.value(), size, from));
    return true;
  }
  // What a core does that finds no pages: it may well be in the middle of asking one of these caches.
  PageCount reclaim() {
    ++reclaims_;
    return slabs_.give_back();  // of all caches, those too that the manager makes and unmakes meanwhile
  }
  bool refused(Error error) {
    if (error != Error::no_memory) complain("no object, for no reason");
    ++refused_;
    std::this_thread::yield();
    return false;
  }
  static std::uint32_t size_of(std::uint32_t cache) {
    constexpr std::uint32_t sizes[kCaches] = {24, 188, kConstructedSize, 9000};
    return sizes[cache];
  }
  void free(const Held& object, bool looks_first) {
    retire(object);
    Result<Done> done = Done{};
    if (object.cache != kKmalloc && looks_first)
      done = caches_[object.cache]->free_checked(object.begin);
    else if (object.cache != kKmalloc && (object.stamp & 1) != 0)
      done = caches_[object.cache]->free(object.begin);
    else
      done = looks_first ? kmalloc_.kfree_checked(object.begin) : kmalloc_.kfree(object.begin);
    if (!done) complain("an object was not taken back");
  }
  void give(unsigned core, bench::Random& random, Hands& hands) {
    const Held object = hands.take(random.below(hands.held.size()));
    if (random.below(2) != 0) return free(object, random.below(32) == 0);
    const std::size_t other = random.below(boxes_.size());
    if (other != core) ++passed_;
    Box& box = boxes_[other];
    const std::lock_guard lock{box.mutex};
    box.held.push_back(object);
  }
  void collect(unsigned core, Hands& hands) {
    const std::lock_guard lock{boxes_[core].mutex};
    for (const Held& object : boxes_[core].held) hands.add(object);
    boxes_[core].held.clear();
  }
  // Some at once, and back.
  void bulk(unsigned core, std::uint64_t step, bench::Random& random) {
    const auto from = static_cast<std::uint32_t>(random.below(kCaches));
    void* objects[40];
    const std::size_t count = caches_[from]->alloc_bulk(std::span{objects}.first(1 + random.below(40)),
                                                        {.effort = buddy::Effort::no_wait});
    std::vector<Held> held;
    for (std::size_t i = 0; i < count; ++i)
      held.push_back(newly(core, step, objects[i], size_of(from), from));
    for (const Held& object : held) retire(object);
    if (!caches_[from]->free_bulk(std::span{objects}.first(count))) complain("objects were not taken back");
  }
  // Blocks of pages, which grow.
  void large(unsigned core, std::uint64_t step) {
    const Result<void*> memory = kmalloc_.kmalloc(20'000, {.effort = buddy::Effort::no_wait});
    if (!memory) return;
    Held object = newly(core, step, memory.value(), 20'000, kKmalloc);
    const Result<void*> larger = kmalloc_.krealloc(object.begin, 40'000, {.effort = buddy::Effort::no_wait});
    if (larger) object.begin = static_cast<std::byte*>(larger.value());
    free(object, false);
  }

  // --- The one that looks after caches ----------------------------------------------------------------
  void manage() {
    hosted::Threads::become(static_cast<unsigned>(boxes_.size()));
    bench::Random random{99};
    while (!is_over_) {
      const std::uint64_t which = random.below(kCaches + 2);
      Cache& cache = which < kCaches ? *caches_[which] : *kmalloc_.cache_for(32ull << (which - kCaches));
      switch (looks_ % 12) {
        case 0: slabs_.give_back(); break;
        case 1: cache.shrink(); break;
        case 2: cache.drain(); break;
        case 3: audit(cache.audit()); break;
        case 4: audit(slabs_.audit()); break;
        case 5: make(random); break;
        case 6: merge(); break;
        case 7: machine_.pages().drain_all(); break;
        case 8: own(cache); break;
        default: count(cache); break;
      }
      ++looks_;
      std::this_thread::yield();
    }
  }
  void audit(const Audit& found) {
    if (!found.holds())
      complain(std::string{"a law is broken: "} + name_of(found.broken).data() + " of " + found.cache.data());
  }
  void count(Cache& cache) {
    const CacheStats stats = cache.stats();
    if (stats.active_objects > stats.total_objects || stats.active_slabs > stats.total_slabs ||
        stats.partial_slabs > stats.total_slabs)
      complain("more is in use than there is");
  }
  // A cache that nobody else knows.
  void make(bench::Random& random) {
    const Result<Cache*> made = slabs_.create({.name = "visit",
                                               .size = static_cast<std::uint32_t>(1 + random.below(12'000)),
                                               .merging = Merging::never});
    if (!made) {
      if (made.error() != Error::no_memory) complain("no cache, for no reason");
      return;
    }
    ++made_;
    Cache& cache = *made.value();
    std::vector<void*> objects(random.below(20));
    const std::size_t count = cache.alloc_bulk(objects, {.effort = buddy::Effort::no_wait});
    std::uint64_t told = 0;
    const Result<Leaks> leaks = slabs_.destroy(
        cache, {&told, [](void* self, const Leak&) noexcept { ++*static_cast<std::uint64_t*>(self); }});
    if (!leaks || leaks.value().objects != count || told != count) complain("leaks are miscounted");
    if (count == 0) return;
    told_ += told;
    if (cache.state_of(objects[0]) != ObjectState::live) complain("an object is not live");
    for (std::size_t i = 0; i < count; ++i)
      if (!cache.free(objects[i])) complain("an object was not taken back");
    if (cache.state_of(objects[0]) == ObjectState::live) complain("a free object is live");
    const Result<Leaks> left = slabs_.destroy(cache);
    if (!left || !left.value().none()) complain("a cache does not go");
  }
  // One whose objects are another cache's, where hardening does not tell them apart.
  void merge() {
    const Result<Cache*> made = slabs_.create({.name = "merged", .size = 190});
    if (!made) return;
    const Result<void*> object = made.value()->zalloc({.effort = buddy::Effort::no_wait});
    if (object && !made.value()->free(object.value())) complain("an object was not taken back");
    const Result<Leaks> left = slabs_.destroy(*made.value());
    if (!left || !left.value().none()) complain("a cache does not go");
  }
  // An object of this thread, whatever others do to the cache.
  void own(Cache& cache) {
    const Result<void*> object = cache.alloc({.effort = buddy::Effort::no_wait});
    if (!object) return;
    if (cache.state_of(object.value()) != ObjectState::live) complain("an object is not live");
    cache.shrink();
    if (cache.state_of(object.value()) != ObjectState::live) complain("shrinking took an object");
    if (!cache.free_checked(object.value())) complain("an object was not taken back");
  }

  std::string finish() {
    for (Box& box : boxes_)
      for (const Held& object : box.held) free(object, true);
    audit(slabs_.audit());
    for (Cache* const cache : caches_) {
      if (cache->stats().active_objects != 0) complain("an object is in use that nobody has");
      const Result<Leaks> left = slabs_.destroy(*cache);
      if (!left || !left.value().none()) complain("a cache does not go at the end");
    }
    audit(slabs_.audit());
    if (kmalloc_.shut_down() != 0) complain("memory of kmalloc is left at the end");
    if (wrong_.empty() && !slabs_.shut_down()) complain("caches are left at the end");
    if (wrong_.empty()) wrong_ = machine_.finish();
    // So many steps say nothing about what others do meanwhile; so much time does.
    if (wrong_.empty() && time_.count() != 0 && !has_happened()) wrong_ = "something never happened";
    return wrong_;
  }

  TwoNodeMachine machine_;
  SlabAllocator<Frames, H> slabs_;
  Kmalloc<Frames, H> kmalloc_;
  Cache* caches_[kCaches] = {};
  std::chrono::seconds time_;
  std::uint64_t steps_;
  std::vector<Box> boxes_;
  std::chrono::steady_clock::time_point end_;
  std::atomic<bool> is_over_{false};
  std::atomic<std::uint64_t> taken_{0}, refused_{0}, passed_{0}, reclaims_{0}, made_{0}, told_{0};
  std::uint64_t looks_ = 0;
  std::mutex mutex_;
  std::string wrong_;
};

}  // namespace
}  // namespace quarry::slab

int main(int count, char** words) {
  return quarry::testing::stress_main<quarry::slab::Stress<quarry::slab::kPlain>,
                                      quarry::slab::Stress<quarry::slab::kHardened>>(count, words, "plain",
                                                                                     "hardened");
}
