// tests/pages_threads.cpp: the page allocator used by many threads at once, each a core of its own.
//
//   pages_threads [SECONDS [THREADS]]      0 seconds: 20,000 steps each
//
// Every page that is handed out is stamped by its owner and looked at when it comes back; stamps are ordinary memory, so that
// ThreadSanitizer sees two owners of one page as well. Phases without memory alternate with phases of plenty. One thread
// isolates, takes ranges, drains, counts, and takes sections out and puts them back, while nobody stops.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/random.hpp"
#include "host/threaded_host.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_machine.hpp"
#include "quarry/zones/hotplug.hpp"
#include "tests/stress_main.hpp"

namespace quarry::buddy {
namespace {

struct Held {
  Pfn page;
  Order order;
  std::uint64_t stamp;
};

template <class Policy>
class Stress {
  static constexpr Geometry G = k4KSparse;
  using Machine = TestMachine<G, NoObserver, Policy, hosted::Threads>;
  static constexpr std::uint64_t kBlocks = 96;  // of the highest order: three sections
  static constexpr std::uint64_t kSection =
      PageAllocator<G, NoObserver, Policy, hosted::Threads>::Map::kSectionPages;

 public:
  Stress(unsigned threads, std::chrono::seconds time, std::uint64_t steps)
      : cores_{threads + 1}, machine_{hosted::Threads{cores_}}, time_{time}, steps_{steps}, boxes_(threads) {
    machine_.add_zone(0, zones::ZoneType::normal, 0, kBlocks - 32);
    machine_.add_zone(0, zones::ZoneType::movable, kBlocks - 32, kBlocks);
    stamps_.resize(kBlocks * Machine::kBlock);
  }

  // Returns   what is wrong; empty: nothing.
  std::string run() {
    auto& pages = machine_.allocator;
    if (!machine_.start() || !pages.release(Machine::blocks(0, kBlocks))) return "no machine";
    pages.set_watermarks(1024);
    if (!pages.start_cpu_lists(machine_.source())) return "no lists";
    pages.set_mover({this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
                       return static_cast<Stress*>(self)->move(from, to, order);
                     }});
    const auto shared = pages.alloc_pages(Order{0}, {});
    if (!shared) return "no page to share";
    shared_ = shared.value();
    std::vector<std::thread> threads;
    end_ = std::chrono::steady_clock::now() + time_;
    for (unsigned core = 0; core < boxes_.size(); ++core) threads.emplace_back([this, core] { work(core); });
    std::thread manager{[this] { manage(); }};
    for (std::thread& thread : threads) thread.join();
    is_over_ = true;
    manager.join();
    return finish();
  }
  void report(const char* policy) const {
    std::printf("%s: %u threads, %llu blocks taken, %llu refused, %llu ranges, %llu sections out and in\n",
                policy, static_cast<unsigned>(boxes_.size()), static_cast<unsigned long long>(taken_.load()),
                static_cast<unsigned long long>(refused_.load()), static_cast<unsigned long long>(ranges_),
                static_cast<unsigned long long>(sections_));
  }

 private:
  struct Box {
    std::mutex mutex;
    std::vector<Held> held;
  };

  void complain(const std::string& what) {
    const std::lock_guard lock{mutex_};
    if (wrong_.empty()) wrong_ = what;
  }
  bool is_time_up(std::uint64_t step) const {
    if (time_.count() == 0) return step >= steps_;
    return (step & 63) == 0 && std::chrono::steady_clock::now() >= end_;
  }
  void stamp(const Held& block, std::uint64_t from) {
    for (std::uint64_t i = 0; i < block.order.pages().raw; ++i) {
      std::uint64_t& cell = stamps_[block.page.raw + i];
      if (cell != from) complain("page " + std::to_string(block.page.raw + i) + " has two owners");
      cell = from == 0 ? block.stamp : 0;
    }
  }
  void free(const Held& block) {
    stamp(block, block.stamp);
    if (!machine_.allocator.free_pages(block.page, block.order))
      complain("page " + std::to_string(block.page.raw) + " was not taken back");
  }

