// linux/kernel_facts.hpp: what one file says of a kernel, before anything is assumed.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "linux/kernel_profile.hpp"
#include "linux/kernel_structs.hpp"

namespace quarry::lnx {

using KernelConfig = std::map<std::string, std::string, std::less<>>;
using NamedNumbers = std::map<std::string, std::uint64_t, std::less<>>;

// Zero, empty or none: the file does not say.
struct KernelFacts {
  std::string format;  // "a System.map", "a vmlinux", "a bzImage (xz)"
  std::optional<boot::Arch> arch;
  std::string release;
  bool says_release = false;  // it has a place for it, even if nothing stands there
  Symbols symbols;
  Bytes image_bytes{0};
  Bytes page_directory{0};
  unsigned page_shift = 0;
  unsigned section_bits = 0;
  std::optional<KernelConfig> config;
  NamedNumbers sizes;     // by the names of StructSizes' fields
  KernelStructs structs;  // by the structures' names in C
};

// --- Symbols -----------------------------------------------------------------------------------------------

// Whether a symbol says anything of a memory layout or an architecture. Others need not be kept.
bool is_telling_symbol(std::string_view name);

// Takes what the telling symbols say: architecture, link addresses, and the sizes that lie between two of them.
void take_symbols(const NamedNumbers& symbols, KernelFacts& facts);

// --- Formats -----------------------------------------------------------------------------------------------
// Each reads its own bytes and nothing behind them. A problem's text names the place and what was expected; the
// file's name is the caller's to add.

// ADDRESS TYPE NAME, one a line. `release` is for the message about a stub: the release that the file's name tells.
Expected<KernelFacts> read_system_map(std::string_view text, std::string_view release);

// An ELF file of 32 or 64 bits: symbols where it has them, else sections, else segments.
Expected<KernelFacts> read_vmlinux(std::span<const std::byte> bytes);

// The images that boot loaders load: x86's bzImage, arm64's Image, arm's zImage, and UEFI's self-unpacking one.
bool is_boot_image(std::span<const std::byte> bytes);
Expected<KernelFacts> read_boot_image(std::span<const std::byte> bytes);

// A profile in TOML; docs/kernels.md lists its keys.
Expected<KernelFacts> read_profile_toml(std::string_view text);

// A .config: CONFIG_X=value lines, and `# CONFIG_X is not set`, which is n. Values in quotes lose them.
Expected<KernelConfig> read_kernel_config(std::string_view text);

// Whether text is a .config, by its first lines; and what it says of the kernel beside the options: its
// architecture by CONFIG_X86_64 and the like, its version by the line "# Linux/x86 6.1.192 Kernel Configuration".
bool looks_like_config(std::string_view text);
Expected<KernelFacts> read_config_facts(std::string_view text);

// What any image may have inside: the words "Linux version RELEASE", and the configuration between IKCFG_ST and
// IKCFG_ED. Nothing where they are not.
std::string banner_release(std::span<const std::byte> bytes);
std::optional<KernelConfig> embedded_config(std::span<const std::byte> bytes);

// --- What cannot be ---------------------------------------------------------------------------------------------

// The first value that no kernel has, and what was expected: a symbol outside of the image, an option outside of
// Kconfig's range, a structure of too many bytes. Empty: nothing.
std::string impossible_in(KernelProfile& profile);

}  // namespace quarry::lnx
