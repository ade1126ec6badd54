// Any bytes as operations on Memblock and its model: they must agree after each one, and all laws hold.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/memblock_lockstep.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry::early;
  constexpr std::size_t cells = 64;
  if (size == 0) return 0;
  Lockstep<cells, 1024> both{std::size_t{3} + data[0] % 16u};
  if (!both.step({.verb = Verb::add, .range = {1, cells}}).empty()) std::abort();
  for (std::size_t at = 1; at + 8 <= size; at += 8) {
    std::uint8_t raw[8];
    std::memcpy(raw, data + at, sizeof raw);
    const std::string differs = both.step(step_from<cells>(raw));
    if (differs.empty()) continue;
    std::printf("after %zu steps: %s\n", at / 8 + 1, differs.c_str());
    std::abort();
  }
  return 0;
}
