// linux/kernel_compose.hpp: one profile from what a kernel's files say and what is known of others.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "linux/kernel_facts.hpp"
#include "linux/kernel_origins.hpp"

namespace quarry::lnx {

// What was given beside a kernel's own file; it comes before what that says.
struct GivenBeside {
  std::optional<KernelConfig> config = {};
  std::string config_name = {};
  std::optional<KernelStructs> structs = {};
  std::string structs_name = {};
};

// The architecture must be known; what nobody says is the built-in profile's of that release, or of the nearest
// variant, and profile.assumed says what.
//
// Errors    malformed_input: what no kernel can have, and what was expected.
Expected<SourcedKernel> compose_kernel(const KernelFacts& facts, std::string_view name,
                                       const GivenBeside& given);

}  // namespace quarry::lnx
