// tests/splitmix64.hpp: the random numbers of tests and workloads, the same everywhere.
#pragma once

#include <cstdint>

namespace quarry::test {

class Splitmix64 {
 public:
  explicit Splitmix64(std::uint64_t seed = 42) noexcept : state_{seed} {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9E37'79B9'7F4A'7C15);
    z = (z ^ z >> 30) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ z >> 27) * 0x94D0'49BB'1331'11EB;
    return z ^ z >> 31;
  }
  // Less than `end`, which is below 2^32.
  std::uint64_t below(std::uint64_t end) noexcept { return (next() >> 32) * end >> 32; }

 private:
  std::uint64_t state_;
};

}  // namespace quarry::test
