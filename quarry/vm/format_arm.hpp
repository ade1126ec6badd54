// quarry/vm/format_arm.hpp: the long descriptors of arm64 and of arm's LPAE.
//
// Source    Arm Architecture Reference Manual for A-profile (DDI 0487, issue I.a), D8.3 "Translation table
//           descriptor formats", stage 1; D8.14 for break-before-make. For arm: Armv7-A and Armv7-R edition
//           (DDI 0406, issue C.d), B3.6 "Long-descriptor translation table format".
#pragma once

#include "quarry/vm/format.hpp"

namespace quarry::vm {

// What the port writes to MAIR_EL1 (MAIR0 on arm), so that the entries' memory types are meant: write back with
// read and write allocation; not cacheable; Device-nGnRE.
inline constexpr std::uint64_t kMemoryAttributes = 0x04'44ff;

// Which of the two roots of arm64: TTBR0 translates addresses whose upper bits are 0, TTBR1 those with ones.
enum class Half : std::uint8_t { lower, upper };
// Who forbids to execute: the kernel and user programs apart (arm64), or one bit for both (arm).
enum class ExecuteNever : std::uint8_t { apart, both };

template <unsigned PageShift, unsigned VirtBits, unsigned PhysBits, Half WhichHalf, ExecuteNever Never>
struct LongDescriptors {
  static constexpr unsigned kPageShift = PageShift;
  static constexpr unsigned kVirtBits = VirtBits;
  static constexpr unsigned kPhysBits = PhysBits;
  static constexpr unsigned kHighestLeaf = PageShift == 12 ? 2 : 1;  // 1 GiB; 32 MiB of 16K, 512 MiB of 64K
  static constexpr std::uint64_t kOptional = 0;
  static constexpr bool kBreaksBeforeMaking = true;

  static constexpr bool translates(VirtAddr at) noexcept {
    return at.raw >> VirtBits == (WhichHalf == Half::lower ? 0 : UINT64_MAX >> VirtBits);
  }
  static constexpr bool is_present(std::uint64_t entry) noexcept { return (entry & kValid) != 0; }
  static constexpr bool is_leaf(std::uint64_t entry, unsigned level) noexcept {
    return level == 0 || (entry & kTableOrPage) == 0;
  }
  static constexpr PhysAddr address_in(std::uint64_t entry, unsigned) noexcept {
    return PhysAddr{entry & kAddress};
  }
  static constexpr std::uint64_t table_at(PhysAddr at) noexcept { return at.raw | kValid | kTableOrPage; }
  static constexpr std::uint64_t leaf_at(PhysAddr at, unsigned level, Access access) noexcept {
    const bool kernel_executes = access.execute && !access.user;
    const bool user_executes = access.execute && (access.user || Never == ExecuteNever::both);
    return at.raw | kValid | (level == 0 ? kTableOrPage : 0) | index_of(access.type) | kInnerShareable |
           kAccessed | (access.write ? 0 : kReadOnly) | (access.user ? kUser | kNotGlobal : 0) |
           (kernel_executes ? 0 : kKernelNever) | (user_executes ? 0 : kUserNever);
  }
  static constexpr Access access_of(std::uint64_t entry, unsigned) noexcept {
    const bool user = (entry & kUser) != 0;
    const std::uint64_t never = user ? kUserNever : kKernelNever;
    return {.write = (entry & kReadOnly) == 0,
            .execute = (entry & never) == 0,
            .user = user,
            .type = static_cast<MemoryType>((entry >> 2) & 7)};
  }

 private:
  static constexpr std::uint64_t kValid = 1u << 0, kTableOrPage = 1u << 1, kUser = 1u << 6,
                                 kReadOnly = 1u << 7, kInnerShareable = 3u << 8, kAccessed = 1u << 10,
                                 kNotGlobal = 1u << 11, kKernelNever = std::uint64_t{1} << 53,
                                 kUserNever = std::uint64_t{1} << 54;
  static constexpr std::uint64_t kAddress =
      ((std::uint64_t{1} << PhysBits) - 1) & ~((std::uint64_t{1} << PageShift) - 1);

  // Which byte of the memory attributes.
  static constexpr std::uint64_t index_of(MemoryType type) noexcept {
    return static_cast<std::uint64_t>(type) << 2;
  }
};

// VirtBits: 39 (3 levels) or 48 (4 levels) with pages of 4 KiB; 36, 47 or 48 with 16; 42 or 48 with 64.
template <unsigned VirtBits, Half WhichHalf, unsigned PageShift = 12>
using Arm64 = LongDescriptors<PageShift, VirtBits, 48, WhichHalf, ExecuteNever::apart>;
// One root for the whole address space: TTBCR.T0SZ and T1SZ are 0. 3 levels, of which the topmost has 4 entries.
using ArmLpae = LongDescriptors<12, 32, 40, Half::lower, ExecuteNever::both>;

static_assert(TableFormat<Arm64<48, Half::upper>> && TableFormat<ArmLpae>);

}  // namespace quarry::vm
