// linux/kernel_file.hpp: a kernel's profile from the file that --kernel names.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/kernel_facts.hpp"

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

}  // namespace quarry::lnx
