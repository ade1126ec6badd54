// benchmarks/random.hpp: the random numbers of all workloads, splitmix64.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace quarry::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed = 42) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  std::uint64_t below(std::uint64_t n) { return ((next() >> 32) * n) >> 32; }

 private:
  std::uint64_t state_;
};

// Fisher-Yates from the end.
template <class T>
void shuffle(std::vector<T>& all, Random& random) {
  for (std::size_t i = all.size(); i-- > 1;) std::swap(all[i], all[random.below(i + 1)]);
}

}  // namespace quarry::bench
