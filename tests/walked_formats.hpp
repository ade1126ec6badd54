// tests/walked_formats.hpp: the formats of page tables, each with the way in which a processor walks it. Hosted.
#pragma once

#include "quarry/vm/format_arm.hpp"
#include "quarry/vm/format_riscv64.hpp"
#include "quarry/vm/format_x86_64.hpp"
#include "tests/page_table_walker.hpp"

namespace quarry::vm::walker {

template <unsigned kLevels>
struct WalkedX86 : X86<kLevels> {
  static auto walk(std::uint64_t root, std::uint64_t virt, const ReadWord& read) {
    return walk_x86(kLevels, root, virt, read);
  }
};
// The kernel's half.
template <unsigned kVirtBits, unsigned kPageShift = 12>
struct WalkedArm64 : Arm64<kVirtBits, Half::upper, kPageShift> {
  static auto walk(std::uint64_t root, std::uint64_t virt, const ReadWord& read) {
    return walk_arm(kPageShift, kVirtBits, 48, 2, root, virt, read);
  }
};
struct WalkedLpae : ArmLpae {
  static auto walk(std::uint64_t root, std::uint64_t virt, const ReadWord& read) {
    return walk_arm(12, 32, 40, 1, root, virt, read);
  }
};
template <unsigned kVirtBits>
struct WalkedRiscv64 : Riscv64<kVirtBits> {
  static auto walk(std::uint64_t root, std::uint64_t virt, const ReadWord& read) {
    return walk_riscv((kVirtBits - 12) / 9, root, virt, read);
  }
};

}  // namespace quarry::vm::walker
