// Entries against words that were put together by hand from the manuals' tables.
#include "quarry/vm/format_arm.hpp"
#include "quarry/vm/format_riscv64.hpp"
#include "quarry/vm/format_x86_64.hpp"
#include "tests/test.hpp"

namespace quarry::vm {
namespace {

constexpr Access kData{.write = true}, kCode{.execute = true};
constexpr Access kUserCode{.execute = true, .user = true};
constexpr Access kRegisters{.write = true, .type = MemoryType::device};
constexpr Access kFrameBuffer{.write = true, .type = MemoryType::uncached};

// What is written can be read, whatever is allowed.
template <class F>
void expect_round_trips() {
  for (unsigned bits = 0; bits < 24; ++bits) {
    const Access access{.write = (bits & 1) != 0,
                        .execute = (bits & 2) != 0,
                        .user = (bits & 4) != 0,
                        .type = static_cast<MemoryType>(bits >> 3)};
    for (unsigned level = 0; level <= F::kHighestLeaf; ++level) {
      const PhysAddr at{Shape<F>::span(level) * 3};
      const std::uint64_t entry = F::leaf_at(at, level, access);
      expect(F::is_present(entry) && F::is_leaf(entry, level));
      expect_equal(F::address_in(entry, level), at);
      expect(F::access_of(entry, level) == access);
    }
  }
  const PhysAddr table{0x12'3456'0000};
  const std::uint64_t entry = F::table_at(table);
  expect(F::is_present(entry) && !F::is_leaf(entry, 1));
  expect_equal(F::address_in(entry, 1), table);
  expect(!F::is_present(0) && !F::is_present(~std::uint64_t{1}));
}

TEST(entries_read_back_as_they_were_written) {
  expect_round_trips<X86_64<4>>();
  expect_round_trips<X86_64<5>>();
  expect_round_trips<Arm64<39, Half::lower>>();
  expect_round_trips<Arm64<48, Half::upper>>();
  expect_round_trips<Arm64<47, Half::upper, 14>>();
  expect_round_trips<Arm64<42, Half::upper, 16>>();
  expect_round_trips<ArmLpae>();
  expect_round_trips<Riscv64<39>>();
  expect_round_trips<Riscv64<48>>();
  expect_round_trips<Riscv64<57>>();
}

TEST(entries_of_x86_64_are_the_manuals) {
  using F = X86_64<4>;
  //                                      XD           address        G PS D A PCD PWT U/S R/W P
  expect_equal(F::leaf_at(PhysAddr{0x1234000}, 0, kData), 0x8000'0000'0123'4163u);
  expect_equal(F::leaf_at(PhysAddr{0x1234000}, 0, kCode), 0x0000'0000'0123'4161u);
  expect_equal(F::leaf_at(PhysAddr{0x200000}, 1, kUserCode), 0x0000'0000'0020'00e5u);
  expect_equal(F::leaf_at(PhysAddr{0xfec00000}, 0, kRegisters), 0x8000'0000'fec0'017bu);
  expect_equal(F::leaf_at(PhysAddr{0x40000000}, 2, kFrameBuffer), 0x8000'0000'4000'01ebu);
  expect_equal(F::table_at(PhysAddr{0x5000}), 0x5027u);
}

TEST(entries_of_arm64_are_the_manuals) {
  using F = Arm64<48, Half::upper>;
  // UXN 54, PXN 53, AF 10, SH 9:8, AP[2:1] 7:6, AttrIndx 4:2
  expect_equal(F::leaf_at(PhysAddr{0x1234000}, 0, kData), 0x0060'0000'0123'4703u);
  expect_equal(F::leaf_at(PhysAddr{0x1234000}, 0, kCode), 0x0040'0000'0123'4783u);
  expect_equal(F::leaf_at(PhysAddr{0x200000}, 1, kUserCode), 0x0020'0000'0020'0fc1u);
  expect_equal(F::leaf_at(PhysAddr{0x9000000}, 0, kRegisters), 0x0060'0000'0900'070bu);
  expect_equal(F::leaf_at(PhysAddr{0x40000000}, 2, kFrameBuffer), 0x0060'0000'4000'0705u);
  expect_equal(F::table_at(PhysAddr{0x5000}), 0x5003u);
}

TEST(entries_of_arm_are_the_manuals) {
  expect_equal(ArmLpae::leaf_at(PhysAddr{0xff'c000'0000}, 2, kData), 0x0060'00ff'c000'0701u);
  expect_equal(ArmLpae::leaf_at(PhysAddr{0x1234000}, 0, kCode), 0x0000'0000'0123'4783u);
  expect_equal(ArmLpae::leaf_at(PhysAddr{0x1234000}, 0, kUserCode), 0x0020'0000'0123'4fc3u);
}

TEST(entries_of_riscv64_are_the_manuals) {
  using F = Riscv64<39>;
  // PBMT 62:61, PPN 53:10, D A G U X W R V
  expect_equal(F::leaf_at(PhysAddr{0x1234000}, 0, kData), 0x0048'd0e7u);
  expect_equal(F::leaf_at(PhysAddr{0x1234000}, 0, kUserCode), 0x0048'd0dbu);
  expect_equal(F::leaf_at(PhysAddr{0x10000000}, 0, kRegisters), 0x4000'0000'0400'00e7u);
  expect_equal(F::leaf_at(PhysAddr{0x40000000}, 2, kFrameBuffer), 0x2000'0000'1000'00e7u);
  expect_equal(F::table_at(PhysAddr{0x5000}), 0x1401u);
}

TEST(levels_and_indices_follow_from_the_format) {
  expect_equal(Shape<X86_64<5>>::levels(), 5u);
  expect_equal(Shape<Arm64<39, Half::upper>>::levels(), 3u);
  expect_equal(Shape<Arm64<42, Half::upper, 16>>::levels(), 2u);
  expect_equal(Shape<Arm64<48, Half::upper, 14>>::levels(), 4u);
  expect_equal(Shape<Arm64<48, Half::upper, 14>>::entries(3), 2u);
  expect_equal(Shape<ArmLpae>::levels(), 3u);
  expect_equal(Shape<ArmLpae>::entries(2), 4u);
  expect_equal(Shape<ArmLpae>::entries(1), 512u);
  expect_equal(Shape<Riscv64<57>>::levels(), 5u);
  expect_equal(Shape<X86_64<4>>::index(0xffff'8880'0000'0000, 3), 273u);
  expect_equal(Shape<ArmLpae>::index(0xc000'0000, 2), 3u);
}

template <class F>
constexpr std::uint64_t largest_page() {
  return Shape<F>::span(F::kHighestLeaf);
}

TEST(the_largest_pages_are_the_manuals) {
  constexpr std::uint64_t mega = 1 << 20, giga = 1 << 30;
  expect_equal(largest_page<X86_64<4>>(), giga);
  expect_equal(largest_page<X86_64<5>>(), giga);
  expect_equal(largest_page<ArmLpae>(), giga);
  expect_equal(largest_page<Arm64<48, Half::upper>>(), giga);
  expect_equal(largest_page<Arm64<48, Half::upper, 14>>(), 32 * mega);
  expect_equal(largest_page<Arm64<48, Half::upper, 16>>(), 512 * mega);
  expect_equal(largest_page<Riscv64<39>>(), giga);
  expect_equal(largest_page<Riscv64<48>>(), 512 * giga);
  expect_equal(largest_page<Riscv64<57>>(), 256 * 1024 * giga);
}

TEST(addresses_are_of_a_tree_by_their_upper_bits) {
  expect(X86_64<4>::translates(VirtAddr{0x7fff'ffff'ffff}));
  expect(!X86_64<4>::translates(VirtAddr{0x8000'0000'0000}));
  expect(!X86_64<4>::translates(VirtAddr{0xffff'7fff'ffff'ffff}));
  expect(X86_64<4>::translates(VirtAddr{0xffff'8000'0000'0000}));
  expect(X86_64<5>::translates(VirtAddr{0xff00'0000'0000'0000}));
  expect(!X86_64<5>::translates(VirtAddr{0xfeff'ffff'ffff'ffff}));
  expect(Riscv64<39>::translates(VirtAddr{0xffff'ffc0'0000'0000}));
  expect(!Riscv64<39>::translates(VirtAddr{0x40'0000'0000}));
}

}  // namespace
}  // namespace quarry::vm
