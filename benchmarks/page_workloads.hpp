// benchmarks/page_workloads.hpp: what the page workloads do, to the letter of docs/performance.md.
#pragma once

#include <functional>
#include <string>

#include "benchmarks/page_pool.hpp"
#include "benchmarks/random.hpp"

namespace quarry::bench {

inline constexpr std::uint64_t kPoolFrames = 262'144;  // 1 GiB

// Reports one value of a workload: "pair-o0 ns 2.9".
using Report = std::function<void(const std::string& key, const std::string& unit, double value)>;

// Pairs of one order, on an empty pool or one of which 131,072 frames are held.
void pairs(unsigned order, bool half_full, const Report& report);
// All frames one by one; back in order, and shuffled.
void bulk(const Report& report);
// 64 at a time by the bulk calls.
void bulk_of_64(const Report& report);
// Orders by ctz(next | 512), filled to `percent` of the pool.
void mixed(unsigned percent, const Report& report);
// Two threads, each a core: pairs of order 0, and bulk. Thread CPU time, the slower one.
void two_threads(const Report& report);
// 8 GiB described and handed over, for the second time in the same memory; what a frame costs in tables.
void bring_up(const Report& report);
// Free huge frames after churn; deterministic.
void fragmentation(const Report& report);

}  // namespace quarry::bench
