// The long proofs of memblock and bootmem, without GoogleTest, so that they run wherever the library does.
//
// usage: early_proof quick|sequences|states|deep|random [SEED]
//   quick      a little of each, in a few seconds
//   sequences  all sequences of three operations on six pages, in both directions, and of bootmem; tables
//              of 100,000 regions
//   states     five operations deep into the distinct states of six pages, theme by theme
//   deep       the same with all operations at once; needs gigabytes
//   random     random operations at larger sizes, with growing tables, and across 4 GiB
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "tests/bootmem_lockstep.hpp"
#include "tests/memblock_exhaustive.hpp"
#include "tests/memblock_growth.hpp"

namespace quarry::early {
namespace {

// From below 4 GiB to above it: no pointer of a 32-bit machine reaches the upper half.
constexpr std::uint64_t kAcross4G = (std::uint64_t{1} << 32) - (std::uint64_t{32} << 10);

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double millions(std::uint64_t count) { return static_cast<double>(count) / 1e6; }

// Returns   whether all was well.
bool told(const char* what, const Coverage& seen, std::chrono::steady_clock::time_point begin) {
  std::printf("%s: %zu operations, ", what, seen.operations);
  if (seen.sequences != 0) std::printf("%.2f million sequences, ", millions(seen.sequences));
  if (seen.states != 0) {
    std::printf("%.3f million distinct states (by depth", millions(seen.states));
    for (const std::uint64_t count : seen.states_by_depth)
      std::printf(" %llu", static_cast<unsigned long long>(count));
    std::printf("%s), ", seen.is_whole ? "" : ", and more that were not kept");
  }
  std::printf("%.2f million transitions, %.1f s\n", millions(seen.transitions), seconds_since(begin));
  if (seen.wrong == nullptr) return true;
  std::printf("FAILED: %s, after\n", seen.wrong);
  for (const Step& step : seen.how) print(step);
  return false;
}

template <std::size_t kPages>
using Pages = Lockstep<kPages + 1, 4096>;

template <std::size_t kPages>
bool run_sequences(const char* what, std::size_t depth, Direction direction) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Step> steps = steps_about(Theme::everything, kPages);
  Pages<kPages> both{16};
  populate(both, direction);
  return told(what, Sequences<Pages<kPages>>{both, steps, depth}.run(), begin);
}

template <std::size_t kPages>
bool run_states(const char* what, Theme theme, std::size_t depth, std::size_t max_states) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Step> steps = steps_about(theme, kPages);
  Pages<kPages> both{16};
  populate(both, Direction::top_down);
  return told(what, States<Pages<kPages>>{both, steps, max_states}.run(depth), begin);
}

// A generator of one's own, so that a seed means the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_{seed} {}
  std::uint64_t next() noexcept {
    std::uint64_t bits = state_ += 0x9e37'79b9'7f4a'7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58'476d'1ce4'e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d0'49bb'1331'11eb;
    return bits ^ (bits >> 31);
  }

 private:
  std::uint64_t state_;
};

template <std::size_t kCells>
Step random_step(Random& random) {
  const std::uint64_t bits = random.next();
  std::uint8_t raw[8];
  std::memcpy(raw, &bits, sizeof raw);
  Step step = step_from<kCells>(raw);
  if constexpr (kCells > 256) {  // a byte does not reach everywhere
    step.range.begin = static_cast<std::size_t>(random.next() % (kCells + 1));
    step.range.end = step.range.begin + static_cast<std::size_t>(random.next() % 24);
    if (step.range.end > kCells) step.range.end = kCells;
  }
  return step;
}

template <class Both>
bool run_random(const char* what, std::uint64_t seed, unsigned runs, unsigned length, std::size_t regions,
                std::size_t holes) {
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t operations = 0;
  for (unsigned run = 0; run < runs; ++run) {
    Random random{seed + run};
    Both both{regions};
    const char* wrong = both.step({.verb = Verb::add, .range = {4, Both::kCellCount}});
    for (std::size_t i = 0; i < holes && wrong == nullptr; ++i)
      wrong = both.step_tables({.verb = Verb::reserve, .range = {5 + 2 * i, 6 + 2 * i}});
    for (unsigned i = 0; i < length && wrong == nullptr; ++i) {
      wrong = both.step(random_step<Both::kCellCount>(random));
      ++operations;
    }
    if (wrong == nullptr) continue;
    std::printf("%s: FAILED: %s, in run %u of seed %llu\n", what, wrong, run,
                static_cast<unsigned long long>(seed));
    return false;
  }
  std::printf("%s: %.3f million operations from seed %llu, %.1f s\n", what, millions(operations),
              static_cast<unsigned long long>(seed), seconds_since(begin));
  return true;
}

bool run_growth(std::size_t regions) {
  const auto begin = std::chrono::steady_clock::now();
  const char* const wrong = grow_to(regions);
  std::printf("tables of %zu regions, each growth where it belongs: %s, %.1f s\n", regions,
              wrong != nullptr ? wrong : "12 ways there and back", seconds_since(begin));
  if (wrong != nullptr) std::printf("FAILED: %s\n", wrong);
  return wrong == nullptr;
}

