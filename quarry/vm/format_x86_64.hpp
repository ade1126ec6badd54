// quarry/vm/format_x86_64.hpp: page tables of x86_64, of 4 and 5 levels.
//
// Source    Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3A (December 2022), 4.5
//           "4-level paging and 5-level paging", tables 4-14 to 4-20; 4.9 and 12.12.4 for memory types.
#pragma once

#include "quarry/vm/format.hpp"

namespace quarry::vm {

// What the port writes to IA32_PAT, so that the entries' memory types are meant: write back, write combining,
// uncached unless an MTRR says otherwise, uncached; and again.
inline constexpr std::uint64_t kPageAttributes = 0x0007'0106'0007'0106;

// One root translates both halves of the address space, with the hole of the addresses between that no
// processor accepts. The port has set CR4.PGE, CR0.WP and, unless kNoExecute is left out, IA32_EFER.NXE.
template <unsigned Levels>
struct X86 {
  static_assert(Levels == 4 || Levels == 5);
  static constexpr unsigned kPageShift = 12;
  static constexpr unsigned kVirtBits = 12 + 9 * Levels;
  static constexpr unsigned kPhysBits = 52;
  static constexpr unsigned kHighestLeaf = 2;  // 1 GiB, if the processor has such pages
  static constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kOptional = kNoExecute;
  static constexpr bool kBreaksBeforeMaking = false;

  static constexpr bool translates(VirtAddr at) noexcept { return is_sign_extended(at, kVirtBits); }
  static constexpr bool is_present(std::uint64_t entry) noexcept { return (entry & kPresent) != 0; }
  static constexpr bool is_leaf(std::uint64_t entry, unsigned level) noexcept {
    return level == 0 || (entry & kLarge) != 0;
  }
  static constexpr PhysAddr address_in(std::uint64_t entry, unsigned) noexcept {
    return PhysAddr{entry & kAddress};
  }
  // Leaves alone decide what is allowed.
  static constexpr std::uint64_t table_at(PhysAddr at) noexcept {
    return at.raw | kPresent | kWrite | kUser | kAccessed;
  }
  // Accessed and dirty from the start: nobody reads these bits of a kernel's pages, and the processor need
  // not write them.
  static constexpr std::uint64_t leaf_at(PhysAddr at, unsigned level, Access access) noexcept {
    return at.raw | kPresent | kAccessed | kDirty | (level == 0 ? 0 : kLarge) | (access.write ? kWrite : 0) |
           (access.user ? kUser : kGlobal) | (access.execute ? 0 : kNoExecute) | bits_of(access.type);
  }
  static constexpr Access access_of(std::uint64_t entry, unsigned) noexcept {
    return {.write = (entry & kWrite) != 0,
            .execute = (entry & kNoExecute) == 0,
            .user = (entry & kUser) != 0,
            .type = (entry & kWriteThrough) == 0 ? MemoryType::normal
                    : (entry & kNoCache) == 0    ? MemoryType::uncached
                                                 : MemoryType::device};
  }

 private:
  static constexpr std::uint64_t kPresent = 1u << 0, kWrite = 1u << 1, kUser = 1u << 2,
                                 kWriteThrough = 1u << 3, kNoCache = 1u << 4, kAccessed = 1u << 5,
                                 kDirty = 1u << 6, kLarge = 1u << 7, kGlobal = 1u << 8;
  static constexpr std::uint64_t kAddress = 0x000f'ffff'ffff'f000;

  // Entry 0, 1 or 3 of IA32_PAT.
  static constexpr std::uint64_t bits_of(MemoryType type) noexcept {
    switch (type) {
      case MemoryType::normal: return 0;
      case MemoryType::uncached: return kWriteThrough;
      case MemoryType::device: return kWriteThrough | kNoCache;
    }
    return kWriteThrough | kNoCache;
  }
};
static_assert(TableFormat<X86<4>> && TableFormat<X86<5>>);

}  // namespace quarry::vm
