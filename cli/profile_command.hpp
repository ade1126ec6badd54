// cli/profile_command.hpp: `quarry profile`: a kernel's profile in TOML, from its files.
#pragma once

#include <string>

#include "linux/kernel_file.hpp"

namespace quarry::cli {

struct ProfileOptions {
  lnx::KernelFiles files;
  std::string output_file;  // empty: standard output
};

// What its help ends with.
extern const char* const kProfileExamples;

// Returns   the exit status; what is wrong was told in one line.
int run_profile(const ProfileOptions& options);

}  // namespace quarry::cli
