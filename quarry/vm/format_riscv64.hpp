// quarry/vm/format_riscv64.hpp: page tables of riscv64: Sv39, Sv48 and Sv57.
//
// Source    The RISC-V Instruction Set Manual, volume II: Privileged Architecture (20211203), 4.3.1 "Addressing and
//           memory protection", 4.4 to 4.6; 5 "Svpbmt" for memory types.
#pragma once

#include "quarry/vm/format.hpp"

namespace quarry::vm {

// A page of any level may be large. One root translates both halves.
template <unsigned VirtBits>
struct Riscv64 {
  static_assert(VirtBits == 39 || VirtBits == 48 || VirtBits == 57);
  static constexpr unsigned kPageShift = 12;
  static constexpr unsigned kVirtBits = VirtBits;
  static constexpr unsigned kPhysBits = 56;
  static constexpr unsigned kHighestLeaf = (VirtBits - kPageShift) / 9 - 1;
  // Svpbmt. Without it the platform's own attributes of an address say what its memory type is.
  static constexpr std::uint64_t kMemoryTypes = std::uint64_t{3} << 61;
  static constexpr std::uint64_t kOptional = kMemoryTypes;
  static constexpr bool kBreaksBeforeMaking = false;

  static constexpr bool translates(VirtAddr at) noexcept { return is_sign_extended(at, VirtBits); }
  static constexpr bool is_present(std::uint64_t entry) noexcept { return (entry & kValid) != 0; }
  static constexpr bool is_leaf(std::uint64_t entry, unsigned) noexcept {
    return (entry & (kRead | kExecute)) != 0;
  }
  static constexpr PhysAddr address_in(std::uint64_t entry, unsigned) noexcept {
    return PhysAddr{(entry & kFrame) << 2};
  }
  static constexpr std::uint64_t table_at(PhysAddr at) noexcept { return at.raw >> 2 | kValid; }
  static constexpr std::uint64_t leaf_at(PhysAddr at, unsigned, Access access) noexcept {
    return at.raw >> 2 | kValid | kRead | kAccessed | kDirty | (access.write ? kWrite : 0) |
           (access.execute ? kExecute : 0) | (access.user ? kUser : kGlobal) |
           static_cast<std::uint64_t>(access.type) << 61;
  }
  static constexpr Access access_of(std::uint64_t entry, unsigned) noexcept {
    return {.write = (entry & kWrite) != 0,
            .execute = (entry & kExecute) != 0,
            .user = (entry & kUser) != 0,
            .type = static_cast<MemoryType>((entry >> 61) & 3)};
  }

 private:
  static constexpr std::uint64_t kValid = 1u << 0, kRead = 1u << 1, kWrite = 1u << 2, kExecute = 1u << 3,
                                 kUser = 1u << 4, kGlobal = 1u << 5, kAccessed = 1u << 6, kDirty = 1u << 7;
  static constexpr std::uint64_t kFrame = 0x003f'ffff'ffff'fc00;
};
static_assert(TableFormat<Riscv64<39>> && TableFormat<Riscv64<48>>);

}  // namespace quarry::vm
