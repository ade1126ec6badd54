// `quarry profile`: the text says what the profile says, and where from; reading it back gives the same profile.
#include "linux/profile_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <set>

#include "linux/file_bytes.hpp"
#include "linux/kernel_compose.hpp"
#include "linux/kernel_file.hpp"
#include "linux/kernel_options.hpp"
#include "linux/profiles.hpp"
#include "linux/struct_sizes.hpp"
#include "linux/test_structs.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;
using testing::bytes_of;

// The first thing in which two profiles differ; empty: none that a boot could notice.
std::string difference(const KernelProfile& one, const KernelProfile& other) {
  if (one.release != other.release) return "release";
  if (one.arch != other.arch) return "arch";
  const Geometry &a = one.geometry, &b = other.geometry;
  if (a.page_shift_ != b.page_shift_ || a.max_order_ != b.max_order_ || a.section_bits_ != b.section_bits_ ||
      a.pageblock_order_ != b.pageblock_order_)
    return "geometry";
  for (const NamedSymbol& symbol : named_symbols())
    if (one.symbols.*symbol.field != other.symbols.*symbol.field) return std::string{symbol.name};
  if (one.link_base != other.link_base || one.image_bytes != other.image_bytes) return "image-bytes";
  if (one.page_directory != other.page_directory) return "page-directory-bytes";
  if (one.log_buf_shift != other.log_buf_shift || one.log_cpu_buf_shift != other.log_cpu_buf_shift ||
      one.max_cpus != other.max_cpus || one.is_sparse_vmemmap != other.is_sparse_vmemmap)
    return "what follows from options";
  const auto value = [](const KernelProfile& profile, const KernelOption& option) -> std::string {
    const auto found = profile.config.find(option.name);
    if (option.kind == KernelOption::Kind::flag) return profile.has(option.name) ? "y" : "not y";
    if (found == profile.config.end()) return "absent";
    return parse_profile_number(found->second) || found->second == "n" ? found->second : "absent";
  };
  for (const KernelOption& option : kernel_options())
    if (value(one, option) != value(other, option)) return std::string{option.name};
  const boot::Limits &limits = one.limits, &others = other.limits;
  if (limits.phys_bits != others.phys_bits || limits.va_bits != others.va_bits ||
      limits.page_offset != others.page_offset || limits.cma_size != others.cma_size ||
      limits.cma_alignment != others.cma_alignment || limits.max_nodes != others.max_nodes ||
      limits.max_cma_areas != others.max_cma_areas || limits.region_bytes != others.region_bytes ||
      limits.initial_reserved_regions != others.initial_reserved_regions)
    return "limits";
  const StructSizes sizes = struct_sizes_of(one), other_sizes = struct_sizes_of(other);
  for (const SizeField& field : size_fields())
    if (asks_for(one, field) && sizes.*field.field != other_sizes.*field.field)
      return std::string{field.name};
  return {};
}

std::string read_back_difference(const SourcedKernel& kernel) {
  const std::string text = profile_text(kernel);
  if (text != profile_text(kernel)) return "the text is another each time";
  const auto again = read_kernel_bytes(bytes_of(text), "again-7.7.toml");
  if (!again) return again.problem().text + "\n" + text;
  const std::string differs = difference(kernel.profile, *again);
  return differs.empty() ? "" : differs + " differs\n" + text;
}

SourcedKernel composed(const KernelFacts& facts, const GivenBeside& given = {}) {
  auto kernel = compose_kernel(facts, "test", given);
  EXPECT_TRUE(kernel) << (kernel ? "" : kernel.problem().text);
  return kernel ? *std::move(kernel) : SourcedKernel{};
}

SourcedKernel of_map(std::string_view release, const GivenBeside& given = {}) {
  auto facts = read_system_map(testing::x86_system_map(), release);
  EXPECT_TRUE(facts);
  facts->release = release;
  return composed(*facts, given);
}

