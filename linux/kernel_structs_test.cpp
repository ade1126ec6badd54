// Sizes of structures as compilers note them: read from BTF and DWARF, equal to what kernels' own logs show, and
// refused where they are no kernel's.
#include "linux/kernel_structs.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include "linux/kernel_file.hpp"
#include "linux/profiles.hpp"
#include "linux/struct_sizes.hpp"
#include "linux/test_structs.hpp"

namespace quarry::lnx {
namespace {

using testing::bytes_of;
using testing::make_btf;
using testing::make_dwarf;

const std::vector<testing::NamedStruct> kSome{{"page", 80}, {"other", 7}, {"resource", 96}, {"page", 11}};

void expect_some(const Expected<KernelStructs>& structs, std::string_view from) {
  ASSERT_TRUE(structs) << structs.problem().text;
  EXPECT_EQ(structs->from, from);
  EXPECT_EQ(structs->bytes.size(), 2u) << "those that nobody asks for are left out";
  EXPECT_EQ(structs->bytes.at("page"), 80u) << "the first of a name";
  EXPECT_EQ(structs->bytes.at("resource"), 96u);
}

void expect_refused(const Expected<KernelStructs>& structs, std::string_view words) {
  ASSERT_FALSE(structs) << "expected " << words;
  EXPECT_EQ(structs.problem().exit_status, ExitStatus::malformed_input);
  EXPECT_NE(structs.problem().text.find(words), std::string::npos) << structs.problem().text;
  EXPECT_NE(structs.problem().text.find("expected"), std::string::npos) << structs.problem().text;
}

testing::FileBytes elf_with(std::vector<testing::TestSection> more) {
  testing::TestElf elf = testing::x86_elf();
  elf.sections.insert(elf.sections.end(), more.begin(), more.end());
  return testing::make_elf(elf);
}

// As `objcopy --compress-debug-sections=zstd` leaves it.
testing::TestSection packed_by_zstd(testing::TestSection section) {
  testing::Image image;
  image.number(0, 2, 8);
  image.number(8, section.content.size(), 8);
  image.number(16, 1, 8);
  std::string packed(ZSTD_compressBound(section.content.size()), '\0');
  packed.resize(
      ZSTD_compress(packed.data(), packed.size(), section.content.data(), section.content.size(), 3));
  image.put(24, packed);
  section.content = testing::text_in(image.bytes);
  section.flags = 0x800;
  return section;
}

TEST(KernelStructs, btf_is_read_by_itself_in_a_section_and_in_an_image) {
  const auto btf = make_btf(kSome);
  expect_some(structs_in_file(btf), "BTF");
  expect_some(structs_in_file(elf_with({{".BTF", 0, 0, 1, 0, testing::text_in(btf)}})), "BTF");
  auto image = testing::make_arm64_image(1u << 20);
  const std::string false_start{"\x9f\xeb\x01\0\x18\0\0\0", 8};
  testing::Image with{image};
  with.put(0x20010, false_start);
  with.put(0x30003, btf);
  expect_some(structs_in_image(with.bytes), "BTF");
  EXPECT_TRUE(structs_in_image(image).from.empty());
}

TEST(KernelStructs, dwarf_of_each_version_is_read_packed_or_not) {
  for (const unsigned version : {2u, 3u, 4u, 5u})
    expect_some(structs_in_file(elf_with(make_dwarf(version, kSome))), "DWARF");
  auto sections = make_dwarf(5, kSome);
  for (auto& section : sections) section = packed_by_zstd(section);
  expect_some(structs_in_file(elf_with(sections)), "DWARF");
  sections[0].content.resize(40);
  expect_refused(structs_in_file(elf_with(sections)), "section .debug_info: its zstd data");
  const auto none = make_dwarf(4, {{"other", 7}});
  expect_refused(structs_in_file(elf_with(none)), "no structure in it is one of a kernel");
}

TEST(KernelStructs, what_has_none_is_refused) {
  expect_refused(structs_in_file(bytes_of("words")), "no BTF");
  expect_refused(structs_in_file({}), "no BTF");
  expect_refused(structs_in_file(elf_with({})), "without BTF or debugging information");
  expect_refused(structs_in_file(make_btf({{"other", 7}})), "no structure in it is one of a kernel");
  auto damaged = make_btf(kSome);
  damaged.resize(damaged.size() - 3);
  expect_refused(structs_in_file(damaged), "damaged");
  for (std::size_t size = 0; size < damaged.size(); ++size)
    EXPECT_FALSE(structs_in_file(std::span{damaged}.first(size)));
}

// The sizes in Debian's own BTF, and for arm in the DWARF of its package of debugging information, are those that
// the same kernels' logs show.
struct Truth {
  std::string_view release;
  boot::Arch arch;
  std::vector<testing::NamedStruct> structs;
};
const Truth kTruths[] = {
    {"6.1.0-56-amd64",
     boot::Arch::x86_64,
     {{"page", 64},
      {"pglist_data", 174208},
      {"mem_section", 32},
      {"mem_section_usage", 24},
      {"resource", 64},
      {"prb_desc", 24},
      {"firmware_map_entry", 104},
      {"nosave_region", 32},
      {"printk_info", 88},
      {"pcpu_chunk", 136},
      {"pcpu_block_md", 32},
      {"pcpu_group_info", 24},
      {"pcpu_alloc_info", 64},
      {"list_head", 16},
      {"hlist_bl_head", 8},
      {"io_tlb_slot", 24},
      {"io_tlb_area", 16}}},
    {"6.1.0-56-arm64",
     boot::Arch::arm64,
     {{"page", 64},
      {"pglist_data", 11392},
      {"mem_section", 32},
      {"mem_section_usage", 24},
      {"resource", 64},
      {"prb_desc", 24},
      {"printk_info", 88},
      {"pcpu_chunk", 136},
      {"pcpu_block_md", 32},
      {"pcpu_group_info", 24},
      {"pcpu_alloc_info", 64},
      {"device_node", 208},
      {"property", 96},
      {"alias_prop", 40},
      {"hlist_bl_head", 8},
      {"io_tlb_slot", 24},
      {"io_tlb_area", 16},
      {"list_head", 16}}},
    {"6.1.0-50-armmp",
     boot::Arch::arm,
     {{"page", 36},
      {"resource", 32},
      {"prb_desc", 12},
      {"printk_info", 88},
      {"pcpu_chunk", 92},
      {"pcpu_block_md", 32},
      {"pcpu_group_info", 12},
      {"pcpu_alloc_info", 32},
      {"list_head", 8},
      {"static_vm", 40},
      {"device_node", 108},
      {"property", 48},
      {"alias_prop", 20},
      {"hlist_bl_head", 4},
      {"io_tlb_slot", 12},
      {"io_tlb_area", 12}}},
    {"6.1.0-56-cloud-arm64", boot::Arch::arm64, {{"mem_section", 16}, {"mem_section_usage", 24}}},
};

TEST(KernelStructs, the_compilers_sizes_are_those_of_the_logs) {
  for (const Truth& truth : kTruths) {
    KernelProfile kernel = builtin_profile(truth.arch, truth.release);
    ASSERT_EQ(kernel.release, truth.release);
    const StructSizes logged = struct_sizes_of(kernel);
    const auto read = structs_in_btf(make_btf(truth.structs));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->bytes.size(), truth.structs.size());
    take_structures(read->bytes, kernel);
    EXPECT_GE(kernel.sizes.size(), truth.structs.size());
    const StructSizes noted = struct_sizes_of(kernel);
    for (const SizeField& field : size_fields())
      EXPECT_EQ(noted.*field.field, logged.*field.field) << truth.release << " " << field.name;
  }
}

TEST(KernelStructs, a_build_with_other_structures_has_other_sizes) {
  const auto btf =
      make_btf({{"page", 96}, {"pglist_data", 4097}, {"mem_section_usage", 8}, {"list_head", 16}});
  const auto elf = elf_with({{".BTF", 0, 0, 1, 0, testing::text_in(btf)}});
  const auto config = read_kernel_config("CONFIG_NUMA=y\nCONFIG_SPARSEMEM=y\nCONFIG_HUGETLB_PAGE=y\n");
  ASSERT_TRUE(config);
  const auto profile = read_kernel_bytes(elf, "vmlinux", *config);
  ASSERT_TRUE(profile) << profile.problem().text;
  const StructSizes sizes = struct_sizes_of(*profile);
  EXPECT_EQ(sizes.page, Bytes{96});
  EXPECT_EQ(sizes.node_data, Bytes{8192}) << "whole pages";
  EXPECT_EQ(sizes.memoryless_node_data, Bytes{4097});
  EXPECT_EQ(sizes.section_usage, Bytes{8 + 32}) << "four bits for each of 64 pageblocks behind it";
  EXPECT_EQ(sizes.resource, Bytes{64}) << "not noted";
  EXPECT_TRUE(profile->assumed.empty());
}

TEST(KernelStructs, a_kernel_without_them_says_that_they_are_assumed) {
  const auto profile = read_kernel_bytes(elf_with({}), "vmlinux", KernelConfig{{"CONFIG_NUMA", "y"}});
  ASSERT_TRUE(profile);
  ASSERT_EQ(profile->assumed.size(), 1u);
  EXPECT_NE(profile->assumed[0].find("how large the kernel's structures are"), std::string::npos);
  const auto damaged = read_kernel_bytes(elf_with({{".BTF", 0, 0, 1, 0, "\x9f\xeb"}}), "vmlinux",
                                         KernelConfig{{"CONFIG_NUMA", "y"}});
  ASSERT_TRUE(damaged) << damaged.problem().text;
  ASSERT_EQ(damaged->assumed.size(), 1u);
  EXPECT_NE(damaged->assumed[0].find("damaged"), std::string::npos) << damaged->assumed[0];
}

TEST(KernelStructs, those_of_another_machine_are_refused) {
  const auto btf = make_btf({{"page", 36}, {"list_head", 8}});
  const auto elf = elf_with({{".BTF", 0, 0, 1, 0, testing::text_in(btf)}});
  const auto refused = read_kernel_bytes(elf, "vmlinux");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.problem().text.find("expected 16 on x86_64"), std::string::npos)
      << refused.problem().text;
  const auto large = make_btf({{"page", 0x7fffffff}});
  const auto too_large =
      read_kernel_bytes(elf_with({{".BTF", 0, 0, 1, 0, testing::text_in(large)}}), "vmlinux");
  ASSERT_FALSE(too_large);
  EXPECT_NE(too_large.problem().text.find("page of 2147483647 bytes"), std::string::npos);
}

}  // namespace
}  // namespace quarry::lnx
