// Goal: the address space that we draw is the one that recorded kernels had.
// Method: each boot is booted again from its inputs; /proc/iomem says where the image's sections lay in RAM, the System.map
// which addresses they were linked for, /proc/meminfo how large vmalloc's range was. Boards' logs of other versions print the parts.
#include <gtest/gtest.h>

#include <set>

#include "cli/address_space.hpp"
#include "tests/linux_boots.hpp"

namespace quarry::cli {
namespace {

using vm::PartKind;

struct Section {
  PhysRange range;
  std::string name;
};

// "  01000000-01e01ef1 : Kernel code"
std::vector<Section> sections_of(const std::filesystem::path& folder) {
  std::vector<Section> sections;
  static const std::regex pattern{R"(^ *([0-9a-f]+)-([0-9a-f]+) : Kernel (code|rodata|data|bss)$)"};
  std::ifstream in{folder / "iomem.txt"};
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, pattern)) continue;
    const PhysAddr first{std::stoull(match[1], nullptr, 16)}, last{std::stoull(match[2], nullptr, 16)};
    sections.push_back({{first, last + Bytes{1}}, match[3]});
  }
  return sections;
}

std::optional<std::uint64_t> vmalloc_kib(const std::filesystem::path& folder) {
  static const std::regex pattern{R"(VmallocTotal: +([0-9]+) kB)"};
  const std::string text = corpus::text_of(folder / "meminfo.txt");
  std::smatch match;
  if (!std::regex_search(text, match, pattern)) return std::nullopt;
  return std::stoull(match[1]);
}

// Linux counts the image, where it lies at the begin of vmalloc's range, as vmalloc's; on x86_64 the range's end is its last byte.
std::uint64_t vmalloc_kib(boot::Arch arch, const vm::VirtualLayout& layout) {
  const vm::Part& part = *layout.find(PartKind::vmalloc);
  if (arch == boot::Arch::x86_64) return (part.last - part.first) >> 10;
  const vm::Part* const kernel = layout.find(PartKind::kernel);
  const std::uint64_t first = arch == boot::Arch::arm64 && kernel != nullptr ? kernel->first : part.first;
  return (part.last - first + 1) >> 10;
}

// Where a section begins, as the kernel was linked.
std::uint64_t linked_at(const lnx::KernelProfile& kernel, const std::string& section) {
  const lnx::Symbols& symbols = kernel.symbols;
  if (section == "code") return kernel.arch == boot::Arch::arm64 ? symbols.stext : symbols.text;
  if (section == "rodata") return symbols.rodata_start;
  return section == "data" ? symbols.sdata : symbols.bss_start;
}

struct Counted {
  unsigned boots = 0, sections = 0, vmalloc = 0;
};

void compare_case(const std::filesystem::path& folder, Counted& counted) {
  SCOPED_TRACE(folder.filename().string());
  const auto booted = lnx::boot_case(folder);
  if (!booted->failure.empty()) return;  // one of them cannot boot, and its kernel could not either
  const lnx::KernelProfile& kernel = booted->machine.kernel;
  const auto space = AddressSpace::of(*booted->system, &kernel);
  ASSERT_TRUE(space);
  const vm::VirtualLayout& layout = space->layout();
  ++counted.boots;
  for (const Section& section : sections_of(folder)) {
    const std::uint64_t linked = linked_at(kernel, section.name);
    const auto shown = layout.in_image(section.range.begin());
    ASSERT_TRUE(shown) << section.name;
    EXPECT_EQ(shown.value(), linked) << section.name;
    const auto back = layout.physical(linked);
    ASSERT_TRUE(back) << section.name;
    EXPECT_EQ(back.value(), section.range.begin()) << section.name;
    // The image is part of RAM, so the direct map shows it, too.
    const auto direct = layout.direct(section.range.begin());
    ASSERT_TRUE(direct) << section.name;
    EXPECT_EQ(layout.physical(direct.value()).value(), section.range.begin());
    EXPECT_EQ(direct.value() == linked, kernel.arch == boot::Arch::arm);
    ++counted.sections;
  }
  if (const auto kib = vmalloc_kib(folder)) {
    EXPECT_EQ(vmalloc_kib(kernel.arch, layout), *kib);
    ++counted.vmalloc;
  }
}

TEST(layout_of_recorded_boots, is_where_iomem_and_meminfo_say) {
  Counted counted;
  for (const auto& folder : corpus::cases_in(QUARRY_CORPUS)) {
    const bool is_moved = corpus::text_of(folder / "case.json").find("kaslr") != std::string::npos;
    if (!is_moved) compare_case(folder, counted);
  }
  RecordProperty("boots", static_cast<int>(counted.boots));
  fmt::print("layout: {} boots, {} sections, {} ranges of vmalloc\n", counted.boots, counted.sections,
             counted.vmalloc);
  EXPECT_GE(counted.boots, 170U);
  EXPECT_GE(counted.sections, 490U);
  EXPECT_GE(counted.vmalloc, 170U);
}

// Descriptors go with pages one for one, and the first in vmemmap is of the page that the kernel says.
TEST(layout_of_recorded_boots, has_a_descriptor_for_each_page_and_a_page_for_each_descriptor) {
  for (const char* const name : {"x86-pc-2g", "arm64-virt-8g", "arm64-ram-two-banks-far"}) {
    SCOPED_TRACE(name);
    const auto booted = lnx::boot_case(std::filesystem::path{QUARRY_CORPUS} / name);
    ASSERT_EQ(booted->failure, "");
    const auto space = AddressSpace::of(*booted->system, &booted->machine.kernel);
    ASSERT_TRUE(space);
    const vm::Part& vmemmap = *space->layout().find(PartKind::vmemmap);
    EXPECT_EQ(space->descriptor_of(*space->described_at(vmemmap.first)), vmemmap.first);
    const boot::State& state = booted->system->state();
    for (std::uint64_t page = state.min_low_pfn.raw; page < state.max_pfn.raw; page += 7919) {
      const auto at = space->descriptor_of(Pfn{page});
      ASSERT_TRUE(at);
      EXPECT_EQ(space->layout().part_of(*at).kind, PartKind::vmemmap);
      EXPECT_EQ(*space->described_at(*at), Pfn{page});
      EXPECT_EQ(*space->described_at(*at + 63), Pfn{page});
      EXPECT_EQ(*space->described_at(*at + 64), Pfn{page + 1});
    }
    EXPECT_FALSE(space->described_at(vmemmap.first - 1));
    EXPECT_FALSE(space->described_at(vmemmap.last + 1));
  }
  // Flat memory has no such range.
  const auto arm = lnx::boot_case(std::filesystem::path{QUARRY_CORPUS} / "armhf-virt-1g");
  ASSERT_EQ(arm->failure, "");
  EXPECT_FALSE(AddressSpace::of(*arm->system, &arm->machine.kernel)->descriptor_of(Pfn{0x40000}));
}

}  // namespace
}  // namespace quarry::cli
