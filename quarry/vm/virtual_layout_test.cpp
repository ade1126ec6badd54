#include "quarry/vm/virtual_layout.hpp"

#include "tests/test.hpp"

namespace quarry::vm {
namespace {

using Arch = LayoutRules::Arch;
constexpr std::uint64_t kMiB = 1u << 20, kGiB = 1u << 30;

VirtualLayout of(const LayoutRules& rules) { return VirtualLayout::make(rules).value(); }
void expect_part(const VirtualLayout& layout, PartKind kind, std::uint64_t first, std::uint64_t last) {
  const Part* const part = layout.find(kind);
  expect(part != nullptr);
  if (part == nullptr) return;
  expect_equal(part->first, first);
  expect_equal(part->last, last);
}
const LayoutRules kPc{.ram_end = PhysAddr{2 * kGiB},
                      .kernel_begin = PhysAddr{16 * kMiB},
                      .kernel_bytes = 0x2830000,
                      .text_offset = 16 * kMiB};

// Numbers of Debian's 6.1 kernel, from its System.map and the kernel's documentation.
TEST(x86_64_lies_as_the_kernels_own_documentation_says) {
  const VirtualLayout layout = of(kPc);
  expect_part(layout, PartKind::direct_map, 0xffff888000000000, 0xffffc87fffffffff);
  expect_part(layout, PartKind::vmalloc, 0xffffc90000000000, 0xffffe8ffffffffff);
  expect_part(layout, PartKind::vmemmap, 0xffffea0000000000, 0xffffeaffffffffff);
  expect_part(layout, PartKind::kernel, 0xffffffff81000000, 0xffffffff8382ffff);
  expect_part(layout, PartKind::modules, 0xffffffffc0000000, 0xfffffffffeffffff);
  expect_equal(layout.part_of(0xffffffffff600000).kind, PartKind::fixmap);  // vsyscall
  LayoutRules five = kPc;
  five.va_bits = 57;
  expect_part(of(five), PartKind::direct_map, 0xff11000000000000, 0xff90ffffffffffff);
  expect_part(of(five), PartKind::vmemmap, 0xffd4000000000000, 0xffd5ffffffffffff);
  LayoutRules fixed = kPc;
  fixed.image_space = 512 * kMiB;
  expect_part(of(fixed), PartKind::modules, 0xffffffffa0000000, 0xfffffffffeffffff);
}

TEST(arm64_lies_by_its_number_of_bits) {
  LayoutRules rules{.arch = Arch::arm64,
                    .ram_begin = PhysAddr{0x4000'0000},
                    .ram_end = PhysAddr{0x8000'0000},
                    .kernel_begin = PhysAddr{0x4020'0000},
                    .kernel_bytes = 0x1b00000};
  const VirtualLayout layout = of(rules);
  expect_part(layout, PartKind::direct_map, 0xffff000000000000, 0xffff7fffffffffff);
  expect_part(layout, PartKind::modules, 0xffff800000000000, 0xffff800007ffffff);
  expect_part(layout, PartKind::kernel, 0xffff800008000000, 0xffff800009afffff);
  expect_part(layout, PartKind::vmalloc, 0xffff800009b00000, 0xfffffbffefffffff);
  expect_part(layout, PartKind::fixmap, 0xfffffbfffdbf9000, 0xfffffbfffdffffff);
  expect_part(layout, PartKind::pci_io, 0xfffffbfffe800000, 0xfffffbffff7fffff);
  expect_part(layout, PartKind::vmemmap, 0xfffffc0000000000, 0xfffffdffffffffff);
  rules.va_bits = 39;
  expect_part(of(rules), PartKind::direct_map, 0xffffff8000000000, 0xffffffbfffffffff);
  expect_part(of(rules), PartKind::vmemmap, 0xfffffffe00000000, 0xfffffffeffffffff);
  rules.va_bits = 42;
  rules.page_shift = 16;
  expect_part(of(rules), PartKind::direct_map, 0xfffffc0000000000, 0xfffffdffffffffff);
}

// Numbers that a PolarFire board printed, with Linux 6.3; between that and 6.1 nothing moved.
TEST(riscv64_lies_as_a_board_printed_it) {
  const LayoutRules rules{.arch = Arch::riscv64,
                          .va_bits = 39,
                          .ram_begin = PhysAddr{0x8020'0000},
                          .ram_end = PhysAddr{0xc000'0000},
                          .kernel_begin = PhysAddr{0x8020'0000},
                          .kernel_bytes = 0x305f000};
  const VirtualLayout layout = of(rules);
  expect_part(layout, PartKind::fixmap, 0xffffffc6fee00000, 0xffffffc6feffffff);
  expect_part(layout, PartKind::pci_io, 0xffffffc6ff000000, 0xffffffc6ffffffff);
  expect_part(layout, PartKind::vmemmap, 0xffffffc700000000, 0xffffffc7ffffffff);
  expect_part(layout, PartKind::vmalloc, 0xffffffc800000000, 0xffffffd7ffffffff);
  expect_part(layout, PartKind::modules, 0xffffffff0305f000, 0xffffffff7fffffff);
  expect_equal(layout.direct(PhysAddr{0x8020'0000}).value(), 0xffffffd800000000);
  expect_equal(layout.direct(PhysAddr{0xbfff'ffff}).value(), 0xffffffd83fdfffff);
  LayoutRules four = rules;
  four.va_bits = 48;
  expect_part(of(four), PartKind::vmemmap, 0xffff8d8000000000, 0xffff8f7fffffffff);
  expect_part(of(four), PartKind::vmalloc, 0xffff8f8000000000, 0xffffaf7fffffffff);
}

TEST(arm_has_lowmem_below_vmalloc_and_a_window_on_the_rest) {
  LayoutRules rules{.arch = Arch::arm,
                    .va_bits = 32,
                    .ram_begin = PhysAddr{0x4000'0000},
                    .ram_end = PhysAddr{0xc000'0000},
                    .kernel_begin = PhysAddr{0x4000'8000},
                    .kernel_bytes = 0x1400000,
                    .text_offset = 0x8000,
                    .lowmem_end = PhysAddr{0x7000'0000}};
  const VirtualLayout layout = of(rules);
  expect_part(layout, PartKind::modules, 0xbf000000, 0xbfdfffff);
  expect_part(layout, PartKind::kmap, 0xbfe00000, 0xbfffffff);
  expect_part(layout, PartKind::direct_map, 0xc0000000, 0xefffffff);
  expect_part(layout, PartKind::vmalloc, 0xf0800000, 0xff7fffff);
  expect_equal(layout.last(), 0xffffffff);
  expect_equal(layout.direct(PhysAddr{0x6fff'ffff}).value(), 0xefffffff);
  expect_equal(layout.direct(PhysAddr{0x7000'0000}).error(), Error::out_of_range);
  expect_equal(layout.physical(0xc0008000).value(), PhysAddr{0x4000'8000});
  expect_equal(layout.physical(0xf0800000).error(), Error::not_found);
  rules.page_offset = 0x8000'0000;
  expect_part(of(rules), PartKind::direct_map, 0x80000000, 0xafffffff);
  rules.lowmem_end = PhysAddr{0xf000'0000};
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
}

// Numbers that a modem with 256 MiB printed, with Linux 3.18; the end of vmalloc and the fixmap have moved since.
TEST(arm_without_high_memory_lies_as_a_board_printed_it) {
  const LayoutRules rules{.arch = Arch::arm,
                          .va_bits = 32,
                          .ram_begin = PhysAddr{0x8000'0000},
                          .ram_end = PhysAddr{0x9000'0000},
                          .kernel_begin = PhysAddr{0x8000'8000},
                          .kernel_bytes = 0xc57c60,
                          .text_offset = 0x8000,
                          .lowmem_end = PhysAddr{0x9000'0000},
                          .has_highmem = false};
  const VirtualLayout layout = of(rules);
  expect_part(layout, PartKind::modules, 0xbf000000, 0xbfffffff);
  expect_part(layout, PartKind::direct_map, 0xc0000000, 0xcfffffff);
  expect_equal(layout.find(PartKind::vmalloc)->first, 0xd0800000);
  expect_equal(layout.in_image(PhysAddr{0x8000'8000}).value(), 0xc0008000);
  expect(layout.find(PartKind::kmap) == nullptr);
  expect_equal(layout.part_of(0xffff0000).kind, PartKind::tables);  // vectors
}

TEST(a_byte_of_ram_is_found_both_ways) {
  const VirtualLayout layout = of(kPc);
  for (const std::uint64_t raw : {std::uint64_t{0}, std::uint64_t{0x7123}, 2 * kGiB - 1}) {
    const std::uint64_t address = layout.direct(PhysAddr{raw}).value();
    expect_equal(layout.part_of(address).kind, PartKind::direct_map);
    expect_equal(layout.physical(address).value(), PhysAddr{raw});
  }
  expect_equal(layout.direct(PhysAddr{2 * kGiB}).error(), Error::out_of_range);
  expect_equal(layout.physical(0xffff888000000000 + 2 * kGiB).error(), Error::not_found);
  // The image is there twice.
  expect_equal(layout.physical(0xffffffff81000010).value(), PhysAddr{16 * kMiB + 0x10});
  expect_equal(layout.direct(PhysAddr{16 * kMiB}).value(), 0xffff888001000000);
  expect_equal(layout.in_image(PhysAddr{16 * kMiB + 0x10}).value(), 0xffffffff81000010);
  expect_equal(layout.in_image(PhysAddr{16 * kMiB - 1}).error(), Error::out_of_range);
  expect_equal(layout.in_image(PhysAddr{16 * kMiB + 0x2830000}).error(), Error::out_of_range);
  expect_equal(layout.physical(0xffffc90000000000).error(), Error::not_found);
  expect_equal(layout.physical(0x1000).error(), Error::not_found);
}

TEST(parts_cover_the_address_space_once) {
  for (const Arch arch : {Arch::x86_64, Arch::arm64, Arch::riscv64, Arch::arm})
    for (const unsigned bits : {32u, 39u, 42u, 48u, 57u})
      for (const unsigned page_shift : {12u, 14u, 16u}) {
        const Result<VirtualLayout> layout = VirtualLayout::make({.arch = arch,
                                                                  .va_bits = bits,
                                                                  .page_shift = page_shift,
                                                                  .ram_begin = PhysAddr{kGiB},
                                                                  .ram_end = PhysAddr{2 * kGiB},
                                                                  .kernel_bytes = 32 * kMiB,
                                                                  .lowmem_end = PhysAddr{kGiB + 700 * kMiB}});
        if (!layout) continue;
        std::uint64_t at = 0;
        for (const Part& part : layout.value().parts()) {
          expect_equal(part.first, at);
          expect(part.first <= part.last);
          expect(layout.value().part_of(part.first).kind == part.kind);
          expect(layout.value().part_of(part.last).kind == part.kind);
          at = part.last + 1;
        }
        expect_equal(at, arch == Arch::arm ? std::uint64_t{1} << 32 : 0u);
      }
}

TEST(spaces_that_no_processor_has_are_refused) {
  LayoutRules rules = kPc;
  rules.va_bits = 39;
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
  rules = kPc;
  rules.ram_end = PhysAddr{std::uint64_t{65} << 40};  // 64 TiB are shown
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
  rules.ram_end = PhysAddr{std::uint64_t{64} << 40};
  expect(static_cast<bool>(VirtualLayout::make(rules)));
  rules.kernel_bytes = 2 * kGiB;
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
  rules = kPc;
  rules.memstart_align = 3;
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
  rules = kPc;
  rules.page_shift = 11;
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
  rules = {.arch = Arch::arm, .va_bits = 32, .page_offset = 0x1000};
  expect_equal(VirtualLayout::make(rules).error(), Error::bad_argument);
}

}  // namespace
}  // namespace quarry::vm
