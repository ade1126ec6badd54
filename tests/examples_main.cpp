// Runs what examples/ shows, on memory of this program.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" std::uint64_t early_main(std::uint64_t ram_base, std::uint64_t ram_size, std::uint64_t kernel_end);
extern "C" std::uint64_t mover_main(std::byte* memory, std::uint64_t bytes);

namespace {

constexpr std::uint64_t kSize = std::uint64_t{8} << 20;
alignas(4096) std::byte ram[kSize];

int failed = 0, passed = 0;
void expect(bool holds, const char* what) {
  ++(holds ? passed : failed);
  if (!holds) std::printf("FAIL %s\n", what);
}

}  // namespace

int main() {
  const auto base = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(ram));
  const std::uint64_t stack = early_main(base, kSize, base + 4096);
  expect(stack >= base + 4096 && stack + 16384 <= base + kSize && stack % 4096 == 0,
         "early: a stack inside RAM");
  expect(early_main(base, 8192, base + 4096) == 0, "early: no stack where there is no room");
  const std::uint64_t moves = mover_main(ram, kSize);
  std::printf("mover: %llu pages moved for a block of 1 MiB\n", static_cast<unsigned long long>(moves));
  expect(moves > 0 && moves < kSize >> 12, "mover: a large block out of small holes");
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
