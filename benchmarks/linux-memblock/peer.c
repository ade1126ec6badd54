// SPDX-License-Identifier: GPL-2.0
// Linux 6.1's memblock behind the benchmark's pointers. The kernel's file is included, because what starts
// a table afresh is static there.
#include "memblock.c"

#include "benchmarks/memblock_subject.h"

bool movable_node_enabled = false;

// What the kernel's file asks of a slab allocator, before there is one.
bool slab_is_available(void)
{
	return false;
}

void *kmalloc(size_t size, gfp_t gfp)
{
	(void)size;
	(void)gfp;
	return NULL;
}

void kfree(void *p)
{
	(void)p;
}

static void forget(struct memblock_type *type, struct memblock_region *first, unsigned long max)
{
	memset(first, 0, max * sizeof(*first));
	type->regions = first;
	type->cnt = 1;
	type->max = max;
	type->total_size = 0;
}

static void peer_reset(void)
{
	forget(&memblock.memory, memblock_memory_init_regions, INIT_MEMBLOCK_REGIONS);
	forget(&memblock.reserved, memblock_reserved_init_regions, INIT_MEMBLOCK_RESERVED_REGIONS);
	memblock.bottom_up = false;
	memblock.current_limit = MEMBLOCK_ALLOC_ANYWHERE;
	memblock_allow_resize();
}

static int peer_add(uint64_t base, uint64_t size)
{
	return memblock_add(base, size);
}

static int peer_reserve(uint64_t base, uint64_t size)
{
	return memblock_reserve(base, size);
}

static uint64_t peer_alloc(uint64_t size, uint64_t alignment)
{
	return (uint64_t)memblock_alloc_try_nid_raw(size, alignment, 0, MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE);
}

static int peer_free(uint64_t base, uint64_t size)
{
	return memblock_phys_free(base, size);
}

static struct memblock_walk peer_walk(void)
{
	struct memblock_walk walk = { 0, 0 };
	phys_addr_t start, end;
	u64 i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		walk.ranges++;
		walk.bytes += end - start;
	}
	return walk;
}

static uint64_t peer_reserved_regions(void)
{
	return memblock.reserved.cnt;
}

const struct memblock_subject linux_memblock = {
	.reset = peer_reset,
	.add = peer_add,
	.reserve = peer_reserve,
	.alloc = peer_alloc,
	.free = peer_free,
	.walk = peer_walk,
	.reserved_regions = peer_reserved_regions,
};
