// benchmarks/random.hpp: the random numbers of all workloads.
#pragma once

#include <utility>
#include <vector>

#include "tests/splitmix64.hpp"

namespace quarry::bench {

using Random = test::Splitmix64;

// Fisher-Yates from the end.
template <class T>
void shuffle(std::vector<T>& all, Random& random) {
  for (std::size_t i = all.size(); i-- > 1;) std::swap(all[i], all[random.below(i + 1)]);
}

}  // namespace quarry::bench
