// quarry/vm/virtual_layout.hpp: what lies where in the address space of a Linux 6.1 kernel, and the way between physical and virtual.
//
//   0                                                                                              2^64
//   |-- user --|------ hole ------|-- direct map --|- vmalloc -|- vmemmap -|-- kernel, modules, fixmap --|
//
// Pure arithmetic on the constants of an architecture: nothing is mapped here. Addresses are those of a kernel that was not moved
// (nokaslr). A part's end is its last byte, as the last part may end where 64 bits do.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"

namespace quarry::vm {

enum class PartKind : std::uint8_t {
  user,
  hole,        // addresses that the processor refuses, or that nobody uses
  guard,       // kept free for others: a hypervisor, a page-table check
  tables,      // mappings that the processor itself needs: LDT, entry areas, stacks for a broken one
  direct_map,  // all of RAM; on 32-bit arm its lowest part
  vmalloc,
  vmemmap,  // page descriptors
  pci_io,
  modules,
  kernel,  // the image
  fixmap,  // slots whose addresses are known when the kernel is compiled
  kmap,    // a window on high memory
  firmware,
};
TextView name_of(PartKind kind) noexcept;

struct Part {
  PartKind kind;
  std::uint64_t first, last;
  constexpr bool contains(std::uint64_t address) const noexcept {
    return first <= address && address <= last;
  }
};

// Which address space. Sizes are in bytes.
struct LayoutRules {
  enum class Arch : std::uint8_t { x86_64, arm64, arm, riscv64 };
  Arch arch = Arch::x86_64;
  unsigned va_bits = 48;  // x86_64: 48, 57. arm64: 39, 42, 48. riscv64: 39, 48, 57. arm: 32
  unsigned page_shift = 12;
  unsigned page_struct_shift = 6;  // a struct page has 2^6 bytes
  PhysAddr ram_begin{};            // the lowest byte of RAM
  PhysAddr ram_end{};              // one past the highest; what the direct map must reach
  std::uint64_t image_space =
      1u << 30;             // x86_64: for the image; half of it in kernels without CONFIG_RANDOMIZE_BASE
  PhysAddr kernel_begin{};  // where the image was loaded: of _text, or of _stext's page
  std::uint64_t kernel_bytes = 0;  // up to _end; 0: the image is not drawn
  std::uint64_t text_offset = 0;   // of _text in the place for it: x86_64 16 MiB, arm64 0, arm 32 KiB
  std::uint64_t memstart_align = 1u << 30;  // arm64: the direct map's begin is rounded down to it
  std::uint32_t page_offset = 0xc0000000;   // arm: where the kernel's part begins: 0xc0000000, 0x80000000 …
  PhysAddr lowmem_end{};                    // arm: one past the direct map (high_memory)
  bool has_highmem = true;                  // arm
};

// The parts of one address space, sorted, disjoint and without gaps.
class VirtualLayout {
 public:
  static constexpr std::size_t kMostParts = 24;

  // Errors    bad_argument: an architecture has no such number of bits, or RAM does not fit its direct map.
  static Result<VirtualLayout> make(const LayoutRules& rules) noexcept;

  std::span<const Part> parts() const noexcept { return {parts_, count_}; }
  // The part that an address lies in; there is one for every address up to last().
  const Part& part_of(std::uint64_t address) const noexcept;
  std::uint64_t last() const noexcept { return parts_[count_ - 1].last; }  // of 32 or 64 bits
  // The first part of a kind; null: there is none.
  const Part* find(PartKind kind) const noexcept;

  // Where the direct map shows a byte of RAM.
  //
  // Errors    out_of_range: it does not: the byte is in front of RAM, behind it, or in high memory.
  Result<std::uint64_t> direct(PhysAddr physical) const noexcept;
  // Where the kernel's image shows one of its bytes. On arm that is in the direct map.
  //
  // Errors    out_of_range: the byte is not the image's.
  Result<std::uint64_t> in_image(PhysAddr physical) const noexcept;
  // Which byte of RAM an address in the direct map or in the kernel's image is.
  //
  // Errors    not_found: the address is in neither; what is mapped elsewhere only page tables know.
  Result<PhysAddr> physical(std::uint64_t address) const noexcept;

 private:
  void add(PartKind kind, std::uint64_t first, std::uint64_t last) noexcept;
  void add_image(std::uint64_t place) noexcept;
  void fill_gaps(std::uint64_t last) noexcept;
  void x86_64() noexcept;
  void arm64() noexcept;
  void arm() noexcept;
  void riscv64() noexcept;

  LayoutRules rules_;
  Part parts_[kMostParts] = {};
  std::size_t count_ = 0;
  std::uint64_t direct_begin_ = 0;   // of the direct map
  PhysAddr direct_physical_{};       // what is there
  std::uint64_t image_virtual_ = 0;  // of the image's first byte, if there is one
};

}  // namespace quarry::vm
