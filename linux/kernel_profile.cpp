#include "linux/kernel_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "linux/profiles.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

std::uint64_t option(const KernelProfile& profile, std::string_view name, std::uint64_t otherwise) {
  const auto found = profile.config.find(name);
  return found == profile.config.end() ? otherwise : parse_profile_number(found->second).value_or(otherwise);
}

unsigned shift_of(std::uint64_t page_size) { return page_size == 16384 ? 14 : page_size == 65536 ? 16 : 12; }

// Order of a huge page: what pageblocks are made of where there are huge pages.
unsigned huge_page_order(const KernelProfile& profile, unsigned page_shift) {
  if (profile.arch == Arch::arm) return profile.has("CONFIG_HUGETLB_PAGE") ? 9 : 64;
  return profile.has("CONFIG_HUGETLB_PAGE") ? page_shift - 3 : 64;
}

Result<Geometry> geometry_of(const KernelProfile& profile, unsigned page_shift, std::uint64_t section_bits) {
  // ARCH_FORCE_MAX_ORDER is exclusive before Linux 6.4; without it there are eleven orders.
  const bool has_option = profile.config.contains("CONFIG_ARCH_FORCE_MAX_ORDER");
  const std::uint64_t orders =
      option(profile, "CONFIG_ARCH_FORCE_MAX_ORDER", option(profile, "CONFIG_FORCE_MAX_ZONEORDER", 11)) +
      (has_option && is_at_least(profile.release, 6, 4) ? 1 : 0);
  if (orders == 0 || orders > Order::kCount) return Error::bad_geometry;
  GeometrySpec spec{.page_shift = page_shift,
                    .max_order = static_cast<unsigned>(orders) - 1,
                    .pageblock_order = static_cast<unsigned>(orders) - 1};
  spec.pageblock_order = std::min(spec.max_order, huge_page_order(profile, page_shift));
  if (profile.has("CONFIG_SPARSEMEM")) spec.section_bits = static_cast<unsigned>(section_bits);
  return Geometry::from(spec);
}

boot::Limits limits_of(const KernelProfile& profile) {
  boot::Limits limits;
  const bool is_x86 = profile.arch == Arch::x86_64, is_arm = profile.arch == Arch::arm;
  limits.has_zone_dma = profile.has("CONFIG_ZONE_DMA");
  limits.has_zone_dma32 = profile.has("CONFIG_ZONE_DMA32");
  limits.has_highmem = profile.has("CONFIG_HIGHMEM");
  limits.has_numa = profile.has("CONFIG_NUMA");
  limits.has_numa_emulation = profile.has("CONFIG_NUMA_EMU");
  limits.has_cma = profile.has("CONFIG_CMA");
  if (limits.has_cma)
    limits.max_cma_areas = 1 + static_cast<std::size_t>(option(profile, "CONFIG_CMA_AREAS", 7));
  limits.known_bugs = boot::KnownBugs::reproduced;
  limits.has_restricted_dma = profile.has("CONFIG_DMA_RESTRICTED_POOL");
  limits.max_nodes =
      limits.has_numa ? 1u << std::min<std::uint64_t>(option(profile, "CONFIG_NODES_SHIFT", 0), 15) : 1;
  if (limits.has_cma && profile.has("CONFIG_DMA_CMA")) {
    limits.cma_size = Bytes{option(profile, "CONFIG_CMA_SIZE_MBYTES", 0) << 20};
    const unsigned alignment =
        static_cast<unsigned>(std::min<std::uint64_t>(option(profile, "CONFIG_CMA_ALIGNMENT", 8), 12));
    limits.cma_alignment = Bytes{std::uint64_t{1} << (alignment + profile.geometry.page_shift_)};
  }
  limits.max_reserved_nodes = 64;
  limits.max_map_entries = is_x86 ? 128 + 3 * 1024 : 0;
  // arm64 with UEFI leaves room for UEFI's many small ranges, and for each processor's interrupt tables.
  if (profile.arch == Arch::arm64 && profile.has("CONFIG_EFI")) {
    limits.initial_memory_regions = 1024;
    limits.initial_reserved_regions =
        128 + static_cast<std::size_t>(option(profile, "CONFIG_NR_CPUS", 0)) + 1;
  }
  const bool is_lpae = profile.has("CONFIG_ARM_LPAE");
  limits.region_bytes = Bytes{is_arm && !is_lpae ? 12u : 24u};
  if (is_x86) {
    limits.phys_bits = 46;  // five-level tables need a processor that has them
    limits.page_offset = 0xffff888000000000;
  } else if (is_arm) {
    limits.phys_bits = is_lpae ? 40 : 32;
    limits.va_bits = 32;
    limits.page_offset = option(profile, "CONFIG_PAGE_OFFSET", 0xC0000000);
  } else if (profile.arch == Arch::riscv64) {
    limits.phys_bits = 56;
    limits.va_bits = 57;               // what the processor has, is tried from the widest down
    limits.maps_below_kernel = false;  // see choose_kernel: a later kernel that is named does
    limits.page_offset = 0xff60000000000000;
  } else {
    limits.phys_bits = static_cast<unsigned>(option(profile, "CONFIG_ARM64_PA_BITS", 48));
    limits.va_bits = static_cast<unsigned>(option(profile, "CONFIG_ARM64_VA_BITS", 48));
    limits.page_offset = limits.va_bits < 64 ? ~std::uint64_t{0} << limits.va_bits : 0;
  }
  return limits;
}

