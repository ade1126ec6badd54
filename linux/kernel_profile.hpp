// linux/kernel_profile.hpp: what one kernel's configuration and image decide about physical memory, as data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "linux/problem.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/boot/machine.hpp"

namespace quarry::lnx {

// Link addresses of the image; 0: unknown.
struct Symbols {
  std::uint64_t text = 0, stext = 0, etext = 0;
  std::uint64_t rodata_start = 0, rodata_end = 0;
  std::uint64_t init_begin = 0, init_end = 0;
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
  unsigned max_cpus = 0;  // NR_CPUS; 0: unknown
  bool is_sparse_vmemmap = true;
  std::map<std::string, std::string, std::less<>> config;  // CONFIG_X -> y, m, n or a value
  std::string source;  // "kernel.txt", "built-in profile of 6.1.0-56-amd64"

  bool has(std::string_view option) const;  // "CONFIG_CMA" is y
};

// Reads a kernel.txt: key=value lines. What it does not say (symbols of a kernel that never ran) comes from the
// built-in profile of the same release.
//
// Errors    malformed_input: the line, and what was expected; no arch=; numbers that make no lawful geometry.
Expected<KernelProfile> read_kernel_profile(std::string_view text);

// The built-in profile of a release, where there is one, else that of the architecture: a Debian 6.1 kernel.
KernelProfile builtin_profile(boot::Arch arch, std::string_view release = {});

// The image of such a kernel whose link base lies at `base` in physical memory. `brk` bytes of the x86 brk are
// in use. Empty ranges where the symbols are unknown.
boot::KernelImage image_at(const KernelProfile& profile, PhysAddr base, Bytes brk = Bytes{0});

std::optional<boot::Arch> arch_of(
    std::string_view name);  // "x86_64" "amd64" "arm64" "aarch64" "arm" "armhf" …

}  // namespace quarry::lnx