  // One core: takes blocks, gives some to others, frees its own and what it was given.
  void work(unsigned core) {
    hosted::Threads::become(core);
    bench::Random random{core + 1};
    std::vector<Held> held;
    bool is_hungry = true;  // takes until there is nothing, then gives until it has little
    for (std::uint64_t step = 1; !is_time_up(step); ++step) {
      const bool takes = is_hungry ? random.below(8) != 0 : random.below(8) == 0;
      if (takes) {
        if (!take(core, step, random, held)) is_hungry = false;
      } else if (!held.empty()) {
        give(random, held);
      }
      if (held.size() < 8) is_hungry = true;
      if (held.size() > 2000) is_hungry = false;
      collect(core, held);
      if (random.below(32) == 0) visit(core, step);
      share();
    }
    for (const Held& block : held) free(block);
  }
  bool take(unsigned core, std::uint64_t step, bench::Random& random, std::vector<Held>& held) {
    const std::uint64_t shape = random.below(64);
    const Order order{shape < 40 ? 0u : shape < 62 ? static_cast<unsigned>(shape & 3) : 9u};
    const Request request{.highest = zones::ZoneType::normal,
                          .type = static_cast<MigrateType>(random.below(3) == 0 ? 0 : 2 * random.below(2)),
                          .urgency = random.below(16) == 0 ? Urgency::atomic : Urgency::normal,
                          .effort = Effort::no_wait};
    const auto page = machine_.allocator.alloc_pages(order, request);
    if (!page) {
      ++refused_;
      return false;
    }
    ++taken_;
    held.push_back({page.value(), order, std::uint64_t{core + 1} << 48 | step});
    stamp(held.back(), 0);
    return true;
  }
  // One page that all threads use, each for a moment, and the manager all the time.
  void share() {
    for (unsigned i = 0; i < 4; ++i)
      if (!machine_.allocator.get_page(shared_) || !machine_.allocator.put_page(shared_))
        complain("a user of a shared page was refused");
  }
  // A page of the zone whose section comes and goes, for a moment.
  void visit(unsigned core, std::uint64_t step) {
    const auto page = machine_.allocator.alloc_pages(
        Order{0},
        {.highest = zones::ZoneType::movable, .type = MigrateType::movable, .effort = Effort::no_wait});
    if (!page) return;
    const Held block{page.value(), Order{0}, std::uint64_t{core + 1} << 48 | step};
    stamp(block, 0);
    free(block);
  }
  void give(bench::Random& random, std::vector<Held>& held) {
    std::swap(held[random.below(held.size())], held.back());
    const Held block = held.back();
    held.pop_back();
    if (random.below(4) != 0) return free(block);
    Box& box = boxes_[random.below(boxes_.size())];
    const std::lock_guard lock{box.mutex};
    box.held.push_back(block);
  }
  void collect(unsigned core, std::vector<Held>& held) {
    const std::lock_guard lock{boxes_[core].mutex};
    for (const Held& block : boxes_[core].held) held.push_back(block);
    boxes_[core].held.clear();
  }

  // Nobody's pages can be moved here but the manager's own.
  bool move(Pfn, Pfn, Order) { return false; }

  void manage() {
    hosted::Threads::become(static_cast<unsigned>(boxes_.size()));
    bench::Random random{99};
    auto& pages = machine_.allocator;
    const PageCount pageblock = G.pageblock_order().pages();
    while (!is_over_) {
      const Pfn at{random.below(kBlocks * Machine::kBlock / pageblock.raw) * pageblock.raw};
      const PfnRange one{at, at + pageblock};
      switch (random.below(5)) {
        case 0:
          if (pages.isolate(one)) pages.undo_isolation(one);
          break;
        case 1: take_range({at + PageCount{random.below(64)}, at + PageCount{64 + random.below(448)}}); break;
        case 2: pages.drain(static_cast<unsigned>(random.below(boxes_.size()))); break;
        case 3:
          if (pages.stats(Machine::zone(0, zones::ZoneType::normal)).free.raw > kBlocks * Machine::kBlock)
            complain("more is free than there is");
          break;
        case 4: replug(); break;
      }
    }
  }
  void take_range(PfnRange range) {
    if (!machine_.allocator.alloc_range(range, MigrateType::movable)) return;
    ++ranges_;
    const Held block{range.begin(), Order{0}, 1};
    for (std::uint64_t i = 0; i < range.size().raw; ++i) stamp({block.page + PageCount{i}, Order{0}, 1}, 0);
    for (std::uint64_t i = 0; i < range.size().raw; ++i) stamp({block.page + PageCount{i}, Order{0}, 1}, 1);
    if (!machine_.allocator.free_range(range)) complain("a range was not taken back");
  }
  // The last section leaves and comes again, when nobody happens to have a page there.
  void replug() {
    const PfnRange last = {Pfn{2 * kSection}, Pfn{3 * kSection}};
    if (!machine_.allocator.offline(last)) return;
    if (!machine_.map.remove_sections(last, machine_.source())) complain("a section stays");
    if (machine_.map.find(last.begin()) != nullptr) complain("a section that is gone is found");
    if (!machine_.map.add_sections(last, NodeId::first, machine_.source()) ||
        !machine_.allocator.online(Machine::zone(0, zones::ZoneType::movable), last))
      return complain("a section does not come back");
    ++sections_;
  }

  std::string finish() {
    for (Box& box : boxes_)
      for (const Held& block : box.held) free(block);
    if (!machine_.allocator.free_pages(shared_, Order{0}) && wrong_.empty())
      wrong_ = "a shared page has users that are gone, or lost one";
    machine_.allocator.drain_all();
    if (wrong_.empty() && machine_.allocator.audit()) wrong_ = "a law is broken at the end";
    for (const zones::Zone& zone : machine_.layout.zones)
      if (wrong_.empty() && machine_.allocator.free_pages_of(static_cast<std::uint32_t>(
                                &zone - machine_.layout.zones.data())) != zone.managed)
        wrong_ = "pages are missing at the end";
    if (wrong_.empty() && (taken_ == 0 || refused_ == 0 || ranges_ == 0 || sections_ == 0))
      wrong_ = "something never happened";
    return wrong_;
  }

  hosted::ThreadCores cores_;
  Machine machine_;
  std::chrono::seconds time_;
  std::uint64_t steps_;
  std::vector<Box> boxes_;
  Pfn shared_;
  std::vector<std::uint64_t> stamps_;
  std::chrono::steady_clock::time_point end_;
  std::atomic<bool> is_over_{false};
  std::atomic<std::uint64_t> taken_{0}, refused_{0};
  std::uint64_t ranges_ = 0, sections_ = 0;
  std::mutex mutex_;
  std::string wrong_;
};

}  // namespace
}  // namespace quarry::buddy

int main(int count, char** words) {
  return quarry::testing::stress_main<quarry::buddy::Stress<quarry::buddy::CompactPolicy>,
                                      quarry::buddy::Stress<quarry::buddy::LinuxPolicy>>(count, words,
                                                                                         "compact", "linux");
}
