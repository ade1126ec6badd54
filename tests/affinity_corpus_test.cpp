// SRAT, SLIT and MADT of recorded boots against what Linux printed about them.
#include <gtest/gtest.h>

#include "quarry/firmware/madt.hpp"
#include "quarry/firmware/slit.hpp"
#include "quarry/firmware/srat.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::firmware {
namespace {

std::string shown(const MemoryAffinity& memory) {
  char text[120];
  std::snprintf(text, sizeof text, "PXM %u %llx+%llx%s", memory.domain,
                static_cast<unsigned long long>(memory.base.raw),
                static_cast<unsigned long long>(memory.size.raw), memory.hotpluggable ? " hotplug" : "");
  return text;
}

TEST(AffinityCorpus, an_srat_has_the_memory_and_the_processors_that_linux_saw) {
  const std::regex node_line{R"(^ACPI: SRAT: Node \d+ PXM (\d+) (\[mem .*)$)"};
  // arm64 prints the MPIDR; on the machine of the corpus it equals the processor's uid.
  const std::regex cpu_line{
      R"(^(?:ACPI: NUMA: )?SRAT: PXM (\d+) -> (?:APIC|MPIDR) 0x([0-9a-f]+) -> Node .*$)"};
  unsigned cases = 0, ranges = 0;
  for (const auto& folder : corpus::cases_with("srat.bin")) {
    SCOPED_TRACE(folder.filename());
    std::vector<std::string> seen_memory, seen_cpus;
    for (const std::string& line : corpus::log_of(folder)) {
      std::smatch match;
      if (std::regex_match(line, match, node_line)) {
        const auto mem = corpus::mem_line(match[2], "").value();
        seen_memory.push_back(shown({.base = mem.range.begin(),
                                     .size = mem.range.size(),
                                     .domain = static_cast<std::uint32_t>(std::stoul(match[1])),
                                     .hotpluggable = mem.rest == "hotplug"}));
      }
      if (std::regex_match(line, match, cpu_line))
        seen_cpus.push_back(match[1].str() + " " + std::to_string(std::stoul(match[2], nullptr, 16)));
    }
    const auto bytes = corpus::bytes_of(folder / "srat.bin");
    const auto srat = Srat::from(bytes);
    ASSERT_TRUE(srat);
    if (corpus::text_of(folder / "cmdline.txt").find("numa=off") != std::string::npos ||
        corpus::text_of(folder / "cmdline.txt").find("numa=noacpi") != std::string::npos) {
      EXPECT_TRUE(seen_memory.empty() && seen_cpus.empty());
      continue;
    }
    std::vector<MemoryAffinity> memory_storage(srat.value().memory_count());
    std::vector<CpuAffinity> cpu_storage(srat.value().cpu_count());
    Table<MemoryAffinity> memory{memory_storage};
    Table<CpuAffinity> cpus{cpu_storage};
    ASSERT_TRUE(srat.value().memory(memory) && srat.value().cpus(cpus));
    std::vector<std::string> our_memory, our_cpus;
    for (const MemoryAffinity& entry : memory)
      if (entry.enabled) our_memory.push_back(shown(entry));
    for (const CpuAffinity& entry : cpus)
      if (entry.enabled) our_cpus.push_back(std::to_string(entry.domain) + " " + std::to_string(entry.cpu));
    EXPECT_EQ(our_memory, seen_memory);
    EXPECT_EQ(our_cpus, seen_cpus);
    ranges += static_cast<unsigned>(our_memory.size());
    ++cases;
  }
  EXPECT_GE(cases, 20u);
  EXPECT_GE(ranges, 50u);
}

TEST(AffinityCorpus, a_madt_has_the_processors_that_linux_allows) {
  const std::regex allowing{R"(^smpboot: Allowing (\d+) CPUs, (\d+) hotplug CPUs$)"};
  unsigned cases = 0;
  for (const auto& folder : corpus::cases_with("madt.bin")) {
    SCOPED_TRACE(folder.filename());
    const auto bytes = corpus::bytes_of(folder / "madt.bin");
    const auto cpus = count_madt_cpus(bytes);
    ASSERT_TRUE(cpus);
    for (const std::string& line : corpus::log_of(folder)) {
      std::smatch match;
      if (!std::regex_match(line, match, allowing)) continue;
      EXPECT_EQ(cpus.value().enabled() + cpus.value().disabled, std::stoul(match[1]));
      EXPECT_EQ(cpus.value().disabled, std::stoul(match[2]));
      ++cases;
    }
  }
  EXPECT_GE(cases, 60u);
}

// Every table that there is; each is one that Linux took.
TEST(AffinityCorpus, a_slit_has_the_distances_that_linux_shows) {
  unsigned cases = 0, compared = 0;
  for (const auto& folder : corpus::cases_with("slit.bin")) {
    SCOPED_TRACE(folder.filename());
    const auto bytes = corpus::bytes_of(folder / "slit.bin");
    const auto slit = Slit::from(bytes);
    ASSERT_TRUE(slit);
    EXPECT_TRUE(slit.value().plausible());
    ++cases;
    // node.txt: "node0/distance: 10 20 ..."; comparable where domains are nodes.
    std::ifstream in{folder / "node.txt"};
    const std::regex row{R"(^(?:.*/)?node(\d+)/distance:?\s+([\d ]+)$)"};
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (!std::regex_match(line, match, row)) continue;
      std::istringstream numbers{match[2].str()};
      std::vector<unsigned> distances{std::istream_iterator<unsigned>{numbers}, {}};
      if (distances.size() != slit.value().localities()) continue;
      for (std::size_t to = 0; to < distances.size(); ++to) {
        EXPECT_EQ(slit.value().distance(std::stoul(match[1]), to), distances[to]);
        ++compared;
      }
    }
  }
  EXPECT_GE(cases, 4u);
  EXPECT_GE(compared, 8u);
}

}  // namespace
}  // namespace quarry::firmware
