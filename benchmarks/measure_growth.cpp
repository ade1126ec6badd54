// benchmarks/measure_growth.cpp: how the cost of the page allocator grows with memory, nodes and cores.
//
//   measure_growth native | size | nodes | cores | contention
//
// `native` says two lines, "native ms 12.3" and "native MiB 4.5", of a machine of 64 TiB with 64 nodes; the others print a table.
#include <algorithm>
#include <cstring>
#include <ctime>
#include <queue>

#include "benchmarks/grown_machine.hpp"
#include "benchmarks/random.hpp"

namespace quarry::bench {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30, kTiB = std::uint64_t{1} << 40;
constexpr buddy::Request kMovable{.type = page::MigrateType::movable};
using Allocator = GrownMachine::System::Allocator;

double now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// What of this process is in memory.
double resident_mib() {
  unsigned long long all = 0, resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%llu %llu", &all, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "quarry: %s\n", what);
  std::exit(1);
}

struct BroughtUp {
  double ms = 0, mib = 0;
};

// Of three times, each on a machine of its own.
BroughtUp bring_up(const GrownSize& size) {
  std::vector<double> times, memory;
  for (unsigned round = 0; round < 3; ++round) {
    GrownMachine machine{size};
    const double resident = resident_mib(), begin = now_ns();
    machine.bring_up();
    times.push_back((now_ns() - begin) / 1e6);
    memory.push_back(resident_mib() - resident);
  }
  return {median(times), median(memory)};
}

// ns a pair, of a million.
template <unsigned kOrder>
double pair_ns(Allocator& pages, const buddy::Request& request) {
  std::vector<double> rounds;
  for (unsigned round = 0; round < 5; ++round) {
    constexpr unsigned times = 200'000;
    const double begin = now_ns();
    for (unsigned left = times; left != 0; --left) {
      const auto page = pages.alloc_pages(Order{kOrder}, request);
      require(page && pages.free_pages(page.value(), Order{kOrder}), "a pair failed");
    }
    rounds.push_back((now_ns() - begin) / times);
  }
  return median(rounds);
}

struct ManyFrames {
  double alloc_ns = 0, free_ns = 0;
};

// Single frames, all taken and then given back in a shuffled order; the second time counts.
ManyFrames many_frames(Allocator& pages, std::uint64_t count) {
  std::vector<Pfn> held(count);
  ManyFrames result;
  Random random;
  for (unsigned round = 0; round < 2; ++round) {
    const double begin = now_ns();
    for (Pfn& page : held) {
      const auto got = pages.alloc_pages(Order{0}, kMovable);
      require(static_cast<bool>(got), "a frame is missing");
      page = got.value();
    }
    const double middle = now_ns();
    result.alloc_ns = (middle - begin) / static_cast<double>(count);
    shuffle(held, random);
    const double again = now_ns();
    for (const Pfn page : held) require(static_cast<bool>(pages.free_pages(page, Order{0})), "a free failed");
    result.free_ns = (now_ns() - again) / static_cast<double>(count);
  }
  return result;
}

std::string name_of(std::uint64_t bytes) {
  return bytes >= kTiB ? std::to_string(bytes / kTiB) + " TiB" : std::to_string(bytes / kGiB) + " GiB";
}

void by_size() {
  std::printf("%-8s %10s %10s %9s %9s %9s %11s %11s\n", "RAM", "up, ms", "touched", "o0 pair", "o3 pair",
              "o9 pair", "frame out", "frame back");
  for (const std::uint64_t bytes : {kGiB, 16 * kGiB, 256 * kGiB, 4 * kTiB, 64 * kTiB}) {
    const BroughtUp up = bring_up({bytes, 1, 1});
    GrownMachine machine{{bytes, 1, 1}};
    machine.bring_up();
    const double o0 = pair_ns<0>(machine.pages(), kMovable), o3 = pair_ns<3>(machine.pages(), kMovable),
                 o9 = pair_ns<9>(machine.pages(), kMovable);
    const ManyFrames frames = many_frames(machine.pages(), 200'000);
    std::printf("%-8s %10.2f %6.1f MiB %6.2f ns %6.2f ns %6.2f ns %8.2f ns %8.2f ns\n",
                name_of(bytes).c_str(), up.ms, up.mib, o0, o3, o9, frames.alloc_ns, frames.free_ns);
  }
}

void by_nodes() {
  std::printf("%-6s %10s %10s %10s %12s %14s\n", "nodes", "up, ms", "touched", "near pair", "far pair",
              "full, the next");
  for (const unsigned nodes : {1u, 8u, 64u, 256u, 1024u}) {
    const GrownSize size{std::uint64_t{nodes} * kGiB / 2 + 4 * kGiB, nodes, 1};
    const BroughtUp up = bring_up(size);
    GrownMachine machine{size};
    machine.bring_up();
    const auto last = static_cast<NodeId>(nodes - 1);
    const double near = pair_ns<0>(machine.pages(), kMovable);
    const double far = pair_ns<0>(machine.pages(), {.type = page::MigrateType::movable, .node = last});
    // All of one node is in use: its requests look there first, and then beside it.
    const buddy::Request only{
        .type = page::MigrateType::movable, .placement = buddy::Placement::this_node, .node = last};
    double next = 0;
    if (nodes > 1) {
      while (machine.pages().alloc_pages(Order{0}, only)) {
      }
      next = pair_ns<0>(machine.pages(), {.type = page::MigrateType::movable, .node = last});
    }
    std::printf("%-6u %10.2f %6.1f MiB %7.2f ns %9.2f ns", nodes, up.ms, up.mib, near, far);
    if (nodes > 1)
      std::printf(" %11.2f ns\n", next);
    else
      std::printf(" %14s\n", "-");
  }
}

// A batch goes from core to core: taken here, given back there. What it costs, and how much of that a zone is locked.
struct PassedOn {
  double ns = 0, locked_ns = 0, holds = 0;  // a frame
};
PassedOn pass_on(GrownMachine& machine, bool is_timed) {
  constexpr unsigned batch = 512, rounds = 400;
  std::vector<Pfn> held(batch);
  const unsigned cores = machine.cores().count;
  PassedOn result;
  CountedLock::clock = is_timed ? &now_ns : nullptr;
  CountedLock::holds = 0, CountedLock::held_ns = 0;
  const double begin = now_ns();
  for (unsigned round = 0; round < rounds; ++round) {
    machine.cores().running = round % cores;
    for (Pfn& page : held) page = machine.pages().alloc_pages(Order{0}, kMovable).value();
    machine.cores().running = (round + 1) % cores;
    for (const Pfn page : held)
      require(static_cast<bool>(machine.pages().free_pages(page, Order{0})), "a free failed");
  }
  const double frames = double{batch} * rounds;
  result.ns = (now_ns() - begin) / frames;
  result.locked_ns = CountedLock::held_ns / frames;
  result.holds = static_cast<double>(CountedLock::holds) / frames;
  CountedLock::clock = nullptr;
  machine.cores().running = 0;
  return result;
}

void by_cores() {
  std::printf("%-6s %12s %14s %16s %14s %12s\n", "cores", "own pair", "pair in turn", "passed to next",
              "locks a frame", "lists a core");
  for (const unsigned cores : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
    GrownMachine machine{{16 * kGiB, 1, cores}};
    machine.bring_up();
    const double own = pair_ns<0>(machine.pages(), kMovable);
    constexpr unsigned turns = 1'000'000;
    const double begin = now_ns();
    for (unsigned turn = 0; turn < turns; ++turn) {
      machine.cores().running = turn % cores;
      const auto page = machine.pages().alloc_pages(Order{0}, kMovable);
      require(page && machine.pages().free_pages(page.value(), Order{0}), "a pair failed");
    }
    const double in_turn = (now_ns() - begin) / turns;
    machine.cores().running = 0;
    const PassedOn passed = pass_on(machine, false);
    const double lists = static_cast<double>(machine.pages().cpu_lists_size().raw) / cores / 1024;
    std::printf("%-6u %9.2f ns %11.2f ns %13.2f ns %14.3f %8.1f KiB\n", cores, own, in_turn, passed.ns,
                passed.holds, lists);
  }
}

// So many cores that pass frames on all the time and wait for one zone's lock in turn, served in the order in which they came.
// A hold takes what it was measured to take and the way of the lock's cache line from another core.
double throughput(unsigned cores, double outside_ns, double inside_ns) {
  constexpr double line_ns = 42, end_ns = 1e8;
  std::priority_queue<double, std::vector<double>, std::greater<>> arrivals;
  for (unsigned core = 0; core < cores; ++core) arrivals.push(outside_ns * core / cores);
  double free_at = 0, served = 0;
  for (;;) {
    const double at = arrivals.top();
    if (at > end_ns) return served / end_ns;
    arrivals.pop();
    free_at = std::max(at, free_at) + inside_ns + (cores > 1 ? line_ns : 0);
    ++served;
    arrivals.push(free_at + outside_ns);
  }
}

void by_contention() {
  GrownMachine machine{{16 * kGiB, 1, 2}};
  machine.bring_up();
  pass_on(machine, false);
  const PassedOn plain = pass_on(machine, false), timed = pass_on(machine, true);
  // The clock is read twice a hold; what it adds is taken off.
  std::vector<double> reads;
  for (unsigned i = 0; i < 1000; ++i) {
    const double begin = now_ns();
    reads.push_back(now_ns() - begin);
  }
  const double clock = median(reads), inside = timed.locked_ns / timed.holds - clock,
               outside = plain.ns / plain.holds - inside;
  std::printf(
      "a hold of the zone's lock: %.0f ns, every %.0f ns of a core that passes on all it takes; in between "
      "%.0f frames\n",
      inside, outside + inside, 1 / plain.holds);
  std::printf("%-6s %16s %10s %14s\n", "cores", "frames a us", "of one", "of the limit");
  const double one = throughput(1, outside, inside);
  for (const unsigned cores : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
    const double all = throughput(cores, outside, inside), limit = std::min(cores * one, 1 / inside);
    std::printf("%-6u %16.1f %9.2fx %13.2f\n", cores, all / plain.holds * 1000, all / one, all / limit);
  }
}

void native() {
  const BroughtUp up = bring_up({64 * kTiB, 64, 64});
  std::printf("native ms %.2f\nnative MiB %.2f\n", up.ms, up.mib);
}

}  // namespace
}  // namespace quarry::bench

int main(int count, char** words) {
  using namespace quarry::bench;
  const struct {
    const char* name;
    void (*run)();
  } all[] = {{"native", native},
             {"size", by_size},
             {"nodes", by_nodes},
             {"cores", by_cores},
             {"contention", by_contention}};
  for (const auto& one : all)
    if (count == 2 && std::strcmp(words[1], one.name) == 0) return one.run(), 0;
  std::fprintf(stderr, "usage: measure_growth native | size | nodes | cores | contention\n");
  return 2;
}
