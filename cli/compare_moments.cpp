#include "cli/compare_moments.hpp"

#include <algorithm>

#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"
#include "quarry/view/firmware_map.hpp"

namespace quarry::cli {
namespace {

constexpr std::size_t kEntriesInPlace = 128;  // of the e820 in boot_params; the others come by setup_data
constexpr Pfn kPfn4G{1u << 20};

lnx::LoggedMap map_of(const BootReport& report, const char* who) {
  lnx::LoggedMap map{who, {}};
  for (const FirmwareEntry& entry : report.firmware)
    map.entries.push_back({{PhysAddr{entry.range.begin}, PhysAddr{entry.range.end}}, entry.type});
  return map;
}

// Where Linux prints memblock's tables: the end of these steps.
bool is_configuration(std::string_view step, boot::Arch arch) {
  switch (arch) {
    case boot::Arch::x86_64: return step == "e820__memblock_setup" || step == "initmem_init";
    case boot::Arch::arm64:
    case boot::Arch::riscv64: return step == "reserve_crashkernel";
    case boot::Arch::arm: return step == "arm_memblock_init";
  }
  return false;
}

}  // namespace

std::vector<lnx::LoggedRegion> regions_of(early::Regions table) {
  std::vector<lnx::LoggedRegion> regions;
  for (const early::Region& region : table) {
    std::optional<unsigned> node;
    if (region.node != early::kAnyNode) node = static_cast<unsigned>(region.node);
    regions.push_back({region.range(), static_cast<std::uint32_t>(region.flags), node});
  }
  return regions;
}

void Moments::after(void* self, const boot::Step& step, const boot::State& state) noexcept {
  static_cast<Moments*>(self)->take(step.name, state);
}

void Moments::take(std::string_view step, const boot::State& state) {
  // arm64 prints once more before UEFI's map replaces the tree's memory.
  const bool is_replaced = state.machine.arch == boot::Arch::arm64 && !state.machine.map.empty();
  if (is_configuration(step, state.machine.arch) || (is_replaced && step == "efi_config_parse_tables"))
    take_configuration(state);
  if (state.machine.arch != boot::Arch::x86_64) return;
  if (step == "e820__memory_setup") take_first_map(state);
  if (step == "e820__reserve_setup_data" && !machine_.setup_data.empty())
    take_map("reserve setup_data", state);
  if (step == "e820__finish_early_params" && state.has_user_map) take_map("user", state);
  if (step == "e820__end_of_ram_pfn") take_last_pfns(state);
  if (step == "trim_bios_range") take_map(lnx::kFinalMap, state);
}

void Moments::take_first_map(const boot::State& state) {
  BootReport report;
  boot::Machine first = state.machine;
  first.map = first.map.first(std::min(first.map.size(), kEntriesInPlace));
  read_firmware(first, {}, report);
  out_.log.maps.push_back(map_of(report, "BIOS-e820"));
  if (first.map.size() != state.machine.map.size()) take_map("extended", state);
}

void Moments::take_map(const char* who, const boot::State& state) {
  lnx::LoggedMap map{who, {}};
  for (const auto& entry : state.map.entries())
    map.entries.push_back({PhysRange::sized(entry.base, entry.size),
                           printed([&](TextSink& out) { view::print_type(out, entry.type); })});
  out_.log.maps.push_back(std::move(map));
}

void Moments::take_last_pfns(const boot::State& state) {
  const PageSize page = state.machine.geometry.page_size();
  const Pfn last{std::uint64_t{1} << (state.machine.limits.phys_bits - page.shift())};
  out_.log.last_pfns.push_back(state.max_pfn.raw);
  if (state.max_pfn > kPfn4G) out_.log.last_pfns.push_back(state.map.end_of_ram(kPfn4G, page).raw);
  out_.log.max_arch_pfn = last.raw;
}

void Moments::take_configuration(const boot::State& state) {
  lnx::LoggedMemblock dump;
  dump.memory = regions_of(state.memblock.memory().view());
  dump.reserved = regions_of(state.memblock.reserved().view());
  // Without nodes, tables have no room for them.
  if (!state.machine.limits.has_numa)
    for (auto* const list : {&dump.memory, &dump.reserved})
      for (lnx::LoggedRegion& region : *list) region.node.reset();
  dump.memory_size = state.memblock.phys_mem_size();
  dump.reserved_size = state.memblock.reserved_size();
  out_.log.dumps.push_back(std::move(dump));
}

}  // namespace quarry::cli
