// SPDX-License-Identifier: MIT OR GPL-2.0
// The loops of kernel/loops.cpp on Linux's own allocators, as a module that measures while it is loaded.
//
// In an emulator that counts instructions, a nanosecond of the machine is an instruction.
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#define PAIRS 100000ul
#define LARGE_PAIRS 2000ul
#define SINGLE_PAGES 65536ul
#define LARGE_BLOCKS 256ul
#define OBJECTS 10000ul
#define LOOKUPS 100000ul
// From one looked-up area to the next: far away, and all come in turn.
#define STRIDE 61803ul

// What happened between two moments, for so many operations; in hundredths.
static void tell(const char *loop, unsigned int parameter, u64 before, unsigned long operations)
{
	const u64 each = (ktime_get_mono_fast_ns() - before) * 100 / operations;

	pr_info("@@LOOP %s %u %llu.%02llu\n", loop, parameter, each / 100, each % 100);
}

static void measure_nothing(void)
{
	const u64 before = ktime_get_mono_fast_ns();
	unsigned long left;

	for (left = PAIRS; left != 0; left--)
		barrier();
	tell("empty_loop", 0, before, PAIRS);
}

// One block out and in again; the first time around only warms up.
static noinline int measure_page_pairs(unsigned int order, unsigned long pairs)
{
	int around;

	for (around = 0; around < 2; around++) {
		const u64 before = ktime_get_mono_fast_ns();
		unsigned long left;

		for (left = pairs; left != 0; left--) {
			struct page *block = alloc_pages(GFP_KERNEL, order);

			if (!block)
				return -ENOMEM;
			__free_pages(block, order);
		}
		if (around == 1)
			tell("page_pair", order, before, pairs);
	}
	return 0;
}

// Many blocks out, then all of them in. The list of them is a block itself.
static noinline int measure_many_pages(unsigned int order, unsigned long blocks)
{
	const unsigned int list_order = get_order(blocks * sizeof(struct page *));
	struct page **list = (struct page **)__get_free_pages(GFP_KERNEL, list_order);
	unsigned long taken, i;
	u64 before;

	if (!list)
		return -ENOMEM;
	before = ktime_get_mono_fast_ns();
	for (taken = 0; taken < blocks; taken++) {
		list[taken] = alloc_pages(GFP_KERNEL, order);
		if (!list[taken])
			break;
	}
	if (taken == blocks)
		tell("page_bulk_alloc", order, before, blocks);
	before = ktime_get_mono_fast_ns();
	for (i = 0; i < taken; i++)
		__free_pages(list[i], order);
	if (taken == blocks)
		tell("page_bulk_free", order, before, blocks);
	free_pages((unsigned long)list, list_order);
	return taken == blocks ? 0 : -ENOMEM;
}

static noinline int measure_objects(struct kmem_cache *cache, unsigned int size)
{
	u64 before = ktime_get_mono_fast_ns();
	unsigned long left;

	for (left = PAIRS; left != 0; left--) {
		void *object = kmem_cache_alloc(cache, GFP_KERNEL);

		if (!object)
			return -ENOMEM;
		barrier();
		kmem_cache_free(cache, object);
	}
	tell("slab_pair", size, before, PAIRS);
	return 0;
}

static noinline int measure_many_objects(struct kmem_cache *cache, unsigned int size)
{
	const unsigned int list_order = get_order(OBJECTS * sizeof(void *));
	void **list = (void **)__get_free_pages(GFP_KERNEL, list_order);
	unsigned long taken, i;
	u64 before;

	if (!list)
		return -ENOMEM;
	before = ktime_get_mono_fast_ns();
	for (taken = 0; taken < OBJECTS; taken++) {
		list[taken] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!list[taken])
			break;
	}
	if (taken == OBJECTS)
		tell("slab_bulk_alloc", size, before, OBJECTS);
	before = ktime_get_mono_fast_ns();
	for (i = 0; i < taken; i++)
		kmem_cache_free(cache, list[i]);
	if (taken == OBJECTS)
		tell("slab_bulk_free", size, before, OBJECTS);
	free_pages((unsigned long)list, list_order);
	return taken == OBJECTS ? 0 : -ENOMEM;
}

static noinline int measure_kmalloc(unsigned int size)
{
	const u64 before = ktime_get_mono_fast_ns();
	unsigned long left;

	for (left = PAIRS; left != 0; left--) {
		void *memory = kmalloc(size, GFP_KERNEL);

		if (!memory)
			return -ENOMEM;
		barrier();
		kfree(memory);
	}
	tell("kmalloc_pair", size, before, PAIRS);
	return 0;
}

