// linux/kernel_file.hpp: a kernel's profile from the file that --kernel names.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/kernel_facts.hpp"
#include "linux/kernel_origins.hpp"

namespace quarry::lnx {

// A file of a kernel and its debugging information is large.
inline constexpr std::size_t kLargestKernel = std::size_t{1} << 30;

// Reads a System.map, a vmlinux, an image that a boot loader loads, or a profile, told apart by their bytes; gzip, xz,
// zstd or lz4 around it is taken off. `name` is the file's, for messages, and what it ends in (System.map-RELEASE) is
// the release if nothing in the file is. `config` replaces what the file says of the configuration.
//
// What nobody says is the built-in profile's of that release, or of the nearest variant; profile.assumed says what.
//
// Errors    malformed_input: what is wrong, where, and what was expected.
Expected<KernelProfile> read_kernel_bytes(std::span<const std::byte> bytes, std::string_view name,
                                          const std::optional<KernelConfig>& config = {});

// The same for files. Errors    bad_arguments: one cannot be read.
Expected<KernelProfile> read_kernel_file(const std::string& kernel, const std::optional<std::string>& config);

// Files that tell of one kernel; `kernel` or `config` is there.
struct KernelFiles {
  std::optional<std::string> kernel = {};      // as above; with an empty `option` also a .config
  std::optional<std::string> config = {};      // a .config, or /proc/config.gz
  std::optional<std::string> structures = {};  // BTF, or an ELF file that has it or DWARF
  std::optional<boot::Arch> arch = {};         // where nothing else tells it
};
// The same, with the origin of each value. `option` is what messages put before the kernel's name.
//
// Errors    those above; bad_arguments: another architecture than the kernel's, none, or two configurations.
Expected<SourcedKernel> read_kernel_files(const KernelFiles& files, std::string_view option = "");

}  // namespace quarry::lnx
