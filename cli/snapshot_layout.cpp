#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "quarry/boot/arm_steps.hpp"
#include "quarry/vm/virtual_layout.hpp"

namespace quarry::cli {
namespace {

vm::LayoutRules::Arch arch_of(boot::Arch arch) {
  switch (arch) {
    case boot::Arch::x86_64: return vm::LayoutRules::Arch::x86_64;
    case boot::Arch::arm64: return vm::LayoutRules::Arch::arm64;
    case boot::Arch::arm: return vm::LayoutRules::Arch::arm;
    case boot::Arch::riscv64: return vm::LayoutRules::Arch::riscv64;
  }
  return vm::LayoutRules::Arch::x86_64;
}

}  // namespace

void read_layout(const memory::EarlySystem& early, BootReport& report) {
  const boot::Machine& machine = early.machine();
  const boot::State& state = early.state();
  const PageSize page = machine.geometry.page_size();
  const PhysRange image = machine.kernel.whole;
  vm::LayoutRules rules{.arch = arch_of(machine.arch),
                        .va_bits = machine.limits.va_bits,
                        .page_shift = page.shift(),
                        .ram_begin = page.address_of(state.min_low_pfn),
                        .ram_end = page.address_of(state.max_pfn),
                        .kernel_begin = image.begin(),
                        .kernel_bytes = image.size().raw,
                        .has_highmem = machine.limits.has_highmem};
  if (machine.arch == boot::Arch::x86_64) {
    // Five levels go with 52 bits of RAM; a machine of our own has them when it needs them.
    constexpr std::uint64_t four_levels_show = std::uint64_t{64} << 40;
    const bool five =
        machine.limits.phys_bits > 46 && (!report.native || rules.ram_end.raw > four_levels_show);
    rules.va_bits = five ? 57 : 48;
    rules.ram_begin = PhysAddr{0};
    rules.text_offset = image.begin().raw;
  }
  if (machine.arch == boot::Arch::arm) {
    rules.va_bits = 32;
    rules.page_offset = static_cast<std::uint32_t>(boot::arm::page_offset(machine));
    rules.ram_begin = boot::arm::phys_offset(state);
    rules.lowmem_end = page.address_of(state.max_low_pfn);
    rules.text_offset = image.begin().raw - rules.ram_begin.raw;
  }
  const auto layout = vm::VirtualLayout::make(rules);
  if (!layout) return;  // an image elsewhere, or more RAM than such a kernel can show
  for (const vm::Part& part : layout.value().parts())
    report.address_space.push_back({to_string(vm::name_of(part.kind)), part.first, part.last});
}

}  // namespace quarry::cli
