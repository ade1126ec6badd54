// linux/kernel_options.hpp: the options of a kernel's configuration that are looked at.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "quarry/boot/machine.hpp"

namespace quarry::lnx {

struct KernelOption {
  enum class Kind { flag, number };
  std::string_view name;  // with CONFIG_
  Kind kind;
  std::string_view about;               // for people, in a few words
  std::optional<boot::Arch> only = {};  // of one architecture
};

// All of them, in the order in which people are told. What is not here is not read.
std::span<const KernelOption> kernel_options();

}  // namespace quarry::lnx
