// Any bytes as operations on Memblock and its model: they must agree after each one, and all laws hold.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/memblock_lockstep.hpp"

namespace {

template <class Both>
int run(const std::uint8_t* data, std::size_t size) {
  using namespace quarry::early;
  Both both{std::size_t{3} + (data[0] & 15u)};
  if (both.step({.verb = Verb::add, .range = {1, Both::kCellCount}}) != nullptr) std::abort();
  for (std::size_t at = 1; at + 8 <= size; at += 8) {
    std::uint8_t raw[8];
    std::memcpy(raw, data + at, sizeof raw);
    const char* const differs = both.step(step_from<Both::kCellCount>(raw));
    if (differs == nullptr) continue;
    std::printf("after %zu steps: %s\n", at / 8 + 1, differs);
    std::abort();
  }
  return 0;
}

// From below 4 GiB to above it.
constexpr std::uint64_t kAcross4G = (std::uint64_t{1} << 32) - (std::uint64_t{32} << 10);

}  // namespace

// The first byte says how small the tables are and where the cells lie.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry::early;
  if (size == 0) return 0;
  switch (data[0] >> 6) {
    case 0: return run<Lockstep<64, 1024, kAcross4G>>(data, size);
    case 1: return run<Lockstep<200, 512>>(data, size);
    default: return run<Lockstep<64, 1024>>(data, size);
  }
}
