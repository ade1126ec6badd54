// linux/profile_text.hpp: a kernel's profile as a person reads and corrects it.
#pragma once

#include <string>

#include "linux/kernel_origins.hpp"

namespace quarry::lnx {

// TOML with the keys of docs/kernels.md, each with a comment that says where its value is from. What is assumed is
// listed first. Of the configuration there is what kernel_options() names, of the sizes what a boot asks for.
//
// Returns   text that read_kernel_bytes() makes the same profile of, in ASCII; the same for the same profile.
std::string profile_text(const SourcedKernel& kernel);

}  // namespace quarry::lnx