void read_config(std::string_view lines, KernelProfile& profile) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos)
      profile.config.insert_or_assign(std::string{line.substr(0, equals)},
                                      std::string{line.substr(equals + 1)});
  }
}

const BuiltinKernel* find_builtin(Arch arch, std::string_view release) {
  for (const BuiltinKernel& kernel : builtin_kernels())
    if (kernel.arch == arch && (release.empty() || kernel.release == release)) return &kernel;
  return nullptr;
}

// The kernel of the same variant: for clouds or for all machines, with or without LPAE.
const BuiltinKernel* find_variant(Arch arch, std::string_view release) {
  const auto has = [](std::string_view name, std::string_view word) {
    return name.find(word) != std::string_view::npos;
  };
  for (const BuiltinKernel& kernel : builtin_kernels())
    if (kernel.arch == arch && has(kernel.release, "-cloud") == has(release, "cloud") &&
        has(kernel.release, "-lpae") == has(release, "lpae"))
      return &kernel;
  return nullptr;
}

// What a kernel.txt never says: sizes of the image file and of its first page tables.
void take_from_builtin(KernelProfile& profile) {
  const BuiltinKernel* known = find_builtin(profile.arch, profile.release);
  if (known != nullptr && !profile.symbols.known()) profile.symbols = known->symbols;
  if (known == nullptr) {  // by variant: what does not depend on the build
    const bool is_lpae = profile.has("CONFIG_ARM_LPAE");
    known = find_builtin(profile.arch, is_lpae ? "6.1.0-50-armmp-lpae" : "");
  }
  if (known == nullptr) return;
  profile.image_bytes = known->image_bytes;
  profile.page_directory = known->page_directory;
}

// As they follow one another in most images.
constexpr NamedSymbol kSymbols[] = {
    {"_text", &Symbols::text},
    {"_stext", &Symbols::stext},
    {"_etext", &Symbols::etext},
    {"__start_rodata", &Symbols::rodata_start},
    {"__end_rodata", &Symbols::rodata_end},
    {"__init_begin", &Symbols::init_begin},
    {"__init_end", &Symbols::init_end},
    {"_einittext", &Symbols::einittext},
    {"_sdata", &Symbols::sdata},
    {"_edata", &Symbols::edata},
    {"__bss_start", &Symbols::bss_start},
    {"__bss_stop", &Symbols::bss_stop},
    {"__brk_base", &Symbols::brk_base},
    {"__brk_limit", &Symbols::brk_limit},
    {"swapper_pg_dir", &Symbols::swapper_pg_dir},
    {"_end", &Symbols::end},
};
struct Line {
  std::size_t number;
  std::string_view key, value;
};

