// cli/policy.hpp: the page allocator's policy as a word, and as a type.
#pragma once

#include <string_view>

#include "quarry/buddy/policies.hpp"

namespace quarry::cli {

enum class PolicyChoice { linux_policy, compact };

constexpr std::string_view word_of(PolicyChoice choice) {
  return choice == PolicyChoice::compact ? "compact" : "linux";
}

// Calls f.operator()<Policy>() for the policy of that name.
template <class F>
constexpr void with_policy(PolicyChoice choice, F&& f) {
  if (choice == PolicyChoice::linux_policy)
    f.template operator()<buddy::LinuxPolicy>();
  else
    f.template operator()<buddy::CompactPolicy>();
}

}  // namespace quarry::cli
