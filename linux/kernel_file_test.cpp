// --kernel and --config: what each kind of file tells, what is assumed of what it does not, and the line that refuses
// files that are none.
#include "linux/kernel_file.hpp"

#include <gtest/gtest.h>

#include "linux/struct_sizes.hpp"
#include "linux/test_kernels.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;
using testing::bytes_of;

KernelConfig config_of(std::string_view text) {
  auto config = read_kernel_config(text);
  EXPECT_TRUE(config) << (config ? "" : config.problem().text);
  return config ? *config : KernelConfig{};
}

KernelProfile profile_in(std::span<const std::byte> bytes, std::string_view name = "test",
                         const std::optional<KernelConfig>& config = {}) {
  auto profile = read_kernel_bytes(bytes, name, config);
  EXPECT_TRUE(profile) << (profile ? "" : profile.problem().text);
  return profile ? *profile : KernelProfile{};
}

// The file is refused in one line that has these words.
void expect_refused(std::span<const std::byte> bytes, std::string_view words,
                    const std::optional<KernelConfig>& config = {}) {
  const auto profile = read_kernel_bytes(bytes, "test", config);
  ASSERT_FALSE(profile) << "expected " << words;
  EXPECT_EQ(profile.problem().exit_status, ExitStatus::malformed_input);
  EXPECT_TRUE(profile.problem().text.starts_with("--kernel test: ")) << profile.problem().text;
  EXPECT_NE(profile.problem().text.find(words), std::string::npos) << profile.problem().text;
  EXPECT_EQ(profile.problem().text.find('\n'), std::string::npos);
}

// Every beginning of the file is refused, or read, but never outside of its bytes.
void expect_bounded(const testing::FileBytes& bytes) {
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
    const testing::FileBytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto profile = read_kernel_bytes(part, "test");
    if (!profile) {
      EXPECT_EQ(profile.problem().text.find('\n'), std::string::npos);
    }
  }
}

TEST(KernelFile, a_system_map_tells_layout_and_sizes_and_its_name_the_release) {
  const auto bytes = bytes_of(testing::x86_system_map());
  const KernelProfile profile =
      profile_in(bytes, "/boot/System.map-6.1.0-99-amd64", config_of("CONFIG_NUMA=y\n"));
  EXPECT_EQ(profile.arch, Arch::x86_64);
  EXPECT_EQ(profile.release, "6.1.0-99-amd64");
  EXPECT_EQ(profile.symbols.init_end, 0xffffffff83200000);
  EXPECT_EQ(struct_sizes_of(profile).percpu_static, Bytes{0x35000});
  EXPECT_EQ(struct_sizes_of(profile).smp_alternatives, Bytes{0x8000});
  EXPECT_TRUE(profile.limits.has_numa);
  EXPECT_FALSE(profile.limits.has_zone_dma);
  ASSERT_EQ(profile.assumed.size(), 1u);
  EXPECT_NE(profile.assumed[0].find("how large the kernel's structures are"), std::string::npos);
  const boot::KernelImage image = image_at(profile, PhysAddr{16u << 20});
  EXPECT_EQ(image.whole, (PhysRange{PhysAddr{0x1000000}, PhysAddr{0x3600000}}));
  EXPECT_EQ(image.init, (PhysRange{PhysAddr{0x3000000}, PhysAddr{0x3200000}}));
}

TEST(KernelFile, without_a_config_the_nearest_known_kernel_is_assumed_and_named) {
  const KernelProfile profile =
      profile_in(bytes_of(testing::x86_system_map()), "System.map-6.1.0-99-cloud-amd64");
  ASSERT_EQ(profile.assumed.size(), 2u);
  EXPECT_NE(profile.assumed[0].find("6.1.0-56-cloud-amd64 is assumed (--config)"), std::string::npos);
  EXPECT_TRUE(profile.limits.has_zone_dma);
}

TEST(KernelFile, a_stub_of_a_system_map_is_refused_with_the_place_of_the_real_one) {
  const std::string line =
      "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
  const auto problem = read_kernel_bytes(bytes_of(line), "boot/System.map-6.1.0-56-amd64");
  ASSERT_FALSE(problem);
  EXPECT_EQ(problem.problem().exit_status, ExitStatus::malformed_input);
  for (const char* const words : {"stub", "linux-image-6.1.0-56-amd64-dbg",
                                  "/usr/lib/debug/boot/System.map-6.1.0-56-amd64", "expected _text and _end"})
    EXPECT_NE(problem.problem().text.find(words), std::string::npos) << problem.problem().text;
  expect_refused(bytes_of(line), "linux-image-RELEASE-dbg");
}

