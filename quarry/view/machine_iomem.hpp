// quarry/view/machine_iomem.hpp: the /proc/iomem that a machine's boot makes: RAM, firmware's ranges, the kernel's image.
#pragma once

#include "quarry/boot/flow.hpp"
#include "quarry/view/iomem.hpp"

namespace quarry::view {

// How many resources insert_machine() may insert.
std::size_t most_resources(const boot::State& state, std::span<const early::Region> memory) noexcept;

// After the flow. `memory` is memblock's as the flow leaves it: resources are made of it before regions that differ in a
// flag may merge. What does not nest is left out, as Linux leaves it out when it finds a conflict.
//
// Source    Linux 6.1, "e820__reserve_resources", arch/arm64/kernel/setup.c, "request_standard_resources" (behaviour).
void insert_machine(const boot::State& state, std::span<const early::Region> memory,
                    ResourceTree& into) noexcept;

}  // namespace quarry::view
