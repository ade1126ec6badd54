// linux/kernel_profile.hpp: what one kernel's configuration and image decide about physical memory, as data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/problem.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/boot/machine.hpp"

namespace quarry::lnx {

// Link addresses of the image; 0: unknown.
struct Symbols {
  std::uint64_t text = 0, stext = 0, etext = 0;
  std::uint64_t rodata_start = 0, rodata_end = 0;
  std::uint64_t init_begin = 0, init_end = 0;
  std::uint64_t einittext = 0;  // end of the init sections' text
  std::uint64_t sdata = 0, edata = 0;
  std::uint64_t bss_start = 0, bss_stop = 0;
  std::uint64_t brk_base = 0, brk_limit = 0;
  std::uint64_t swapper_pg_dir = 0;
  std::uint64_t end = 0;
  bool known() const noexcept { return text != 0 && end != 0; }
};

struct KernelProfile {
  std::string release;
  boot::Arch arch = boot::Arch::x86_64;
  Geometry geometry = k4KSparse;
  boot::Limits limits;
  Symbols symbols;
  std::uint64_t link_base = 0;  // the link address that becomes the load base: _text, or arm's PAGE_OFFSET
  Bytes image_bytes{0};         // the file that a boot loader loads: zImage, Image; 0: unknown
  Bytes page_directory{0};      // bytes of swapper_pg_dir (arm) or init_pg_dir (arm64)
  unsigned log_buf_shift = 17;
  unsigned log_cpu_buf_shift = 12;  // what each processor adds to the log's buffer
  unsigned max_cpus = 0;            // NR_CPUS; 0: unknown
  bool is_sparse_vmemmap = true;
  std::map<std::string, std::string, std::less<>> config;  // CONFIG_X -> y, m, n or a value
  // Sizes of structures that the kernel itself tells, by the names of StructSizes' fields.
  std::map<std::string, std::uint64_t, std::less<>> sizes;
  std::string source;  // "kernel.txt", "built-in profile of 6.1.0-56-amd64"
  // Of a profile that takes another kernel's place: the release of that kernel, empty if not even that is known.
  std::optional<std::string> stands_for;
  std::vector<std::string> assumed;  // of a kernel's own file: what it does not say, and who says it instead

  bool has(std::string_view option) const;  // "CONFIG_CMA" is y
};

// Reads a kernel.txt: key=value lines. What it does not say (symbols of a kernel that never ran) comes from the
// built-in profile of the same release.
//
// Errors    malformed_input: the line, and what was expected; no arch=; numbers that make no lawful geometry.
Expected<KernelProfile> read_kernel_profile(std::string_view text);

// The built-in profile of a release, where there is one, else of the same variant (for clouds or for all machines,
// with or without LPAE): a Debian 6.1 kernel. Without a release, the architecture's first.
KernelProfile builtin_profile(boot::Arch arch, std::string_view release = {});

// The field of a symbol that a layout has, such as "_text"; null for others.
std::uint64_t* symbol_named(Symbols& symbols, std::string_view name);

// All of them.
struct NamedSymbol {
  std::string_view name;
  std::uint64_t Symbols::* field;
};
std::span<const NamedSymbol> named_symbols();

// Whether a release such as "6.1.0-56-amd64" is that version or a later one. Without a release: no.
bool is_at_least(std::string_view release, unsigned major, unsigned minor);

// A decimal number, or a hexadecimal one after 0x.
std::optional<std::uint64_t> parse_profile_number(std::string_view text);

// Fills in what follows from architecture, configuration and symbols.
//
// Errors    bad_geometry: page size, sections and largest block do not go together.
Result<Done> derive(KernelProfile& profile, unsigned page_shift, unsigned section_bits);

// The image of such a kernel whose link base lies at `base` in physical memory. `brk` bytes of the x86 brk are
// in use. Empty ranges where the symbols are unknown.
boot::KernelImage image_at(const KernelProfile& profile, PhysAddr base, Bytes brk = Bytes{0});

std::optional<boot::Arch> arch_of(
    std::string_view name);  // "x86_64" "amd64" "arm64" "aarch64" "arm" "armhf" …

}  // namespace quarry::lnx
