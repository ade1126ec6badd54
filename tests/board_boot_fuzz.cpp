// Any bytes as a board: a device tree with reserved memory of every kind, booted by the flows of arm64 with pages of 4, 16
// and 64 KiB, of arm with and without LPAE, and of riscv64, with either early allocator, to kmalloc. The laws are those of
// tests/boot_laws.hpp. A boot that makes Linux's mistakes gives reserved pages away where Linux does, and is held to
// the other laws.
#include <cstdlib>

#include "tests/boot_laws.hpp"
#include "tests/fuzzed_board.hpp"

namespace quarry {
namespace {

using Board = test::FuzzedBoard;

struct Described {
  const Board& board;
  bool may_be_given(std::uint64_t page_begin) const {
    return boot::reproduces_bugs(board.machine) || board.may_be_given(page_begin);
  }
};

template <Geometry G>
void boot_board(Board& board, boot::EarlyChoice choice) {
  test::bring_up_and_take<G>(board.machine, choice, Described{board},
                             [&](const boot::State& state) { board.learn(state); });
}

}  // namespace

void panic(const char*, Site) noexcept { std::abort(); }

}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry;
  test::Bytestream bytes{data, size};
  const unsigned how = bytes.byte();
  const auto choice = how % 2 != 0 ? boot::EarlyChoice::bootmem : boot::EarlyChoice::memblock;
  Board board{bytes};
  if (how % 8 >= 6) board.machine.limits.known_bugs = boot::KnownBugs::reproduced;
  with_geometry(board.machine.geometry, [&]<Geometry G>() { boot_board<G>(board, choice); });
  return 0;
}
