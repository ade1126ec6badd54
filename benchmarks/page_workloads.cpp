#include "benchmarks/page_workloads.hpp"

#include <algorithm>
#include <thread>

#include "benchmarks/measured.hpp"

namespace quarry::bench {
namespace {

using buddy::Request;
constexpr Request kRequest{};  // GFP_KERNEL
constexpr std::size_t kPoolMemory = std::size_t{64} << 20;

void require(bool holds, const char* what) {
  if (!holds) std::fprintf(stderr, "quarry: %s\n", what), std::exit(1);
}

template <unsigned kOrder>
[[gnu::noinline]] void run_pairs(BenchAllocator& pages, unsigned times) {
  for (; times != 0; --times) {
    const auto page = pages.alloc_pages(Order{kOrder}, kRequest);
    if (!page || !pages.free_pages(page.value(), Order{kOrder})) std::exit(1);
  }
}
void run_pairs_of(unsigned order, BenchAllocator& pages, unsigned times) {
  switch (order) {
    case 0: return run_pairs<0>(pages, times);
    case 1: return run_pairs<1>(pages, times);
    case 3: return run_pairs<3>(pages, times);
    default: return run_pairs<9>(pages, times);
  }
}
[[gnu::noinline]] std::size_t take_all(BenchAllocator& pages, std::vector<Pfn>& into) {
  std::size_t count = 0;
  for (; count < into.size(); ++count) {
    const auto page = pages.alloc_pages(Order{0}, kRequest);
    if (!page) break;
    into[count] = page.value();
  }
  return count;
}
[[gnu::noinline]] void give_all(BenchAllocator& pages, const std::vector<Pfn>& from) {
  for (const Pfn page : from)
    if (!pages.free_pages(page, Order{0})) std::exit(1);
}

}  // namespace

void pairs(unsigned order, bool half_full, const Report& report) {
  PoolMemory memory{kPoolMemory};
  PagePool pool{memory, kPoolFrames, 1};
  std::vector<Pfn> held(half_full ? kPoolFrames / 2 : 0);
  require(take_all(pool.pages(), held) == held.size(), "the pool is too small");
  const std::string key = "pair-o" + std::to_string(order) + (half_full ? "-half" : "");
  const unsigned warm = is_counting() ? 1'000 : 100'000, times = is_counting() ? 20'000 : 1'000'000;
  run_pairs_of(order, pool.pages(), warm);
  report(key, "ns", measure(key, times, [&] { run_pairs_of(order, pool.pages(), times); }));
}

void bulk(const Report& report) {
  PoolMemory memory{kPoolMemory};
  PagePool pool{memory, kPoolFrames, 1};
  std::vector<Pfn> frames(kPoolFrames);
  const auto all = static_cast<double>(kPoolFrames);
  require(take_all(pool.pages(), frames) == kPoolFrames, "the pool lacks a frame");
  give_all(pool.pages(), frames);
  report("bulk-alloc", "ns", measure("bulk-alloc", all, [&] { take_all(pool.pages(), frames); }));
  report("bulk-free", "ns", measure("bulk-free", all, [&] { give_all(pool.pages(), frames); }));
  require(take_all(pool.pages(), frames) == kPoolFrames, "frames were lost");
  Random random;
  shuffle(frames, random);
  report("bulk-free-shuffled", "ns",
         measure("bulk-free-shuffled", all, [&] { give_all(pool.pages(), frames); }));
  report("bulk-alloc-again", "ns", measure("bulk-alloc-again", all, [&] {
           require(take_all(pool.pages(), frames) == kPoolFrames, "frames were lost");
         }));
}

void bulk_of_64(const Report& report) {
  PoolMemory memory{kPoolMemory};
  PagePool pool{memory, kPoolFrames, 1};
  Pfn frames[64];
  const unsigned rounds = is_counting() ? 1'000 : 100'000;
  const auto run = [&](unsigned times) {
    for (unsigned i = 0; i < times; ++i)
      if (pool.pages().alloc_pages_bulk(frames, kRequest) != 64 || pool.pages().free_pages_bulk(frames) != 64)
        std::exit(1);
  };
  run(100);
  report("bulk64", "ns", measure("bulk64", 64.0 * rounds, [&] { run(rounds); }));
}

namespace {

struct Block {
  Pfn page;
  Order order;
};

// The mixed workload's state: what is held, and how much.
class Mix {
 public:
  explicit Mix(BenchAllocator& pages) : pages_{pages} {}
  std::uint64_t operations = 0, failures = 0, used = 0;

