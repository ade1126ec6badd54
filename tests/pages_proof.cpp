// The long proofs of the page allocator, without GoogleTest, so that they run wherever the library does.
//
// usage: pages_proof quick|states|deep|random [SEED]
//   quick      a little of each, in a few seconds
//   states     four to six calls deep into the distinct states of sixteen pages, with and without per-CPU lists
//   deep       one call deeper
//   random     random calls on larger machines: nodes, zones, areas, cores, deferred sections
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/pages_exhaustive.hpp"
#include "tests/pages_random.hpp"

namespace quarry::buddy {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Named {
  Theme theme;
  const char* name;
  std::size_t depth;  // of the long proof
};
constexpr Named kThemes[] = {{Theme::blocks, "blocks", 6},
                             {Theme::urgency, "urgency", 5},
                             {Theme::runs, "runs", 5},
                             {Theme::isolation, "isolation", 4}};

template <Geometry G, class Policy>
bool run_states(const std::string& what, PagesSetup setup, Theme theme, std::size_t depth) {
  const auto begin = std::chrono::steady_clock::now();
  if (theme == Theme::urgency) setup.min_free_kbytes = 12;  // three pages
  PagesLockstep<G, Policy> both{setup};
  if (!both.is_ready()) return std::printf("%s: FAILED: not ready\n", what.c_str()), false;
  const std::vector<PageStep> steps =
      steps_about(theme, both.cells().size(), std::uint64_t{1} << G.pageblock_order_, G.max_order_ + 1);
  const PagesCoverage seen = PagesStates<PagesLockstep<G, Policy>>{both, steps, 20'000'000}.run(depth);
  std::printf("%s: %.3f million distinct states (by depth", what.c_str(),
              static_cast<double>(seen.states) / 1e6);
  for (const std::uint64_t count : seen.by_depth)
    std::printf(" %llu", static_cast<unsigned long long>(count));
  std::printf("%s), %.2f million transitions, %.1f s\n", seen.is_whole ? "" : ", and more that were not kept",
              static_cast<double>(seen.transitions) / 1e6, seconds_since(begin));
  if (seen.wrong.empty()) return true;
  std::printf("FAILED: %s, after\n", seen.wrong.c_str());
  for (const PageStep& step : seen.how) std::printf("  %s\n", text_of(step).c_str());
  return false;
}

// As deep as each theme says; `most` calls at most, and `more`.
struct Depth {
  std::size_t most = 6, more = 0;
};
template <class Policy>
bool run_all_states(const std::string& policy, Depth wanted) {
  bool good = true;
  for (const auto& [theme, name, own] : kThemes) {
    const std::size_t depth = (own < wanted.most ? own : wanted.most) + wanted.more;
    const std::string what = policy + ", " + name;
    good &= run_states<kTinyFlat, Policy>(what, sixteen_pages(0, {}), theme, depth);
    const PagesSetup core = sixteen_pages(1, {.batch = 2, .high = 4}),
                     one = sixteen_pages(1, {.batch = 1, .high = 4});
    good &= run_states<kTinyFlat, Policy>(what + ", a core", core, theme, depth);
    good &= run_states<kTinyFlat, Policy>(what + ", a core, batches of one", one, theme, depth);
    good &= run_states<kTinyFlat, Policy>(what + ", ragged", ragged_pages(0), theme, depth);
    good &= run_states<kTinyFlat, Policy>(what + ", ragged, a core", ragged_pages(1), theme, depth);
    PagesSetup deferred = sixteen_pages(0, {});
    deferred.hand_over = HandOver::deferred;
    good &= run_states<kTinySparse, Policy>(what + ", deferred", deferred, theme, depth);
  }
  return good;
}

template <Geometry G, class Policy>
bool run_random(const char* what, const PagesSetup& setup, std::uint64_t seed, unsigned runs,
                unsigned length) {
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned run = 0; run < runs; ++run)
    if (const std::string wrong = run_random_pages<G, Policy>(setup, seed + run, length); !wrong.empty())
      return std::printf("%s: FAILED: %s\n", what, wrong.c_str()), false;
  std::printf("%s: %.3f million calls from seed %llu, %.1f s\n", what, runs * length / 1e6,
              static_cast<unsigned long long>(seed), seconds_since(begin));
  return true;
}

template <class Policy>
bool run_all_random(const std::string& policy, std::uint64_t seed, unsigned runs) {
  const auto name = [&](const char* what) { return policy + ", " + what; };
  bool good = true;
  good &= run_random<kTinyFlat, Policy>(name("sixteen pages").c_str(),
                                        sixteen_pages(2, {.batch = 2, .high = 5}), seed, 4 * runs, 400);
  good &= run_random<kSmallFlat, Policy>(name("flat").c_str(), large_machine(0, HandOver::at_once), seed,
                                         runs, 300);
  good &= run_random<kSmallFlat, Policy>(name("flat, two cores").c_str(), large_machine(2, HandOver::at_once),
                                         seed, runs, 300);
  good &= run_random<kSmallSparse, Policy>(name("sparse, three cores").c_str(),
                                           large_machine(3, HandOver::at_once), seed, runs, 300);
  good &= run_random<kSmallSparse, Policy>(name("sparse, deferred, two cores").c_str(),
                                           large_machine(2, HandOver::deferred), seed, runs, 300);
  good &=
      run_random<kSmallFlat, Policy>(name("an area, two cores").c_str(), area_machine(2), seed, runs, 300);
  return good;
}

template <class Policy>
bool run(const std::string& policy, std::string_view what, std::uint64_t seed) {
  if (what == "states") return run_all_states<Policy>(policy, {});
  if (what == "deep") return run_all_states<Policy>(policy, {.more = 1});
  if (what == "random") return run_all_random<Policy>(policy, seed, 400);
  if (what != "quick") return false;
  const bool good = run_all_random<Policy>(policy, seed, 4);
  return run_all_states<Policy>(policy, {.most = 3}) && good;
}

}  // namespace
}  // namespace quarry::buddy

int main(int count, char** words) {
  using namespace quarry::buddy;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string_view what = count > 1 ? words[1] : "quick";
  const std::uint64_t seed = count > 2 ? std::strtoull(words[2], nullptr, 0) : 1;
  const bool good = run<LinuxPolicy>("linux", what, seed) && run<CompactPolicy>("compact", what, seed);
  std::printf("%s\n", good ? "1 passed, 0 failed" : "0 passed, 1 failed");
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