static int measure_slab(unsigned int size)
{
	struct kmem_cache *cache = kmem_cache_create("loops", size, 0, 0, NULL);
	int error;

	if (!cache)
		return -ENOMEM;
	error = measure_objects(cache, size);
	if (!error)
		error = measure_many_objects(cache, size);
	if (!error)
		error = measure_kmalloc(size);
	kmem_cache_destroy(cache);
	return error;
}

// One area out and in again; the first time around only warms up.
static noinline int measure_vmalloc_pairs(unsigned int pages, unsigned long pairs)
{
	int around;

	for (around = 0; around < 2; around++) {
		const u64 before = ktime_get_mono_fast_ns();
		unsigned long left;

		for (left = pairs; left != 0; left--) {
			void *area = vmalloc(pages * PAGE_SIZE);

			if (!area)
				return -ENOMEM;
			barrier();
			vfree(area);
		}
		if (around == 1)
			tell("vmalloc_pair", pages, before, pairs);
	}
	return 0;
}

// Modules may not call it by its name: a probe knows where it is.
static struct vm_struct *(*address_of_find_vm_area(void))(const void *)
{
	struct kprobe probe = { .symbol_name = "find_vm_area" };
	void *address;

	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

// Finds areas by an address inside, all there are, in no order.
static noinline int measure_lookups(void **areas, unsigned int count)
{
	struct vm_struct *(*find)(const void *) = address_of_find_vm_area();
	const unsigned long stride = STRIDE % count;
	unsigned long left, at = 0;
	u64 before;

	if (!find)
		return -ENOENT;
	before = ktime_get_mono_fast_ns();
	for (left = LOOKUPS; left != 0; left--) {
		if (!find(areas[at] + 64))
			return -ENOENT;
		at += stride;
		if (at >= count)
			at -= count;
	}
	tell("vmalloc_find", count, before, LOOKUPS);
	return 0;
}

static int measure_lookups_among(unsigned int count)
{
	const unsigned int list_order = get_order(count * sizeof(void *));
	void **areas = (void **)__get_free_pages(GFP_KERNEL, list_order);
	unsigned int taken;
	int error = 0;

	if (!areas)
		return -ENOMEM;
	for (taken = 0; taken < count; taken++) {
		areas[taken] = vmalloc(PAGE_SIZE);
		if (!areas[taken])
			break;
	}
	error = taken == count ? measure_lookups(areas, count) : -ENOMEM;
	while (taken != 0)
		vfree(areas[--taken]);
	free_pages((unsigned long)areas, list_order);
	return error;
}

static int __init loops_init(void)
{
	static const unsigned int areas[] = { 1, 1000, 100000 };
	static const unsigned int small_orders[] = { 0, 1, 3 }, large_orders[] = { 9, 10 };
	static const unsigned int sizes[] = { 16, 64, 256, 1024 };
	int error = 0;
	unsigned int i;

	measure_nothing();
	for (i = 0; !error && i < ARRAY_SIZE(small_orders); i++)
		error = measure_page_pairs(small_orders[i], PAIRS);
	for (i = 0; !error && i < ARRAY_SIZE(large_orders); i++)
		error = measure_page_pairs(large_orders[i], LARGE_PAIRS);
	if (!error)
		error = measure_many_pages(0, SINGLE_PAGES);
	if (!error)
		error = measure_many_pages(9, LARGE_BLOCKS);
	for (i = 0; !error && i < ARRAY_SIZE(sizes); i++)
		error = measure_slab(sizes[i]);
	if (!error)
		error = measure_vmalloc_pairs(1, PAIRS);
	if (!error)
		error = measure_vmalloc_pairs(8, PAIRS);
	if (!error)
		error = measure_vmalloc_pairs(256, LARGE_PAIRS);
	for (i = 0; !error && i < ARRAY_SIZE(areas); i++)
		error = measure_lookups_among(areas[i]);
	pr_info("@@LOOP %s\n", error ? "failed" : "done");
	return error;
}

// A module without an exit stays: nothing has to be undone.
module_init(loops_init);
MODULE_DESCRIPTION("Instructions of page, slab and vmalloc allocations");
MODULE_LICENSE("Dual MIT/GPL");
