// Where boot loaders put kernel, tree and initrd: the rules of corpus_case.hpp.
#include <algorithm>

#include "linux/corpus_case.hpp"
#include "quarry/base/bits.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

PhysAddr rounded_up(PhysAddr at, std::uint64_t alignment) {
  return PhysAddr{(at.raw + alignment - 1) & ~(alignment - 1)};
}

// The self-unpacking image of arm finds the start of RAM itself: the 128 MiB block that it runs in, or, if the
// tree's memory starts later, that start, rounded up to 2 MiB.
PhysAddr arm_base(PhysAddr loaded_at, PhysAddr lowest_memory) {
  const PhysAddr block{loaded_at.raw & ~(128 * kMiB - 1)};
  return std::max(block, rounded_up(lowest_memory, 2 * kMiB));
}

// Bytes that QEMU's tree has: a megabyte when QEMU made it, twice the board's and room when it was given.
Bytes qemu_tree_size(const LoaderRequest& request) {
  if (!request.is_board_tree) return Bytes{kMiB};
  if (request.board_tree_bytes.raw == 0) return Bytes{0};
  constexpr std::uint64_t room_beside = 10'000;
  return Bytes{2 * (request.board_tree_bytes.raw + room_beside)};
}

}  // namespace

Placement place(const LoaderRequest& request, const KernelProfile& kernel) {
  const bool is_arm64 = request.arch == boot::Arch::arm64;
  const PhysAddr ram = request.ram_base.value_or(PhysAddr{0x40000000});
  if (request.kind == LoaderRequest::Kind::qemu) {
    const PhysAddr base = request.lowest_memory;
    return {.kernel_base = is_arm64 ? base + Bytes{2 * kMiB} : arm_base(base + Bytes{0x10000}, base),
            .tree_at = rounded_up(request.initrd.end(), is_arm64 ? 2 * kMiB : 4096),
            .tree_size = qemu_tree_size(request)};
  }
  if (is_arm64) {
    const PhysAddr base = request.kernel.value_or(ram + Bytes{2 * kMiB});
    const PhysAddr end = base + Bytes{kernel.symbols.end - kernel.symbols.text};
    return {.kernel_base = base,
            .tree_at = request.tree.value_or(rounded_up(end, 2 * kMiB)),
            .tree_size = request.tree_bytes};
  }
  const PhysAddr at = request.kernel.value_or(ram + Bytes{32 * kMiB});
  return {.kernel_base = arm_base(at, request.lowest_memory),
          .tree_at = request.tree.value_or(rounded_up(at + kernel.image_bytes, kMiB)),
          .tree_size = request.tree_bytes};
}

}  // namespace quarry::lnx