TEST(KernelFile, a_system_map_that_is_damaged_is_refused_by_line) {
  expect_refused(bytes_of("ffffffff81000000 T _text\nffffffff8100000g T _stext\n"), "line 2");
  expect_refused(bytes_of("ffffffff81000000 T _text\nffff\n"), "line 2");
  expect_refused(bytes_of("ffffffff81000000 T _text\nffffffff82000000 T _end\n"), "architecture");
  expect_refused(bytes_of("c1000000 T _text\nc1000010 T secondary_startup_64\nc2000000 T _end\n"),
                 "architecture");
  expect_refused(bytes_of("0000000000001000 T _text\n0000000000001010 T secondary_startup_64\n"
                          "0000000000100000 T _end\n"),
                 "_text at 0x1000");
  expect_refused(bytes_of("ffffffff82000000 T _text\nffffffff82000010 T secondary_startup_64\n"
                          "ffffffff81000000 T _end\n"),
                 "expected _end");
  expect_refused(bytes_of("ffffffff82000000 T _text\nffffffff82000010 T secondary_startup_64\n"
                          "ffffffff81000000 D _sdata\nffffffff83000000 T _end\n"),
                 "_sdata at 0xffffffff81000000");
}

TEST(KernelFile, arm_takes_its_first_page_tables_from_the_symbols) {
  const std::string map =
      "c0204000 A swapper_pg_dir\nc0208000 T _text\nc0300000 T _stext\nc0208010 T __proc_info_begin\n"
      "c0e00000 T _etext\nc1200000 T __init_begin\nc1400000 T __init_end\nc1400000 D _sdata\nc15a0000 D "
      "_edata\n"
      "c15a0000 B __bss_start\nc1600000 B __bss_stop\nc1600000 B _end\n";
  const KernelProfile profile = profile_in(bytes_of(map), "System.map", config_of("CONFIG_HIGHMEM=y\n"));
  EXPECT_EQ(profile.arch, Arch::arm);
  EXPECT_EQ(profile.page_directory, Bytes{0x4000});
  EXPECT_EQ(profile.link_base, 0xc0000000);
  EXPECT_TRUE(profile.limits.has_highmem);
  EXPECT_EQ(image_at(profile, PhysAddr{0x40000000}).page_directory.begin(), PhysAddr{0x40204000});
}

TEST(KernelFile, arm64_orders_are_counted_as_its_version_counts_them) {
  const std::string map =
      "ffff800008000000 T _text\nffff800008010000 T _stext\nffff80000a000000 B __bss_stop\n"
      "ffff80000a001000 B init_pg_dir\nffff80000a006000 B init_pg_end\nffff80000a010000 B _end\n";
  const auto bytes = bytes_of(map);
  const KernelConfig old_config = config_of("CONFIG_ARCH_FORCE_MAX_ORDER=11\nCONFIG_SPARSEMEM=y\n"),
                     new_config = config_of("CONFIG_ARCH_FORCE_MAX_ORDER=10\nCONFIG_SPARSEMEM=y\n");
  const KernelProfile before = profile_in(bytes, "System.map-6.1.0-99-arm64", old_config);
  EXPECT_EQ(before.page_directory, Bytes{0x5000});
  EXPECT_EQ(before.geometry.max_order_, 10u);
  EXPECT_EQ(profile_in(bytes, "System.map-6.12.3-arm64", new_config).geometry.max_order_, 10u);
}

TEST(KernelFile, a_stripped_vmlinux_tells_by_its_sections) {
  const KernelProfile profile = profile_in(testing::make_elf(testing::x86_elf()));
  constexpr std::uint64_t text = 0xffffffff81000000;
  EXPECT_EQ(profile.release, "6.1.0-99-test");
  EXPECT_EQ(profile.symbols.etext, text + 0x1ef2);
  EXPECT_EQ(profile.symbols.rodata_end, text + 0x202000);
  EXPECT_EQ(profile.symbols.edata, text + 0x405e00);
  EXPECT_EQ(profile.symbols.init_begin, text + 0x450000) << "where the per-CPU section is loaded";
  EXPECT_EQ(profile.symbols.init_end, text + 0x4a0000);
  EXPECT_EQ(profile.symbols.bss_stop, text + 0x510000);
  EXPECT_EQ(profile.symbols.end, text + 0x540000);
  EXPECT_EQ(struct_sizes_of(profile).percpu_static, Bytes{0x34000});
  EXPECT_EQ(struct_sizes_of(profile).smp_alternatives, Bytes{0x9000});
}

