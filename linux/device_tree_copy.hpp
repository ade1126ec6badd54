// linux/device_tree_copy.hpp: the device tree as Linux keeps it: a structure for each node and property, in one block.
//
// Source    Linux 6.1, drivers/of/fdt.c, "__unflatten_device_tree"; drivers/of/base.c, "of_alias_scan" (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/firmware/fdt.hpp"

namespace quarry::lnx {

// Bytes of the block.
//
// Cost      O(bytes of the tree).
Bytes unflattened_size(const firmware::Fdt& tree, const StructSizes& sizes) noexcept;

// Takes the block, and an entry for each alias that ends in a number.
//
// Errors    no_memory: the kernel stops. A tree that is none takes nothing.
Result<Done> allocate_device_tree(boot::State& state, const StructSizes& sizes);

}  // namespace quarry::lnx
