// What no kernel can have, however its file was read: the last part of kernel_facts.hpp.
#include <fmt/format.h>

#include "linux/kernel_facts.hpp"

namespace quarry::lnx {
namespace {

// Ranges of Kconfig in Linux 6.1 and later, over all architectures here.
struct Range {
  std::string_view option;
  std::uint64_t least, most;
};
constexpr Range kRanges[] = {
    {"CONFIG_LOG_BUF_SHIFT", 12, 25},       {"CONFIG_LOG_CPU_MAX_BUF_SHIFT", 0, 21},
    {"CONFIG_NODES_SHIFT", 0, 10},          {"CONFIG_NR_CPUS", 1, 8192},
    {"CONFIG_CMA_SIZE_MBYTES", 0, 65536},   {"CONFIG_CMA_ALIGNMENT", 2, 12},
    {"CONFIG_ARM64_VA_BITS", 36, 52},       {"CONFIG_ARM64_PA_BITS", 48, 52},
    {"CONFIG_PGTABLE_LEVELS", 2, 5},        {"CONFIG_PAGE_OFFSET", 0x40000000, UINT64_MAX},
    {"CONFIG_ARCH_FORCE_MAX_ORDER", 1, 64}, {"CONFIG_FORCE_MAX_ZONEORDER", 1, 64},
};

std::string wrong_option(const KernelProfile& profile) {
  for (const Range& range : kRanges) {
    const auto found = profile.config.find(range.option);
    if (found == profile.config.end() || found->second == "n") continue;
    const auto value = parse_profile_number(found->second);
    if (!value || *value < range.least || *value > range.most)
      return fmt::format("{}={}: expected {} to {}", range.option, found->second, range.least, range.most);
  }
  return {};
}

std::string wrong_symbol(KernelProfile& profile) {
  constexpr std::uint64_t largest = std::uint64_t{1} << 30, x86_linked_for = 0xffffffff80000000;
  Symbols& symbols = profile.symbols;
  if (!symbols.known()) return {};
  if (symbols.end <= symbols.text || symbols.end - symbols.text > largest)
    return fmt::format("_text at {:#x} and _end at {:#x}: expected _end up to 1 GiB behind", symbols.text,
                       symbols.end);
  if (profile.arch == boot::Arch::x86_64 && symbols.text < x86_linked_for)
    return fmt::format("_text at {:#x}: expected an address of x86_64's image, from {:#x} on", symbols.text,
                       x86_linked_for);
  for (const std::string_view name :
       {"_stext", "_etext", "__start_rodata", "__end_rodata", "__init_begin", "__init_end", "_einittext",
        "_sdata", "_edata", "__bss_start", "__bss_stop", "__brk_base", "__brk_limit"}) {
    const std::uint64_t at = *symbol_named(symbols, name);
    if (at != 0 && (at < symbols.text || at > symbols.end))
      return fmt::format("{} at {:#x}: expected it from _text at {:#x} to _end at {:#x}", name, at,
                         symbols.text, symbols.end);
  }
  return {};
}

}  // namespace

std::string impossible_in(KernelProfile& profile) {
  if (std::string wrong = wrong_option(profile); !wrong.empty()) return wrong;
  if (std::string wrong = wrong_symbol(profile); !wrong.empty()) return wrong;
  for (const auto& [name, bytes] : profile.sizes) {
    constexpr std::uint64_t most = std::uint64_t{64} << 20;
    if (bytes > most) return fmt::format("{} of {} bytes: expected at most 64 MiB", name, bytes);
  }
  return {};
}

}  // namespace quarry::lnx