TEST(KernelFile, symbols_of_a_vmlinux_come_before_its_sections) {
  testing::TestElf elf{.is_64bit = false, .machine = 40, .sections = {}, .segments = {}, .tail = {}};
  std::string names(1, '\0'), entries(16, '\0');
  for (const auto& [name, value] : {std::pair{"_text", 0xc0208000u}, {"_end", 0xc1607588u}, {"other", 1u}}) {
    testing::Image entry;
    entry.number(0, names.size(), 4);
    entry.number(4, value, 4);
    entry.number(8, 0, 8);
    entries.append(reinterpret_cast<const char*>(entry.bytes.data()), 16);
    names += name + std::string(1, '\0');
  }
  elf.sections = {
      {".symtab", 0, 0, 2, 2, entries}, {".strtab", 0, 0, 3, 0, names}, {".text", 0xc0300000, 0x1000}};
  const KernelProfile profile = profile_in(testing::make_elf(elf));
  EXPECT_EQ(profile.arch, Arch::arm);
  EXPECT_EQ(profile.symbols.text, 0xc0208000u);
  EXPECT_EQ(profile.symbols.end, 0xc1607588u);
}

TEST(KernelFile, elf_files_of_other_kinds_are_refused) {
  testing::TestElf elf = testing::x86_elf();
  elf.machine = 21;
  expect_refused(testing::make_elf(elf), "machine 21");
  auto big = testing::make_elf(testing::x86_elf());
  big[5] = std::byte{2};
  expect_refused(big, "big-endian");
  big[4] = std::byte{7};
  expect_refused(big, "class 7");
  elf = testing::x86_elf();
  elf.sections.clear();
  elf.segments.clear();
  expect_refused(testing::make_elf(elf), "_text, _end");
  expect_bounded(testing::make_elf(testing::x86_elf()));
}

TEST(KernelFile, a_bzimage_has_a_vmlinux_inside) {
  const auto elf = testing::make_elf(testing::x86_elf());
  const auto image = testing::make_bzimage(testing::gzip(elf));
  const KernelProfile profile = profile_in(image, "vmlinuz");
  EXPECT_EQ(profile.symbols.end, 0xffffffff81540000);
  EXPECT_NE(profile.source.find("vmlinuz: a bzImage (gzip) of Linux 6.1.0-99-test"), std::string::npos);
  expect_bounded(image);
  const testing::FileBytes half(image.begin(), image.end() - 20);
  expect_refused(half, "breaks off");
  expect_refused(testing::make_bzimage(bytes_of("BZh91AY&SY")), "bzip2");
  expect_refused(testing::make_bzimage(bytes_of("nothing packed")), "expected gzip, xz");
  expect_refused(testing::make_bzimage(testing::gzip(bytes_of("no kernel"))), "payload");
}

TEST(KernelFile, an_arm64_image_tells_its_length_and_what_follows_is_named) {
  const auto image = testing::make_arm64_image(1u << 20);
  const KernelProfile profile = profile_in(image, "Image");
  EXPECT_EQ(profile.arch, Arch::arm64);
  EXPECT_EQ(profile.release, "6.1.0-99-test");
  EXPECT_EQ(image_at(profile, PhysAddr{0x40200000}).whole,
            (PhysRange{PhysAddr{0x40210000}, PhysAddr{0x40300000}}));
  EXPECT_TRUE(image_at(profile, PhysAddr{0x40200000}).init.empty());
  ASSERT_EQ(profile.assumed.size(), 3u);
  EXPECT_NE(profile.assumed[1].find("counted whole"), std::string::npos);
  EXPECT_EQ(profile_in(testing::gzip(image), "Image.gz").symbols.end, profile.symbols.end);
  expect_bounded(image);
}

TEST(KernelFile, a_zimage_tells_text_data_and_bss_by_its_table) {
  testing::Image kernel;
  kernel.put(0x12000, "Linux version 6.1.0-99-armmp (someone) #1 and so on");
  const auto image = testing::make_zimage(kernel.bytes, 0x3000);
  const KernelProfile profile = profile_in(image, "zImage");
  EXPECT_EQ(profile.arch, Arch::arm);
  EXPECT_EQ(profile.release, "6.1.0-99-armmp");
  EXPECT_EQ(profile.symbols.text, 0xc0208000u);
  EXPECT_EQ(profile.symbols.bss_start, 0xc0208000u + kernel.bytes.size());
  EXPECT_EQ(profile.symbols.end, profile.symbols.bss_start + 0x3000);
  EXPECT_EQ(profile.image_bytes, Bytes{image.size()});
  expect_bounded(image);
}

