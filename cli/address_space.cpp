#include "cli/address_space.hpp"

#include "linux/struct_sizes.hpp"
#include "quarry/base/bits.hpp"
#include "quarry/boot/arm_steps.hpp"
#include "quarry/page/descriptor.hpp"

namespace quarry::cli {
namespace {

using vm::LayoutRules;
using vm::PartKind;

constexpr std::uint64_t kImageSpace = 0xffff'ffff'8000'0000;  // x86_64: what the image's addresses begin with

LayoutRules::Arch arch_of(boot::Arch arch) {
  switch (arch) {
    case boot::Arch::x86_64: return LayoutRules::Arch::x86_64;
    case boot::Arch::arm64: return LayoutRules::Arch::arm64;
    case boot::Arch::arm: return LayoutRules::Arch::arm;
    case boot::Arch::riscv64: return LayoutRules::Arch::riscv64;
  }
  return LayoutRules::Arch::x86_64;
}

// The image wherever it lies: its addresses are those it was linked for.
void place_image(const boot::Machine& machine, const lnx::KernelProfile* kernel, LayoutRules& rules) {
  const PhysRange image = machine.kernel.whole;
  rules.kernel_begin = image.begin();
  rules.kernel_bytes = image.size().raw;
  const bool is_known = kernel != nullptr && kernel->symbols.known();
  switch (machine.arch) {
    case boot::Arch::x86_64: {
      const bool is_linked_there = is_known && kernel->symbols.text >= kImageSpace;
      rules.text_offset = is_linked_there ? kernel->symbols.text - kImageSpace : image.begin().raw;
      // The brk belongs to the image, and lies behind what the flow reserves of it.
      if (is_known) rules.kernel_bytes = kernel->symbols.end - kernel->symbols.text;
      break;
    }
    case boot::Arch::arm64:
      // What the flow reserves begins with _stext; a header and a page or more lie in front of it.
      if (!is_known || kernel->symbols.stext < kernel->symbols.text ||
          image.begin().raw < kernel->symbols.stext - kernel->symbols.text)
        break;
      rules.kernel_begin = PhysAddr{image.begin().raw - (kernel->symbols.stext - kernel->symbols.text)};
      rules.kernel_bytes = kernel->symbols.end - kernel->symbols.text;
      break;
    case boot::Arch::arm: {
      // What the flow reserves begins with _stext here, too; page tables and exception vectors lie in front of it.
      const lnx::Symbols symbols = is_known ? kernel->symbols : lnx::Symbols{};
      const std::uint64_t before = symbols.stext - symbols.text;
      const bool has_head = is_known && symbols.stext >= symbols.text && image.begin().raw >= before;
      if (has_head) {
        rules.kernel_begin = PhysAddr{image.begin().raw - before};
        rules.kernel_bytes = symbols.end - symbols.text;
      }
      rules.text_offset = rules.kernel_begin.raw - rules.ram_begin.raw;
      break;
    }
    case boot::Arch::riscv64: break;
  }
}

// Source    Linux 6.1, arch/arm64/include/asm/kernel-pgtable.h, "ARM64_MEMSTART_SHIFT" (behaviour).
std::uint64_t memstart_align(unsigned page_shift) {
  constexpr unsigned of_64k_pages = 29, of_others = 30;
  return std::uint64_t{1} << (page_shift == 16 ? of_64k_pages : of_others);
}

void fit_x86_64(const boot::Machine& machine, const lnx::KernelProfile* kernel, LayoutRules& rules) {
  // Five levels go with 52 bits of RAM; a machine of our own has them when it needs them.
  constexpr std::uint64_t four_levels_show = std::uint64_t{64} << 40, fixed_space = 512u << 20;
  constexpr unsigned four_level_bits = 46;
  const bool needs_five = kernel != nullptr || rules.ram_end.raw > four_levels_show;
  rules.va_bits = machine.limits.phys_bits > four_level_bits && needs_five ? 57 : 48;
  rules.ram_begin = PhysAddr{0};
  if (kernel == nullptr) return;
  const auto moves = kernel->config.find("CONFIG_RANDOMIZE_BASE");
  if (moves != kernel->config.end() && moves->second == "n") rules.image_space = fixed_space;
}

}  // namespace

std::optional<AddressSpace> AddressSpace::of(const memory::EarlySystem& early,
                                             const lnx::KernelProfile* kernel) {
  const boot::Machine& machine = early.machine();
  const boot::State& state = early.state();
  const PageSize page = machine.geometry.page_size();
  const Bytes descriptor =
      kernel == nullptr ? Bytes{sizeof(page::Descriptor)} : lnx::struct_sizes_of(*kernel).page;
  LayoutRules rules{.arch = arch_of(machine.arch),
                    .va_bits = machine.limits.va_bits,
                    .page_shift = page.shift(),
                    .ram_begin = page.address_of(state.min_low_pfn),
                    .ram_end = page.address_of(state.max_pfn),
                    .has_highmem = machine.limits.has_highmem};
  if (machine.arch == boot::Arch::x86_64) fit_x86_64(machine, kernel, rules);
  if (machine.arch == boot::Arch::arm64) rules.memstart_align = memstart_align(page.shift());
  if (machine.arch == boot::Arch::arm) {
    rules.va_bits = 32;
    rules.page_offset = static_cast<std::uint32_t>(boot::arm::page_offset(machine));
    rules.ram_begin = boot::arm::phys_offset(state);
    rules.lowmem_end = page.address_of(state.max_low_pfn);
  }
  place_image(machine, kernel, rules);
  const auto layout = vm::VirtualLayout::make(rules);
  if (!layout) return std::nullopt;
  AddressSpace space{layout.value()};
  if (const auto first = space.layout_.in_image(rules.kernel_begin))
    space.image_ = vm::Part{PartKind::kernel, first.value(), first.value() + rules.kernel_bytes - 1};
  space.descriptor_ = descriptor;
  space.has_vmemmap_ = kernel != nullptr && kernel->is_sparse_vmemmap;
  if (machine.arch == boot::Arch::arm64)
    space.first_described_ = page.pfn_down(PhysAddr{align_down(rules.ram_begin.raw, rules.memstart_align)});
  return space;
}

std::optional<std::uint64_t> AddressSpace::descriptor_of(Pfn page) const {
  const vm::Part* const part = layout_.find(PartKind::vmemmap);
  if (!has_vmemmap_ || part == nullptr || page < first_described_) return std::nullopt;
  const std::uint64_t index = page.raw - first_described_.raw;
  if (index > (part->last - part->first) / descriptor_.raw) return std::nullopt;
  return part->first + index * descriptor_.raw;
}

std::optional<Pfn> AddressSpace::described_at(std::uint64_t address) const {
  const vm::Part* const part = layout_.find(PartKind::vmemmap);
  if (!has_vmemmap_ || part == nullptr || !part->contains(address)) return std::nullopt;
  return Pfn{first_described_.raw + (address - part->first) / descriptor_.raw};
}

}  // namespace quarry::cli
