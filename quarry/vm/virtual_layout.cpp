#include "quarry/vm/virtual_layout.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::vm {

namespace {

constexpr std::uint64_t kKiB = 1024, kMiB = kKiB << 10, kGiB = kMiB << 10, kTiB = kGiB << 10;

bool has_such_bits(const LayoutRules& rules) noexcept {
  using Arch = LayoutRules::Arch;
  const unsigned bits = rules.va_bits;
  switch (rules.arch) {
    case Arch::x86_64: return bits == 48 || bits == 57;
    case Arch::arm64: return bits == 39 || bits == 42 || bits == 48;
    case Arch::riscv64: return bits == 39 || bits == 48 || bits == 57;
    case Arch::arm: return bits == 32;
  }
  return false;
}

}  // namespace

TextView name_of(PartKind kind) noexcept {
  switch (kind) {
    case PartKind::user: return "user";
    case PartKind::hole: return "hole";
    case PartKind::guard: return "guard";
    case PartKind::tables: return "tables";
    case PartKind::direct_map: return "direct map";
    case PartKind::vmalloc: return "vmalloc";
    case PartKind::vmemmap: return "vmemmap";
    case PartKind::pci_io: return "pci io";
    case PartKind::modules: return "modules";
    case PartKind::kernel: return "kernel";
    case PartKind::fixmap: return "fixmap";
    case PartKind::kmap: return "kmap";
    case PartKind::firmware: return "firmware";
  }
  return "?";
}

// Parts come in the order of their addresses.
void VirtualLayout::add(PartKind kind, std::uint64_t first, std::uint64_t last) noexcept {
  check(count_ < kMostParts && first <= last && (count_ == 0 || parts_[count_ - 1].last < first),
        "parts of an address space in no order");
  parts_[count_++] = {kind, first, last};
}

// `place` is where the image's place begins.
void VirtualLayout::add_image(std::uint64_t place) noexcept {
  if (rules_.kernel_bytes == 0) return;
  image_virtual_ = place + rules_.text_offset;
  add(PartKind::kernel, image_virtual_, image_virtual_ + rules_.kernel_bytes - 1);
}

void VirtualLayout::fill_gaps(std::uint64_t last) noexcept {
  Part named[kMostParts];
  const std::size_t count = count_;
  for (std::size_t i = 0; i < count; ++i) named[i] = parts_[i];
  count_ = 0;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (at < named[i].first) add(PartKind::hole, at, named[i].first - 1);
    add(named[i].kind, named[i].first, named[i].last);
    at = named[i].last + 1;
  }
  if (named[count - 1].last < last) add(PartKind::hole, at, last);
}