TEST(ProfileText, what_is_read_back_is_the_same) {
  KernelFacts zimage = *read_boot_image(testing::make_zimage(testing::FileBytes(0x20000), 0x3000));
  KernelFacts image = *read_boot_image(testing::make_arm64_image(1u << 20));
  for (KernelFacts facts : {zimage, image, *read_vmlinux(testing::make_elf(testing::x86_elf()))})
    for (const std::string_view release : {"", "6.1.0-99-test", "6.1.0-56-amd64", "5.10 \"odd\\"}) {
      facts.release = release;
      EXPECT_EQ(read_back_difference(composed(facts)), "");
    }
  EXPECT_EQ(read_back_difference(of_map("6.1.0-56-amd64")), "");
}

TEST(ProfileText, builtin_kernels_are_read_back_as_they_are) {
  for (const BuiltinKernel& known : builtin_kernels()) {
    const KernelProfile profile = profile_of(known);
    KernelFacts facts;
    facts.format = "a profile";
    facts.arch = known.arch;
    facts.release = known.release;
    const SourcedKernel kernel = composed(facts);
    EXPECT_EQ(difference(profile, kernel.profile), "") << known.release;
    EXPECT_EQ(read_back_difference(kernel), "") << known.release;
  }
}

rc::Gen<std::string> any_value(const KernelOption& option) {
  if (option.kind == KernelOption::Kind::flag)
    return rc::gen::element<std::string>("y", "m", "n", "\"", "é\n");
  if (option.name == "CONFIG_PAGE_OFFSET")
    return rc::gen::element<std::string>("0xC0000000", "2147483648", "0xFFFFFF8000000000", "n");
  if (option.name.find("SHIFT") != std::string_view::npos)
    return rc::gen::element<std::string>("12", "0xc", "n");
  return rc::gen::element<std::string>("5", "12", "0x30", "n", "12 ", "012");
}

KernelFacts any_facts() {
  KernelFacts facts;
  facts.format = *rc::gen::element<std::string>("a System.map", "a vmlinux \xff\n");
  facts.arch = *rc::gen::element(Arch::x86_64, Arch::arm64, Arch::arm, Arch::riscv64);
  facts.release = *rc::gen::element<std::string>("", "6.1.0-56-amd64", "6.1.0-50-armmp", "6.12 \"\\");
  const std::uint64_t links[] = {0xffffffff81000000, 0xffff800008000000, 0xc0208000, 0xffffffff80002000};
  facts.symbols.text = links[static_cast<std::size_t>(*facts.arch)];
  for (const NamedSymbol& symbol : named_symbols())
    if (symbol.name != "_text" && symbol.name != "swapper_pg_dir" && *rc::gen::arbitrary<bool>())
      facts.symbols.*symbol.field = facts.symbols.text + *rc::gen::inRange<std::uint64_t>(0, 1u << 24);
  facts.symbols.end = facts.symbols.text + (1u << 24);
  if (*rc::gen::inRange(0, 4) == 0) facts.symbols = {};
  facts.image_bytes = Bytes{*rc::gen::element<std::uint64_t>(0, 1, 5u << 20, UINT64_MAX)};
  facts.page_directory = Bytes{*rc::gen::element<std::uint64_t>(0, 0x4000, 0x5000)};
  facts.page_shift = *rc::gen::element(0u, 12u, 14u, 16u);
  facts.section_bits = *rc::gen::element(0u, 27u, 30u);
  if (*rc::gen::arbitrary<bool>()) {
    facts.config.emplace();
    for (const KernelOption& option : kernel_options())
      if (*rc::gen::arbitrary<bool>()) (*facts.config)[std::string{option.name}] = *any_value(option);
  }
  for (const SizeField& field : size_fields()) {
    if (*rc::gen::inRange(0, 4) != 0) continue;
    const bool is_empty = *rc::gen::inRange(0, 4) == 0;
    facts.sizes[std::string{field.name}] = is_empty ? 0 : std::uint64_t{1} << *rc::gen::inRange(0, 20);
    if (!field.structure.empty() && field.structure != "list_head")
      facts.structs.bytes[std::string{field.structure}] = *rc::gen::inRange<std::uint64_t>(1, 1u << 20);
  }
  facts.structs.from = "BTF";
  return facts;
}