TEST(KernelFile, a_configuration_inside_the_kernel_is_used) {
  testing::TestElf elf = testing::x86_elf();
  const auto packed = testing::gzip(bytes_of("# x\nCONFIG_NUMA=y\n# CONFIG_ZONE_DMA is not set\n"));
  elf.tail +=
      "IKCFG_ST" + std::string{reinterpret_cast<const char*>(packed.data()), packed.size()} + "IKCFG_ED";
  const KernelProfile profile = profile_in(testing::make_elf(elf));
  EXPECT_TRUE(profile.has("CONFIG_NUMA"));
  EXPECT_EQ(profile.config.at("CONFIG_ZONE_DMA"), "n");
  EXPECT_EQ(profile.assumed.size(), 1u) << "the structures' sizes, and nothing of the configuration";
}

TEST(KernelFile, a_config_has_options_and_nothing_else) {
  const KernelConfig config = config_of(
      "#\n# Automatically generated\n#\nCONFIG_A=y\nCONFIG_B=m\r\nCONFIG_C=\"a b\"\nCONFIG_D=0x10\n"
      "# CONFIG_E is not set\n");
  EXPECT_EQ(config.size(), 5u);
  EXPECT_EQ(config.at("CONFIG_B"), "m");
  EXPECT_EQ(config.at("CONFIG_C"), "a b");
  EXPECT_EQ(config.at("CONFIG_E"), "n");
  for (const char* const text : {"", "# nothing\n", "CONFIG_A\n", "A=y\n", "CONFIG_A=y\nrubbish\n"}) {
    const auto refused = read_kernel_config(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.problem().text.find("expected"), std::string::npos);
  }
  const auto map = bytes_of(testing::x86_system_map());
  expect_refused(map, "CONFIG_LOG_BUF_SHIFT=200: expected 12 to 25", config_of("CONFIG_LOG_BUF_SHIFT=200\n"));
  expect_refused(map, "CONFIG_NR_CPUS=many", config_of("CONFIG_NR_CPUS=many\n"));
}

TEST(KernelFile, a_profile_in_toml_says_all_of_it) {
  const KernelProfile profile =
      profile_in(bytes_of("release = \"6.1.0-mine\"\narch = \"x86_64\"\npage-size = 4096\n[symbols]\n_text = "
                          "\"0xffffffff81000000\"\n"
                          "_end = \"0xffffffff82000000\"\n[config]\nCONFIG_NUMA = true\nCONFIG_NODES_SHIFT = "
                          "4\n[sizes]\npage = 80\n"));
  EXPECT_EQ(profile.release, "6.1.0-mine");
  EXPECT_EQ(profile.limits.max_nodes, 16u);
  EXPECT_EQ(profile.symbols.end - profile.symbols.text, 0x1000000u);
  EXPECT_EQ(struct_sizes_of(profile).page, Bytes{80});
}

TEST(KernelFile, a_profile_in_toml_is_refused_by_line_and_key) {
  expect_refused(bytes_of("release = \"x\"\n"), "expected arch =");
  expect_refused(bytes_of("arch = \"sparc\"\n"), "line 1: 'arch'");
  expect_refused(bytes_of("arch = \"arm\"\nweather = 1\n"), "line 2: 'weather'");
  expect_refused(bytes_of("arch = \"arm\"\npage-size = 1000\n"), "'page-size'");
  expect_refused(bytes_of("arch = \"arm\"\nsymbols = 1\n"), "'symbols': expected a table");
  expect_refused(bytes_of("arch = \"arm\"\n[config]\nCONFIG_A = tru\nCONFIG_B = true\n"), "line 3");
  expect_refused(bytes_of("arch = \"arm\"\n[symbols]\nnoise = 1\n"), "'noise'");
  expect_refused(bytes_of("arch = \"arm\"\n[symbols]\n_text = -1\n"), "'_text': expected a number");
  expect_refused(bytes_of("arch = \"arm\"\n[sizes]\npage = 0\n"), "'page'");
  expect_refused(bytes_of("arch = \"arm\"\n[sizes]\nshoe = 44\n"), "'shoe'");
  expect_refused(bytes_of("arch = \"arm\n"), "expected TOML");
  expect_refused(bytes_of("arch = \"arm\"\n[symb\xcd\xa0]\n"), "line 2: a byte outside ASCII");
  expect_refused(bytes_of("arch = \"arm\"\n[= 80.\n"), "no TOML");
}

TEST(KernelFile, what_is_no_kernel_is_refused) {
  expect_refused({}, "empty");
  expect_refused(bytes_of("just words\n"), "text");
  expect_refused(bytes_of(std::string_view{"\0\1\2\3\4\5", 6}), "no kernel that can be told");
  expect_refused(testing::gzip(bytes_of("just words\n")), "text");
}

}  // namespace
}  // namespace quarry::lnx