// What a line other than arch, release and numbers says; empty when it is fine.
std::string read_symbol_or_option(const Line& line, KernelProfile& profile) {
  if (line.key.starts_with("symbol.")) {
    const auto value = parse_profile_number(line.value);
    if (!value) return fmt::format("line {}: '{}': expected an address", line.number, line.key);
    if (auto* const field = symbol_named(profile.symbols, line.key.substr(7)); field != nullptr)
      *field = *value;
  } else if (line.key.starts_with("config.")) {
    profile.config.insert_or_assign(std::string{line.key.substr(7)}, std::string{line.value});
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> parse_profile_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_at_least(std::string_view release, unsigned major, unsigned minor) {
  unsigned first = 0, second = 0;
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, first);
  if (error != std::errc{} || dot == end || *dot != '.') return false;
  if (std::from_chars(dot + 1, end, second).ec != std::errc{}) return false;
  return first != major ? first > major : second >= minor;
}

std::uint64_t* symbol_named(Symbols& symbols, std::string_view name) {
  for (const NamedSymbol& known : kSymbols)
    if (known.name == name) return &(symbols.*known.field);
  return nullptr;
}

std::span<const NamedSymbol> named_symbols() { return kSymbols; }

Result<Done> derive(KernelProfile& profile, unsigned page_shift, unsigned section_bits) {
  const auto geometry = geometry_of(profile, page_shift, section_bits);
  if (!geometry) return geometry.error();
  profile.geometry = geometry.value();
  profile.limits = limits_of(profile);
  profile.log_buf_shift = static_cast<unsigned>(option(profile, "CONFIG_LOG_BUF_SHIFT", 17));
  profile.log_cpu_buf_shift =
      static_cast<unsigned>(std::min<std::uint64_t>(option(profile, "CONFIG_LOG_CPU_MAX_BUF_SHIFT", 12), 21));
  profile.max_cpus = static_cast<unsigned>(option(profile, "CONFIG_NR_CPUS", 0));
  profile.is_sparse_vmemmap = !profile.geometry.is_flat();
  profile.link_base = profile.arch == Arch::arm ? profile.limits.page_offset : profile.symbols.text;
  // riscv64's image begins with its header, at the block below the first symbol.
  if (profile.arch == Arch::riscv64) profile.link_base &= ~((std::uint64_t{2} << 20) - 1);
  return Done{};
}

bool KernelProfile::has(std::string_view name) const {
  const auto found = config.find(name);
  return found != config.end() && found->second == "y";
}

std::optional<boot::Arch> arch_of(std::string_view name) {
  if (name == "x86_64" || name == "amd64" || name == "x86-64") return Arch::x86_64;
  if (name == "arm64" || name == "aarch64") return Arch::arm64;
  if (name == "arm" || name == "armhf" || name == "armv7") return Arch::arm;
  if (name == "riscv64") return Arch::riscv64;
  return std::nullopt;
}

KernelProfile profile_of(const BuiltinKernel& kernel) {
  KernelProfile profile;
  profile.release = kernel.release;
  profile.arch = kernel.arch;
  profile.symbols = kernel.symbols;
  profile.image_bytes = kernel.image_bytes;
  profile.page_directory = kernel.page_directory;
  profile.source = fmt::format("built-in profile of Linux {}", kernel.release);
  read_config(kernel.config, profile);
  check(static_cast<bool>(derive(profile, 12, 27)), "a built-in kernel has a lawful geometry");
  return profile;
}

KernelProfile builtin_profile(boot::Arch arch, std::string_view release) {
  if (const BuiltinKernel* exact = find_builtin(arch, release)) return profile_of(*exact);
  if (const BuiltinKernel* nearest = find_variant(arch, release)) return profile_of(*nearest);
  if (const BuiltinKernel* any = find_builtin(arch, {})) return profile_of(*any);
  KernelProfile profile;
  profile.arch = arch;
  profile.source = "no profile of this architecture";
  return profile;
}

Expected<KernelProfile> read_kernel_profile(std::string_view text) {
  KernelProfile profile;
  std::optional<Arch> arch;
  std::uint64_t page_size = 4096, section_bits = 27;
  const auto wrong = [](std::string what) { return Problem{ExitStatus::malformed_input, std::move(what)}; };
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return wrong(fmt::format("line {}: expected key=value", number));
    const Line parsed{number, line.substr(0, equals), line.substr(equals + 1)};
    if (parsed.key == "arch") {
      arch = arch_of(parsed.value);
      if (!arch)
        return wrong(fmt::format("line {}: architecture '{}': expected x86_64, arm64, armhf or riscv64",
                                 number, parsed.value));
    } else if (parsed.key == "release") {
      profile.release = parsed.value;
    } else if (parsed.key == "page_size" || parsed.key == "section_size_bits") {
      const auto value = parse_profile_number(parsed.value);
      if (!value) return wrong(fmt::format("line {}: '{}': expected a number", number, parsed.key));
      (parsed.key == "page_size" ? page_size : section_bits) = *value;
    } else if (std::string problem = read_symbol_or_option(parsed, profile); !problem.empty()) {
      return wrong(std::move(problem));
    }
  }
  if (!arch) return wrong("no line arch=: expected arch=x86_64, arm64, armhf or riscv64");
  if (page_size != 4096 && page_size != 16384 && page_size != 65536)
    return wrong(fmt::format("page_size={}: expected 4096, 16384 or 65536", page_size));
  profile.arch = *arch;
  profile.source = "kernel.txt";
  take_from_builtin(profile);
  if (section_bits > 63 || !derive(profile, shift_of(page_size), static_cast<unsigned>(section_bits)))
    return wrong("CONFIG_ARCH_FORCE_MAX_ORDER, page_size and section_size_bits make no lawful geometry");
  return profile;
}