RC_GTEST_PROP(ProfileText, any_profile_is_read_back_as_it_is, ()) {
  const KernelFacts facts = any_facts();
  const auto kernel = compose_kernel(facts, "any\n\xc3", {});
  RC_TAG(kernel ? "a profile" : "refused");
  if (kernel) RC_ASSERT(read_back_difference(*kernel) == "");
}

TEST(ProfileText, where_each_value_is_from_stands_beside_it_and_what_is_assumed_comes_first) {
  const auto btf = structs_in_btf(testing::make_btf({{"page", 80}, {"list_head", 16}}));
  ASSERT_TRUE(btf);
  const std::string text =
      profile_text(of_map("6.1.0-99-amd64", {.config = KernelConfig{{"CONFIG_NUMA", "y"}},
                                             .config_name = "my.config",
                                             .structs = *btf,
                                             .structs_name = "there/vmlinux"}));
  const auto has = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  EXPECT_TRUE(has("release = \"6.1.0-99-amd64\""));
  EXPECT_TRUE(has("[symbols]  # a System.map\n_text = \"0xffffffff81000000\"\n"));
  EXPECT_TRUE(has("[config]  # my.config"));
  EXPECT_TRUE(has("CONFIG_NUMA = true "));
  EXPECT_TRUE(has("CONFIG_CMA = false"));
  EXPECT_TRUE(has("# CONFIG_CMA_AREAS is not set"));
  EXPECT_TRUE(has("# struct page, BTF of vmlinux\n"));
  EXPECT_FALSE(has("CONFIG_ARM64")) << "no option of this architecture";
  EXPECT_TRUE(has("# assumed: struct resource\n"));
  EXPECT_TRUE(has("# __per_cpu_start to __per_cpu_end, a System.map\n"));
  EXPECT_FALSE(has("kernel_mapping")) << "only arm's kernels ask for it";
  EXPECT_LT(text.find("# Assumed, to be corrected"), text.find("release ="));
  const std::string first = text.substr(0, text.find("release ="));
  EXPECT_NE(first.find(" resource "), std::string::npos);
  EXPECT_EQ(first.find(" page "), std::string::npos) << first;
  EXPECT_EQ(first.find("config:"), std::string::npos) << first;
}

TEST(ProfileText, what_is_all_of_one_known_build_assumes_nothing) {
  const std::string text =
      profile_text(of_map("6.1.0-56-amd64", {.config = KernelConfig{{"CONFIG_NUMA", "y"}}}));
  EXPECT_NE(text.find("# Nothing in it is assumed.\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("assumed:"), std::string::npos);
}

// Options that are named anywhere in the sources, as has() and find() take them.
std::set<std::string> options_in_sources() {
  std::set<std::string> found;
  for (const char* const folder : {"linux", "cli", "host", "shell"})
    for (const auto& entry :
         std::filesystem::directory_iterator{std::filesystem::path{QUARRY_SOURCE} / folder}) {
      const std::string name = entry.path().filename().string();
      if (!name.ends_with(".cpp") || name.ends_with("_test.cpp") || name == "kernel_options.cpp" ||
          name == "profiles.cpp")
        continue;
      const auto bytes = read_file(entry.path());
      if (!bytes) continue;
      const std::string_view text = text_of(*bytes);
      for (std::size_t at = text.find("\"CONFIG_"); at != std::string_view::npos;
           at = text.find("\"CONFIG_", at + 1)) {
        const std::size_t end = text.find('"', at + 1);
        const std::string_view option = text.substr(at + 1, end - at - 1);
        const bool is_whole =
            option.size() > 7 &&
            option.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
        if (is_whole) found.emplace(option);
      }
    }
  return found;
}

TEST(KernelOptions, are_all_that_the_sources_name) {
  std::set<std::string> listed, named = options_in_sources();
  for (const KernelOption& option : kernel_options()) listed.emplace(option.name);
  EXPECT_EQ(listed.size(), kernel_options().size()) << "one is there twice";
  // The key arch says these; CONFIG_NAME stands in a message for any.
  for (const char* const other :
       {"CONFIG_X86_64", "CONFIG_ARM64", "CONFIG_ARM", "CONFIG_RISCV", "CONFIG_NAME"})
    named.erase(other);
  EXPECT_EQ(listed, named);
}

}  // namespace
}  // namespace quarry::lnx
