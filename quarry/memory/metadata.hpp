// quarry/memory/metadata.hpp: where Quarry's own tables live: outside the machine's RAM, or in it.
#pragma once

#include "quarry/memory/early_system.hpp"
#include "quarry/page/metadata_source.hpp"

namespace quarry::memory {

// Out of memory that the embedder keeps apart and that reads as zero: a simulated machine's RAM then looks
// as it would without Quarry in it. `arena` outlives the system.
page::MetadataSource metadata_outside(Arena& arena) noexcept;

// Out of the boot-time allocator in use, near the node that it describes, as a kernel has it: it is owned by "page
// descriptors".
// `early` and its direct map outlive the system.
page::MetadataSource metadata_in_ram(EarlySystem& early) noexcept;

}  // namespace quarry::memory
