// benchmarks/measured.hpp: what an operation takes: nanoseconds of this thread or, under callgrind, a dump of its instructions.
#pragma once

#include <time.h>
#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace quarry::bench {

inline bool is_counting() { return std::getenv("QUARRY_COUNT") != nullptr; }

inline double now_ns(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec at{};
  clock_gettime(clock, &at);
  return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

// How fast this core runs just now, in GHz: of multiplications that wait for each other each takes three cycles, also where
// another thread shares the core.
inline double clock_ghz() {
  constexpr unsigned rounds = 500'000, chain = 8, latency = 3;
  std::uint64_t product = 1, factor = 3;
  const double begin = now_ns();
  for (unsigned i = 0; i < rounds; ++i)
#pragma GCC unroll 8
    for (unsigned link = 0; link < chain; ++link) {
      asm volatile("" : "+r"(product), "+r"(factor));
      product *= factor;
    }
  asm volatile("" : : "r"(product));
  return static_cast<double>(rounds) * chain * latency / (now_ns() - begin);
}

// Runs `body`, which does `operations`; once under callgrind, where the dump is named by key and operations.
template <class Body>
double measure(const std::string& key, double operations, Body body) {
  if (is_counting()) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_TOGGLE_COLLECT;
    body();
    CALLGRIND_TOGGLE_COLLECT;
    const std::string name = key + "/" + std::to_string(static_cast<std::uint64_t>(operations));
    CALLGRIND_DUMP_STATS_AT(name.c_str());
    CALLGRIND_STOP_INSTRUMENTATION;
    return 0;
  }
  const double begin = now_ns();
  body();
  return (now_ns() - begin) / operations;
}

}  // namespace quarry::bench