// Source    Linux 6.1, Documentation/x86/x86_64/mm.rst and arch/x86/include/asm/pgtable_64_types.h (constants).
void VirtualLayout::x86_64() noexcept {
  const bool five = rules_.va_bits == 57;
  add(PartKind::user, 0, (std::uint64_t{1} << (rules_.va_bits - 1)) - 4 * kKiB - 1);
  if (five) {
    add(PartKind::guard, 0xff00'0000'0000'0000, 0xff0f'ffff'ffff'ffff);
    add(PartKind::tables, 0xff10'0000'0000'0000, 0xff10'ffff'ffff'ffff);  // LDT
    add(PartKind::direct_map, 0xff11'0000'0000'0000, 0xff90'ffff'ffff'ffff);
    add(PartKind::vmalloc, 0xffa0'0000'0000'0000, 0xffd1'ffff'ffff'ffff);
    add(PartKind::vmemmap, 0xffd4'0000'0000'0000, 0xffd5'ffff'ffff'ffff);
  } else {
    add(PartKind::guard, 0xffff'8000'0000'0000, 0xffff'87ff'ffff'ffff);
    add(PartKind::tables, 0xffff'8800'0000'0000, 0xffff'887f'ffff'ffff);  // LDT
    add(PartKind::direct_map, 0xffff'8880'0000'0000, 0xffff'c87f'ffff'ffff);
    add(PartKind::vmalloc, 0xffff'c900'0000'0000, 0xffff'e8ff'ffff'ffff);
    add(PartKind::vmemmap, 0xffff'ea00'0000'0000, 0xffff'eaff'ffff'ffff);
  }
  direct_begin_ = find(PartKind::direct_map)->first;
  add(PartKind::tables, 0xffff'fe00'0000'0000, 0xffff'fe7f'ffff'ffff);  // entry areas of processors
  add(PartKind::tables, 0xffff'ff00'0000'0000, 0xffff'ff7f'ffff'ffff);  // espfix stacks
  add(PartKind::firmware, 0xffff'ffef'0000'0000, 0xffff'fffe'ffff'ffff);
  constexpr std::uint64_t image = 0xffff'ffff'8000'0000;
  add_image(image);
  add(PartKind::modules, image + rules_.image_space, 0xffff'ffff'feff'ffff);
  add(PartKind::fixmap, 0xffff'ffff'ff00'0000, 0xffff'ffff'ff7f'ffff);
}

// Source    Linux 6.1, arch/arm64/include/asm/memory.h and fixmap.h (constants).
void VirtualLayout::arm64() noexcept {
  const std::uint64_t begin = ~std::uint64_t{0} << rules_.va_bits;
  const std::uint64_t end = ~std::uint64_t{0}
                            << (rules_.va_bits - 1);  // of the direct map, where the rest begins
  const unsigned shrinks = rules_.page_shift - rules_.page_struct_shift;
  const std::uint64_t vmemmap = ~std::uint64_t{0} << (rules_.va_bits - shrinks);
  const std::uint64_t modules_end = end + 128 * kMiB;
  direct_begin_ = begin;
  direct_physical_ = PhysAddr{align_down(rules_.ram_begin.raw, rules_.memstart_align)};
  add(PartKind::user, 0, (std::uint64_t{1} << rules_.va_bits) - 1);
  add(PartKind::direct_map, begin, end - 1);
  add(PartKind::modules, end, modules_end - 1);
  // The image lies at the begin of vmalloc's range, and belongs to it.
  const std::uint64_t vmalloc_end = vmemmap - 256 * kMiB;
  add_image(modules_end);
  const std::uint64_t behind = image_virtual_ == 0 ? modules_end : parts_[count_ - 1].last + 1;
  add(PartKind::vmalloc, behind, vmalloc_end - 1);
  add(PartKind::fixmap, vmemmap - 32 * kMiB - 4124 * kKiB, vmemmap - 32 * kMiB - 1);
  add(PartKind::pci_io, vmemmap - 24 * kMiB, vmemmap - 8 * kMiB - 1);
  add(PartKind::vmemmap, vmemmap, vmemmap + ((end - begin) >> shrinks) - 1);
}

// Source    Linux 6.1, arch/arm/include/asm/memory.h, pgtable.h, fixmap.h and highmem.h (constants).
void VirtualLayout::arm() noexcept {
  const std::uint64_t offset = rules_.page_offset;
  const std::uint64_t high_memory = offset + (rules_.lowmem_end.raw - rules_.ram_begin.raw);
  direct_begin_ = offset;
  direct_physical_ = rules_.ram_begin;
  const std::uint64_t kmap = rules_.has_highmem ? 2 * kMiB : 0;
  add(PartKind::user, 0, offset - 16 * kMiB - 1);
  add(PartKind::modules, offset - 16 * kMiB, offset - kmap - 1);
  if (kmap != 0) add(PartKind::kmap, offset - kmap, offset - 1);
  add(PartKind::direct_map, offset, high_memory - 1);
  image_virtual_ = rules_.kernel_bytes == 0 ? 0 : offset + rules_.text_offset;
  add(PartKind::vmalloc, (high_memory + 8 * kMiB) & ~(8 * kMiB - 1), 0xff7f'ffff);
  add(PartKind::fixmap, 0xffc8'0000, 0xffef'ffff);
  add(PartKind::tables, 0xffff'0000, 0xffff'0fff);  // exception vectors
}

// Source    Linux 6.1, arch/riscv/include/asm/pgtable.h and page.h (constants).
void VirtualLayout::riscv64() noexcept {
  const bool three = rules_.va_bits == 39;
  direct_begin_ = three                  ? 0xffff'ffd8'0000'0000
                  : rules_.va_bits == 48 ? 0xffff'af80'0000'0000
                                         : 0xff60'0000'0000'0000;
  direct_physical_ = PhysAddr{align_down(rules_.ram_begin.raw, 2 * kMiB)};
  // Half of a half of what the kernel's half has.
  const std::uint64_t vmalloc = std::uint64_t{1} << (rules_.va_bits - 3);
  const std::uint64_t vmemmap = std::uint64_t{1}
                                << (rules_.va_bits - rules_.page_shift - 1 + rules_.page_struct_shift);
  const std::uint64_t vmalloc_begin = direct_begin_ - vmalloc, vmemmap_begin = vmalloc_begin - vmemmap;
  const std::uint64_t io_begin = vmemmap_begin - 16 * kMiB;
  constexpr std::uint64_t image = 0xffff'ffff'8000'0000;
  add(PartKind::user, 0, (std::uint64_t{1} << (rules_.va_bits - 1)) - 1);
  add(PartKind::fixmap, io_begin - 2 * kMiB, io_begin - 1);
  add(PartKind::pci_io, io_begin, vmemmap_begin - 1);
  add(PartKind::vmemmap, vmemmap_begin, vmalloc_begin - 1);
  add(PartKind::vmalloc, vmalloc_begin, direct_begin_ - 1);
  const std::uint64_t room = three ? 124 * kGiB : rules_.va_bits == 48 ? 64 * kTiB : std::uint64_t{1} << 55;
  add(PartKind::direct_map, direct_begin_, direct_begin_ + room - 1);
  const std::uint64_t end = image + rules_.text_offset + rules_.kernel_bytes;
  const std::uint64_t page = std::uint64_t{1} << rules_.page_shift;
  add(PartKind::modules, ((end + page - 1) & ~(page - 1)) - 2 * kGiB, image - 1);
  add_image(image);
}

Result<VirtualLayout> VirtualLayout::make(const LayoutRules& rules) noexcept {
  using Arch = LayoutRules::Arch;
  if (!has_such_bits(rules) || rules.ram_end < rules.ram_begin) return Error::bad_argument;
  if (rules.page_shift < 12 || rules.page_shift > 16 || rules.page_struct_shift > 8)
    return Error::bad_argument;
  if (rules.kernel_bytes > kGiB || rules.text_offset > kGiB || rules.image_space > kGiB)
    return Error::bad_argument;
  if (rules.memstart_align == 0 || !is_power_of_two(rules.memstart_align)) return Error::bad_argument;
  VirtualLayout made;
  made.rules_ = rules;
  switch (rules.arch) {
    case Arch::x86_64:
      if (rules.text_offset + rules.kernel_bytes > rules.image_space) return Error::bad_argument;
      made.x86_64();
      break;
    case Arch::arm64: made.arm64(); break;
    case Arch::riscv64: made.riscv64(); break;
    case Arch::arm: {
      const bool is_split = rules.page_offset >= 0x4000'0000 && is_aligned(rules.page_offset, 2 * kMiB);
      const bool has_lowmem =
          rules.ram_begin < rules.lowmem_end &&
          rules.lowmem_end.raw - rules.ram_begin.raw < 0xff00'0000 - std::uint64_t{rules.page_offset};
      if (!is_split || !has_lowmem) return Error::bad_argument;
      made.arm();
      break;
    }
  }
  made.fill_gaps(rules.arch == Arch::arm ? 0xffff'ffff : ~std::uint64_t{0});
  const Part& map = *made.find(PartKind::direct_map);
  const bool is_whole = rules.arch == Arch::arm || rules.ram_end.raw <= made.direct_physical_.raw ||
                        rules.ram_end.raw - made.direct_physical_.raw - 1 <= map.last - map.first;
  if (!is_whole) return Error::bad_argument;
  return made;
}

const Part& VirtualLayout::part_of(std::uint64_t address) const noexcept {
  for (const Part& part : parts())
    if (part.contains(address)) return part;
  check(false, "an address that this machine has no bits for");
  return parts_[0];
}

const Part* VirtualLayout::find(PartKind kind) const noexcept {
  for (const Part& part : parts())
    if (part.kind == kind) return &part;
  return nullptr;
}

Result<std::uint64_t> VirtualLayout::direct(PhysAddr physical) const noexcept {
  const PhysAddr end = rules_.arch == LayoutRules::Arch::arm ? rules_.lowmem_end : rules_.ram_end;
  if (physical < rules_.ram_begin || physical >= end) return Error::out_of_range;
  return direct_begin_ + (physical.raw - direct_physical_.raw);
}

Result<std::uint64_t> VirtualLayout::in_image(PhysAddr physical) const noexcept {
  const bool is_inside = image_virtual_ != 0 && physical >= rules_.kernel_begin &&
                         physical.raw - rules_.kernel_begin.raw < rules_.kernel_bytes;
  if (!is_inside) return Error::out_of_range;
  return image_virtual_ + (physical.raw - rules_.kernel_begin.raw);
}

Result<PhysAddr> VirtualLayout::physical(std::uint64_t address) const noexcept {
  if (image_virtual_ != 0 && address >= image_virtual_ && address - image_virtual_ < rules_.kernel_bytes)
    return PhysAddr{rules_.kernel_begin.raw + (address - image_virtual_)};
  if (address > last() || part_of(address).kind != PartKind::direct_map) return Error::not_found;
  const PhysAddr found{direct_physical_.raw + (address - direct_begin_)};
  const Result<std::uint64_t> back = direct(found);
  if (!back) return Error::not_found;
  return found;
}

}  // namespace quarry::vm
