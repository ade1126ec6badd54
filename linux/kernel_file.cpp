#include "linux/kernel_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "linux/file_bytes.hpp"
#include "linux/unpack.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

constexpr std::string_view kExpected =
    "expected a System.map, a vmlinux, a bzImage, Image or zImage, or a profile in TOML";

// "/boot/vmlinuz-6.1.0-56-amd64" tells "6.1.0-56-amd64".
std::string release_of_name(std::string_view name) {
  const std::string file = std::filesystem::path{std::string{name}}.filename().string();
  const std::size_t dash = file.find('-');
  if (dash == std::string::npos || dash + 1 >= file.size()) return {};
  std::string release = file.substr(dash + 1);
  if (release[0] < '0' || release[0] > '9') return {};
  for (const std::string_view ending : {".gz", ".xz", ".zst", ".map", ".toml"})
    if (release.ends_with(ending)) release.resize(release.size() - ending.size());
  return release;
}

bool looks_like_text(std::string_view bytes) {
  const auto is_text = [](char c) {
    return c == '\n' || c == '\r' || c == '\t' || (c >= ' ' && c != '\x7f');
  };
  const std::string_view head = bytes.substr(0, 4096);
  return std::all_of(head.begin(), head.end(), [&](char c) { return is_text(c) || (c & '\x80') != 0; });
}

// A first line as a symbol table has it: sixteen digits, or eight, and a blank.
bool looks_like_system_map(std::string_view text) {
  const std::size_t digits = text.find(' ');
  return (digits == 8 || digits == 16) &&
         text.substr(0, digits).find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

Expected<KernelFacts> read_facts(std::span<const std::byte> bytes, std::string_view name) {
  const auto malformed = [](std::string text) {
    return Problem{ExitStatus::malformed_input, std::move(text)};
  };
  const std::string_view text = text_of(bytes);
  if (bytes.empty()) return malformed(fmt::format("the file is empty: {}", kExpected));
  if (text.starts_with("\x7f"
                       "ELF"))
    return read_vmlinux(bytes);
  if (is_boot_image(bytes)) return read_boot_image(bytes);
  if (!looks_like_text(text))
    return malformed(fmt::format("no kernel that can be told by its bytes: {}", kExpected));
  if (text.substr(0, 512).find("Automatically generated file; DO NOT EDIT") != std::string_view::npos)
    return malformed(fmt::format("a kernel's configuration: {}; this is for --config", kExpected));
  if (looks_like_system_map(text)) return read_system_map(text, release_of_name(name));
  if (text.find('=') != std::string_view::npos) return read_profile_toml(text);
  return malformed(fmt::format("text that is neither: {}", kExpected));
}

// Sparse sections of Linux 6.1; arm64's had 1 GiB before 5.12, and have 512 MiB with pages of 64 KiB.
unsigned section_bits_of(const KernelFacts& facts, unsigned page_shift) {
  if (facts.section_bits != 0) return facts.section_bits;
  if (facts.arch == Arch::arm64 && page_shift == 16) return 29;
  return 27;
}

unsigned page_shift_of(const KernelFacts& facts, const KernelProfile& profile) {
  if (facts.page_shift != 0) return facts.page_shift;
  if (profile.has("CONFIG_ARM64_64K_PAGES")) return 16;
  return profile.has("CONFIG_ARM64_16K_PAGES") ? 14 : 12;
}

// What image_at() can use of link addresses that were guessed: distances are right, the start is the known kernel's.
void move_to(std::uint64_t text, Symbols& symbols) {
  const std::uint64_t by = text - symbols.text;
  for (const std::string_view name :
       {"_text", "_stext", "_etext", "__start_rodata", "__end_rodata", "__init_begin", "__init_end",
        "_einittext", "_sdata", "_edata", "__bss_start", "__bss_stop", "__brk_base", "__brk_limit",
        "swapper_pg_dir", "_end"})
    if (std::uint64_t* const field = symbol_named(symbols, name); *field != 0) *field += by;
}

// Whether two layouts can be of one image: what both know is equally far from the start.
bool agree(const Symbols& some, const Symbols& all) {
  if (!all.known()) return false;
  const auto fits = [&](std::uint64_t Symbols::* field) {
    return some.*field == 0 || some.*field - some.text == all.*field - all.text;
  };
  return fits(&Symbols::end) && fits(&Symbols::bss_stop);
}

struct Composer {
  const KernelFacts& facts;
  KernelProfile base;  // the built-in one
  KernelProfile profile = {};

  bool is_same_release() const { return !facts.release.empty() && base.release == facts.release; }
  void assume(std::string text) { profile.assumed.push_back(std::move(text)); }
  void set_config(const std::optional<KernelConfig>& given);
  void set_symbols();
  void set_rest();
};

void Composer::set_config(const std::optional<KernelConfig>& given) {
  profile.config = given ? *given : facts.config ? *facts.config : base.config;
  if (!given && !facts.config)
    assume(fmt::format("{} does not say how it is configured: {} is assumed (--config)", facts.format,
                       base.source));
}

// The known kernel's layout completes the file's where they are of the same build.
void Composer::set_symbols() {
  profile.symbols = facts.symbols;
  if (!facts.symbols.known()) {
    profile.symbols = base.symbols;
    assume(fmt::format("{} does not say where its sections lie: {} is assumed", facts.format, base.source));
    return;
  }
  const bool is_whole =
      facts.symbols.init_end != 0 && facts.symbols.etext != 0 && facts.symbols.bss_stop != 0;
  if (is_whole) return;
  if (is_same_release() && agree(facts.symbols, base.symbols)) {
    profile.symbols = base.symbols;
    move_to(facts.symbols.text, profile.symbols);
    assume(
        fmt::format("{} does not say where its text, data and init sections lie: {}, of the same length, is "
                    "assumed",
                    facts.format, base.source));
  } else {
    assume(fmt::format(
        "{} does not say where its text, data and init sections lie: the image is counted whole, and "
        "nothing of it is given back",
        facts.format));
  }
}

void Composer::set_rest() {
  profile.image_bytes = facts.image_bytes;
  profile.page_directory = facts.page_directory;
  if (profile.arch == Arch::arm) {
    const bool is_lpae = profile.has("CONFIG_ARM_LPAE");
    const std::uint64_t directory = is_lpae ? 0x5000 : 0x4000;
    if (profile.page_directory.raw == 0) profile.page_directory = Bytes{directory};
    if (profile.symbols.swapper_pg_dir == 0)
      profile.symbols.swapper_pg_dir = profile.symbols.text - profile.page_directory.raw;
    if (profile.image_bytes.raw == 0) profile.image_bytes = base.image_bytes;
    constexpr std::uint64_t split = 0x10000000;
    if (!profile.config.contains("CONFIG_PAGE_OFFSET"))
      profile.config["CONFIG_PAGE_OFFSET"] = fmt::format("{:#x}", profile.symbols.text & ~(split - 1));
  } else if (profile.arch == Arch::arm64 && profile.page_directory.raw == 0) {
    profile.page_directory = base.page_directory;
  }
  profile.sizes = facts.sizes;
}

std::string source_of(const KernelFacts& facts, std::string_view name) {
  return facts.release.empty() ? fmt::format("{}: {}", name, facts.format)
                               : fmt::format("{}: {} of Linux {}", name, facts.format, facts.release);
}

}  // namespace