  void fill(std::uint64_t limit) {
    while (used < limit) {
      const Order order{static_cast<unsigned>(__builtin_ctzll(random_.next() | 512))};
      const auto page = pages_.alloc_pages(order, kRequest);
      ++operations;
      if (!page) {
        ++failures;
        return;
      }
      held_.push_back({page.value(), order});
      used += order.pages().raw;
    }
  }
  void free_one() {
    const std::size_t at = random_.below(held_.size());
    const Block block = held_[at];
    held_[at] = held_.back();
    held_.pop_back();
    if (!pages_.free_pages(block.page, block.order)) std::exit(1);
    used -= block.order.pages().raw;
    ++operations;
  }

 private:
  BenchAllocator& pages_;
  Random random_;
  std::vector<Block> held_;
};

}  // namespace

void mixed(unsigned percent, const Report& report) {
  PoolMemory memory{kPoolMemory};
  PagePool pool{memory, kPoolFrames, 1};
  Mix mix{pool.pages()};
  const std::uint64_t limit = kPoolFrames * percent / 100;
  const std::string key = "mixed-" + std::to_string(percent);
  const unsigned warm = is_counting() ? 10'000 : 100'000, steps = is_counting() ? 40'000 : 400'000;
  mix.fill(limit);
  const auto run = [&](unsigned times) {
    for (unsigned i = 0; i < times; ++i) mix.free_one(), mix.fill(limit);
  };
  run(warm);
  mix.operations = mix.failures = 0;
  const double begin = now_ns();
  if (is_counting()) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_TOGGLE_COLLECT;
  }
  run(steps);
  if (is_counting()) {
    CALLGRIND_TOGGLE_COLLECT;
    const std::string name = key + "/" + std::to_string(mix.operations);
    CALLGRIND_DUMP_STATS_AT(name.c_str());
    CALLGRIND_STOP_INSTRUMENTATION;
  }
  report(key, "ns", (now_ns() - begin) / static_cast<double>(mix.operations));
  report(key, "failures", static_cast<double>(mix.failures) * 1000 / static_cast<double>(mix.operations));
}

namespace {

// The slower of two threads, in nanoseconds of its own time.
double slower_of_two(const std::function<double()>& body) {
  double took[2] = {};
  std::thread threads[2];
  for (unsigned core = 0; core < 2; ++core)
    threads[core] = std::thread{[&body, &took, core] {
      BenchCores::mine = core;
      took[core] = body();
    }};
  for (std::thread& thread : threads) thread.join();
  return std::max(took[0], took[1]);
}

}  // namespace