bool run_bootmem_sequences(std::size_t depth) {
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t sequences = 0;
  const std::string wrong = by_page::run_sequences(depth, sequences);
  std::printf("bootmem, sequences of %zu on six pages: %zu operations, %.2f million sequences, %.1f s\n",
              depth, by_page::all_steps().size(), millions(sequences), seconds_since(begin));
  if (!wrong.empty()) std::printf("FAILED: %s\n", wrong.c_str());
  return wrong.empty();
}

// Random operations on both halves of a machine's life: before the hand-over of each node, and after it.
std::string bootmem_run(Random& random, unsigned length, LongBits width) {
  using namespace by_page;
  by_page::Lockstep both{kRandom, width};
  std::array<std::uint8_t, 8> raw;
  const auto steps = [&](unsigned count) {
    std::string differs;
    for (unsigned i = 0; i < count && differs.empty(); ++i) {
      const std::uint64_t bits = random.next();
      std::memcpy(raw.data(), &bits, raw.size());
      differs = both.step(by_page::step_from(raw));
    }
    return differs;
  };
  for (const auto& [min, low] : kRandom.nodes)
    both.apply_unseen({.verb = by_page::Verb::free, .begin = min * kPage, .length = (low - min) * kPage});
  std::string differs = steps(length);
  for (const std::size_t node : {1u, 0u, 2u}) {
    if (differs.empty()) differs = both.hand_over(node);
    if (differs.empty()) differs = steps(20);
  }
  return differs;
}

bool run_bootmem_random(std::uint64_t seed, unsigned runs, unsigned length) {
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned run = 0; run < runs; ++run) {
    Random random{seed + run};
    const std::string wrong = bootmem_run(random, length, run % 2 == 0 ? LongBits::bits64 : LongBits::bits32);
    if (wrong.empty()) continue;
    std::printf("bootmem: FAILED: %s, in run %u of seed %llu\n", wrong.c_str(), run,
                static_cast<unsigned long long>(seed));
    return false;
  }
  std::printf("bootmem: %.3f million operations from seed %llu, %.1f s\n",
              millions(std::uint64_t{runs} * (length + 60)), static_cast<unsigned long long>(seed),
              seconds_since(begin));
  return true;
}

bool run_all_random(std::uint64_t seed, unsigned times) {
  bool good = run_random<Lockstep<64, 1024>>("64 cells", seed, 40 * times, 400, 256, 0);
  good &= run_random<Lockstep<64, 1024>>("64 cells, tables that grow", seed, 80 * times, 200, 3, 0);
  good &= run_random<Lockstep<64, 1024, kAcross4G>>("64 cells across 4 GiB", seed, 40 * times, 400, 256, 0);
  good &= run_random<Lockstep<64, 1024, kAcross4G>>("64 cells across 4 GiB, tables that grow", seed,
                                                    80 * times, 200, 3, 0);
  good &= run_random<Lockstep<1100, 1024>>("1,100 cells, rings", seed, 2 * times, 300, 700, 540);
  good &= run_random<Lockstep<2400, 1024>>("2,400 cells, tables that grow into rings", seed, times, 300, 128,
                                           300);
  good &= run_bootmem_random(seed, 60 * times, 300);
  good &= run_growth(times == 1 ? 3'000 : 100'000);
  return good;
}

bool run_quick() {
  bool good = run_all_random(1, 1);
  good &= run_sequences<4>("sequences of two on four pages", 2, Direction::top_down);
  good &= run_sequences<4>("sequences of two on four pages, bottom up", 2, Direction::bottom_up);
  good &= run_bootmem_sequences(2);
  good &= run_states<2>("three deep on two pages", Theme::everything, 3, 100'000);
  return good;
}

bool run_all_sequences() {
  bool good = run_sequences<6>("sequences of three on six pages", 3, Direction::top_down);
  good &= run_sequences<6>("sequences of three on six pages, bottom up", 3, Direction::bottom_up);
  good &= run_bootmem_sequences(3);
  good &= run_growth(100'000);
  return good;
}

struct Named {
  Theme theme;
  const char* name;
};
constexpr Named kThemes[]{{Theme::nodes, "nodes"},
                          {Theme::mirror, "mirror"},
                          {Theme::hotplug, "hotplug"},
                          {Theme::nomap, "nomap"},
                          {Theme::driver_managed, "driver_managed"},
                          {Theme::limits, "limits"}};

bool run_all_states() {
  bool good = run_states<3>("everything on three pages", Theme::everything, 5, 4'000'000);
  for (const auto& [theme, name] : kThemes) good &= run_states<6>(name, theme, 5, 4'000'000);
  return good;
}

bool run_deep() { return run_states<6>("everything on six pages", Theme::everything, 5, 100'000'000); }

}  // namespace
}  // namespace quarry::early

int main(int count, char** words) {
  using namespace quarry::early;
  const std::string_view what = count > 1 ? words[1] : "quick";
  const std::uint64_t seed = count > 2 ? std::strtoull(words[2], nullptr, 0) : 1;
  bool good = false;
  if (what == "quick") good = run_quick();
  if (what == "sequences") good = run_all_sequences();
  if (what == "states") good = run_all_states();
  if (what == "deep") good = run_deep();
  if (what == "random") good = run_all_random(seed, 10);
  std::printf("%s\n", good ? "1 passed, 0 failed" : "0 passed, 1 failed");
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