Expected<KernelProfile> read_kernel_bytes(std::span<const std::byte> bytes, std::string_view name,
                                          const std::optional<KernelConfig>& config) {
  const auto malformed = [&](std::string_view text) {
    return Problem{ExitStatus::malformed_input, fmt::format("--kernel {}: {}", name, text)};
  };
  std::vector<std::byte> unpacked;
  if (packing_of(bytes)) {
    auto inner = unpack(bytes);
    if (!inner) return malformed(inner.problem().text);
    unpacked = *std::move(inner);
    bytes = unpacked;
  }
  auto facts = read_facts(bytes, name);
  if (!facts) return malformed(facts.problem().text);
  if (facts->release.empty()) facts->release = release_of_name(name);

  Composer composer{.facts = *facts, .base = builtin_profile(*facts->arch, facts->release)};
  KernelProfile& profile = composer.profile;
  profile.arch = *facts->arch;
  profile.release = facts->release;
  profile.source = source_of(*facts, name);
  composer.set_config(config);
  composer.set_symbols();
  composer.set_rest();
  if (const std::string wrong = impossible_in(profile); !wrong.empty()) return malformed(wrong);
  const unsigned page_shift = page_shift_of(*facts, profile);
  if (!derive(profile, page_shift, section_bits_of(*facts, page_shift)))
    return malformed(
        "page size, sections and CONFIG_ARCH_FORCE_MAX_ORDER make no lawful geometry: expected those of a "
        "kernel that was built");
  if (profile.symbols.known() && profile.link_base > profile.symbols.text)
    return malformed(
        fmt::format("_text at {:#x} lies below CONFIG_PAGE_OFFSET: expected it above", profile.symbols.text));
  return std::move(profile);
}

Expected<KernelProfile> read_kernel_file(const std::string& kernel,
                                         const std::optional<std::string>& config) {
  const auto unreadable = [](std::string_view option, std::string_view name) {
    return Problem{ExitStatus::bad_arguments, fmt::format("{} {}: cannot be read", option, name)};
  };
  std::optional<KernelConfig> options;
  if (config) {
    const auto bytes = read_file(*config);
    if (!bytes) return unreadable("--config", *config);
    std::vector<std::byte> unpacked;
    std::span<const std::byte> text = *bytes;
    if (packing_of(text)) {  // /proc/config.gz
      auto inner = unpack(text);
      if (!inner)
        return Problem{ExitStatus::malformed_input,
                       fmt::format("--config {}: {}", *config, inner.problem().text)};
      unpacked = *std::move(inner);
      text = unpacked;
    }
    auto read = read_kernel_config(text_of(text));
    if (!read)
      return Problem{ExitStatus::malformed_input,
                     fmt::format("--config {}: {}", *config, read.problem().text)};
    options = *std::move(read);
  }
  const auto bytes = read_file(kernel, kLargestKernel);
  if (!bytes) return unreadable("--kernel", kernel);
  return read_kernel_bytes(*bytes, kernel, options);
}

}  // namespace quarry::lnx