void two_threads(const Report& report) {
  PoolMemory memory{kPoolMemory};
  PagePool pool{memory, kPoolFrames, 2};
  auto& pages = pool.pages();
  constexpr unsigned times = 600'000;
  const auto one = [&pages] {
    const double begin = now_ns();
    run_pairs<0>(pages, times);
    return (now_ns() - begin) / times;
  };
  one();
  report("one-thread-pair", "ns", one());
  report("two-threads-pair", "ns", slower_of_two(one));
  double freed[2] = {};
  const double taken = slower_of_two([&pages, &freed] {
    std::vector<Pfn> frames(130'048);
    const double begin = now_ns();
    require(take_all(pages, frames) == frames.size(), "the pool lacks a frame");
    const double middle = now_ns();
    give_all(pages, frames);
    const auto count = static_cast<double>(frames.size());
    freed[BenchCores::mine] = (now_ns() - middle) / count;
    return (middle - begin) / count;
  });
  report("two-threads-bulk-alloc", "ns", taken);
  report("two-threads-bulk-free", "ns", std::max(freed[0], freed[1]));
}

void bring_up(const Report& report) {
  constexpr std::uint64_t described = 8 * kPoolFrames,
                          frames = described - PagePool::kKept;  // whole sections
  PoolMemory memory{std::size_t{256} << 20};
  {
    PagePool first{memory, frames, 1};
  }
  for (const auto hand_over : {buddy::HandOver::at_once, buddy::HandOver::deferred}) {
    memory.reset();
    const double begin = now_ns();
    PagePool pool{memory, frames, 1, hand_over};
    const double took = (now_ns() - begin) / 8 / 1000;
    report(hand_over == buddy::HandOver::at_once ? "init" : "init-deferred", "us", took);
  }
  report("metadata", "bytes", static_cast<double>(memory.used()) / static_cast<double>(described));
}

namespace {

// Free huge frames out of 512, by where the held frames lie.
class Churn {
 public:
  Churn() : pool_{memory_, kPoolFrames, 1}, huge_((kPoolFrames + PagePool::kKept) >> 9) {}
  BenchAllocator& pages() { return pool_.pages(); }
  Pfn take(Order order = Order{0}) {
    const auto page = pages().alloc_pages(order, kRequest);
    require(static_cast<bool>(page), "a frame that is free was refused");
    count(page.value(), order, 1);
    return page.value();
  }
  void give(Pfn page, Order order = Order{0}) {
    require(static_cast<bool>(pages().free_pages(page, order)), "a frame was not taken back");
    count(page, order, -1);
  }
  double free_huge() const { return static_cast<double>(std::ranges::count(huge_, 0)); }

  void count(Pfn page, Order order, int by) {
    const std::uint64_t at = page.raw - (std::uint64_t{1} << 20);
    for (std::uint64_t i = 0; i < order.pages().raw; i += 512)
      huge_[(at + i) >> 9] += by * static_cast<int>(std::min<std::uint64_t>(order.pages().raw, 512));
  }

 private:
  PoolMemory memory_{kPoolMemory};
  PagePool pool_;
  std::vector<int> huge_;
};

void frag_a(const Report& report) {
  Churn churn;
  Random random;
  std::vector<Pfn> live(kPoolFrames * 9 / 10);
  for (Pfn& page : live) page = churn.take();
  shuffle(live, random);
  for (std::size_t i = live.size() / 2; i < live.size(); ++i) churn.give(live[i]);
  live.resize(live.size() / 2);
  for (unsigned round = 0; round < 100; ++round) {
    const std::size_t some = live.size() / 10;
    for (std::size_t i = 0; i < some; ++i) {
      std::swap(live[random.below(live.size())], live.back());
      churn.give(live.back());
      live.pop_back();
    }
    for (std::size_t i = 0; i < some; ++i) live.push_back(churn.take());
  }
  report("fragA", "huge", churn.free_huge());
}

void frag_b(const Report& report) {
  Churn churn;
  Random random;
  std::vector<Block> held;
  std::uint64_t used = 0;
  constexpr std::uint64_t steps = 400'000;
  for (std::uint64_t step = 0; step < steps; ++step) {
    const std::uint64_t limit = kPoolFrames * 9 / 10 - kPoolFrames * 4 / 10 * step / steps;
    while (used < limit) {
      const Order order{static_cast<unsigned>(__builtin_ctzll(random.next() | 512))};
      const auto page = churn.pages().alloc_pages(order, kRequest);
      if (!page) break;
      churn.count(page.value(), order, 1);
      held.push_back({page.value(), order});
      used += order.pages().raw;
    }
    std::swap(held[random.below(held.size())], held.back());
    churn.give(held.back().page, held.back().order);
    used -= held.back().order.pages().raw;
    held.pop_back();
  }
  churn.pages().drain_all();
  report("fragB", "huge", churn.free_huge());
}

void frag_d(const Report& report) {
  Churn churn;
  Random random;
  std::vector<std::vector<Pfn>> processes;
  std::uint64_t used = 0;
  const auto refill = [&](std::uint64_t limit) {
    while (used < limit) {
      std::vector<Pfn> frames(64 + random.below(960));
      if (used + frames.size() > kPoolFrames) break;
      for (Pfn& page : frames) page = churn.take();
      used += frames.size();
      processes.push_back(std::move(frames));
    }
  };
  const auto kill_one = [&] {
    std::swap(processes[random.below(processes.size())], processes.back());
    for (const Pfn page : processes.back()) churn.give(page);
    used -= processes.back().size();
    processes.pop_back();
  };
  constexpr std::uint64_t most = kPoolFrames * 9 / 10;
  refill(most);
  for (unsigned step = 0; step < 15'000; ++step) kill_one(), refill(most);
  for (std::uint64_t step = 0; step < 5'000; ++step) {
    kill_one();
    refill(most - kPoolFrames * 4 / 10 * step / 5'000);
  }
  report("fragD", "huge", churn.free_huge());
}

}  // namespace

void fragmentation(const Report& report) {
  frag_a(report);
  frag_b(report);
  frag_d(report);
}

}  // namespace quarry::bench
