// kernel/aarch64/secondary.hpp: the cores of the tree, this one first.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/firmware/fdt.hpp"

namespace kernel::aarch64 {

// Writes what the tree calls its processors to `affinities`, which has room for all and stays.
void list_cores(const quarry::firmware::Fdt& tree, std::span<std::uint64_t> affinities) noexcept;

}  // namespace kernel::aarch64
