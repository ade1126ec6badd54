// linux/profiles.hpp: Debian's 6.1 kernels as data, for machines that come without a kernel of their own.
#pragma once

#include <span>
#include <string_view>

#include "linux/kernel_profile.hpp"

namespace quarry::lnx {

// One kernel: link addresses of its image, and the text of the kernel.txt lines that matter here.
struct BuiltinKernel {
  std::string_view release;
  boot::Arch arch;
  Symbols symbols;
  Bytes image_bytes;  // the file a loader loads, rounded up to a MiB; 0: as long as the image in memory
  Bytes page_directory;
  std::string_view config;  // CONFIG_X=value, one a line
};

// By architecture; the first of each is its default.
std::span<const BuiltinKernel> builtin_kernels();

// The profile of one of them.
KernelProfile profile_of(const BuiltinKernel& kernel);

}  // namespace quarry::lnx