boot::KernelImage image_at(const KernelProfile& profile, PhysAddr base, Bytes brk) {
  const Symbols& symbols = profile.symbols;
  if (!symbols.known()) return {};
  const auto at = [&](std::uint64_t link) { return PhysAddr{base.raw + (link - profile.link_base)}; };
  const auto range = [&](std::uint64_t begin, std::uint64_t end) -> PhysRange {
    if (begin == 0 || end < begin || at(end) < at(begin)) return {};
    return {at(begin), at(end)};
  };
  const bool is_x86 = profile.arch == Arch::x86_64;
  boot::KernelImage image;
  const bool has_header = profile.arch == Arch::riscv64;
  image.whole = range(has_header ? profile.link_base
                      : is_x86   ? symbols.text
                                 : symbols.stext,
                      symbols.brk_base != 0 ? symbols.brk_base : symbols.end);
  image.text = range(profile.arch == Arch::arm64 ? symbols.stext : symbols.text, symbols.etext);
  image.rodata = range(symbols.rodata_start, symbols.rodata_end);
  image.data = range(symbols.sdata, symbols.edata);
  image.bss = range(symbols.bss_start, symbols.bss_stop);
  image.init = range(symbols.init_begin, symbols.init_end);
  image.brk_space = range(symbols.brk_base, symbols.brk_limit);
  if (symbols.brk_base != 0) image.brk = PhysRange::sized(at(symbols.brk_base), brk);
  if (profile.arch == Arch::arm && symbols.swapper_pg_dir != 0)
    image.page_directory = PhysRange::sized(at(symbols.swapper_pg_dir), profile.page_directory);
  if (profile.arch == Arch::arm64) {  // the first page tables follow the bss and are given back once replaced
    const std::uint64_t after_bss = (symbols.bss_stop + 0xfff) & ~std::uint64_t{0xfff};
    image.page_directory = PhysRange::sized(at(after_bss), profile.page_directory);
  }
  return image;
}

}  // namespace quarry::lnx
