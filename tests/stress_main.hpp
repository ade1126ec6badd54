// tests/stress_main.hpp: what the programs that use an allocator from many threads have in common.
//
//   PROGRAM [SECONDS [THREADS]]      0 seconds: 20,000 steps each
//
// Stress      made of threads, time and steps; run() says what is wrong, report(name) prints what was done
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace quarry::testing {

template <class Stress>
bool run_stress(const char* name, unsigned threads, unsigned seconds) {
  Stress stress{threads, std::chrono::seconds{seconds}, 20'000};
  const std::string wrong = stress.run();
  stress.report(name);
  if (!wrong.empty()) std::printf("%s: FAILED: %s\n", name, wrong.c_str());
  return wrong.empty();
}

// Two kinds, one after the other.
//
// Returns   the program's exit status.
template <class One, class Other>
int stress_main(int count, char** words, const char* one, const char* other) {
  const unsigned seconds = count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 0;
  const unsigned threads = count > 2 ? static_cast<unsigned>(std::atoi(words[2])) : 8;
  const int good = run_stress<One>(one, threads, seconds) + run_stress<Other>(other, threads, seconds);
  std::printf("%d passed, %d failed\n", good, 2 - good);
  return good == 2 ? 0 : 1;
}

}  // namespace quarry::testing
