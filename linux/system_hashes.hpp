// linux/system_hashes.hpp: hash tables that are sized by memory: dentries, inodes, and stacks for debugging.
//
// Source    Linux 6.1, mm/page_alloc.c, "alloc_large_system_hash"; fs/dcache.c, fs/inode.c and lib/stackdepot.c
//           (behaviour).
#pragma once

#include <optional>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/zones/layout.hpp"

namespace quarry::lnx {

// One table: an entry for each 2^scale bytes of memory, of `bucket` bytes.
struct SystemHash {
  Bytes bucket;
  unsigned scale = 0;
  std::uint64_t entries = 0;  // asked for by an option; 0: by memory
  std::uint64_t least = 0;    // entries
  std::uint64_t most = 0;     // likewise; 0: a sixteenth of memory, and of much memory less
};

// How many entries such a table gets: a power of two.
std::uint64_t entries_of(const SystemHash& hash, const zones::CountedPages& pages, PageSize page) noexcept;

// Frames of the lowest 16 MiB that are reserved: those that count as no memory of ZONE_DMA. At the moment when
// descriptors are about to be allocated.
//
// Source    "memblock_find_dma_reserve".
PageCount dma_reserve(const boot::State& state) noexcept;

// Allocates dentries and inodes where they come from memblock: with one node of memory, unless hashdist= says otherwise.
//
// Errors    no_memory: not even the smallest table fits; those of zones::lay_out.
Result<Done> allocate_early_hashes(boot::State& state, const StructSizes& sizes, PageCount dma_reserve);

// The table of stacks, for a kernel that remembers who allocated each object: slub_debug with U, or with all. None
// otherwise.
std::optional<SystemHash> stack_table(TextView command_line, Bytes bucket) noexcept;
// Errors    as above.
Result<Done> allocate_stack_depot(boot::State& state, const StructSizes& sizes, PageCount dma_reserve);

}  // namespace quarry::lnx
