// Any bytes as an x86_64 machine, booted from its map to kmalloc with either early allocator. The laws are those of
// tests/boot_laws.hpp.
#include <cstdlib>

#include "quarry/base/geometries.hpp"
#include "tests/boot_laws.hpp"
#include "tests/fuzzed_machine.hpp"

namespace quarry {

void panic(const char*, Site) noexcept { std::abort(); }

}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry;
  test::Bytestream bytes{data, size};
  const auto choice = bytes.byte() % 2 != 0 ? boot::EarlyChoice::bootmem : boot::EarlyChoice::memblock;
  const test::FuzzedMachine described{bytes};
  test::bring_up_and_take<k4KSparse>(described.machine, choice, described, [](const boot::State&) {});
  return 0;
}
