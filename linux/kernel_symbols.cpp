// Symbols of a kernel, wherever they were listed: the second part of kernel_facts.hpp.
#include <algorithm>
#include <array>

#include "linux/kernel_facts.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

// Symbols that kernels of one architecture have and those of the others have not.
struct Marker {
  std::string_view name;
  Arch arch;
};
constexpr Marker kMarkers[] = {
    {"x86_64_start_kernel", Arch::x86_64}, {"secondary_startup_64", Arch::x86_64},
    {"init_pg_dir", Arch::arm64},          {"idmap_pg_dir", Arch::arm64},
    {"__cpu_suspend_enter", Arch::arm64},  {"__atags_pointer", Arch::arm},
    {"__proc_info_begin", Arch::arm},      {"riscv_fill_hwcap", Arch::riscv64},
    {"trampoline_pg_dir", Arch::riscv64},
};

// A size that lies between two symbols, and the field of StructSizes that it is.
struct Between {
  std::string_view first, last, field;
};
constexpr Between kBetween[] = {
    {"__per_cpu_start", "__per_cpu_end", "percpu_static"},
    {"__smp_locks", "__smp_locks_end", "smp_alternatives"},
    {"__start_bss_decrypted", "__start_bss_decrypted_unused", "decrypted_bss"},
};
constexpr std::string_view kInitPgDir = "init_pg_dir", kInitPgEnd = "init_pg_end";

std::optional<std::uint64_t> value_of(const NamedNumbers& symbols, std::string_view name) {
  const auto found = symbols.find(name);
  return found == symbols.end() ? std::nullopt : std::optional{found->second};
}

std::optional<std::uint64_t> distance(const NamedNumbers& symbols, std::string_view first,
                                      std::string_view last) {
  const auto from = value_of(symbols, first), to = value_of(symbols, last);
  if (!from || !to || *to <= *from) return std::nullopt;
  return *to - *from;
}

}  // namespace

bool is_telling_symbol(std::string_view name) {
  const auto is_name = [&](const auto& known) { return known.name == name; };
  const auto is_end = [&](const Between& known) { return known.first == name || known.last == name; };
  Symbols any;
  return symbol_named(any, name) != nullptr || name == kInitPgDir || name == kInitPgEnd ||
         std::any_of(std::begin(kMarkers), std::end(kMarkers), is_name) ||
         std::any_of(std::begin(kBetween), std::end(kBetween), is_end);
}

void take_symbols(const NamedNumbers& symbols, KernelFacts& facts) {
  for (const auto& [name, value] : symbols)
    if (std::uint64_t* const field = symbol_named(facts.symbols, name); field != nullptr) *field = value;
  if (!facts.arch) {
    const auto marker = std::find_if(std::begin(kMarkers), std::end(kMarkers), [&](const Marker& known) {
      return value_of(symbols, known.name).has_value();
    });
    if (marker != std::end(kMarkers)) facts.arch = marker->arch;
  }
  for (const Between& between : kBetween)
    if (const auto size = distance(symbols, between.first, between.last))
      facts.sizes.insert_or_assign(std::string{between.field}, *size);
  if (facts.arch == Arch::arm64) {
    if (const auto size = distance(symbols, kInitPgDir, kInitPgEnd)) facts.page_directory = Bytes{*size};
  } else if (facts.arch == Arch::arm) {  // right before the image
    if (const auto size = distance(symbols, "swapper_pg_dir", "_text")) facts.page_directory = Bytes{*size};
  }
}

}  // namespace quarry::lnx
