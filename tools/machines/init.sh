#!/bin/busybox sh
# The first process of a recorded boot: it sends what the kernel shows of its memory over the console and powers off.
#
# Out goes a tar.gz as base64 between two lines of @@CAPTURE. What allocators show is copied before anything else is
# done, so that the copying itself changes as little as it can. Each process costs an emulated machine a tenth of a
# second: what consists of many files of one line is sent as one list of `path:line`, and record.py takes it apart. The
# thousands of files of /sys/kernel/slab are left out: they would take longer than all the rest.
box=/bin/busybox
out=/record
$box mount -t proc none /proc
$box mount -t sysfs none /sys
$box mount -t debugfs none /sys/kernel/debug
$box dmesg -n 1 # from here on the console belongs to the record
$box mkdir -p $out
if $box grep -q record=symbols /proc/cmdline; then # only the kernel's addresses, which take seconds to list
	symbols='_text|_stext|_etext|_sdata|_edata|__bss_start|__bss_stop|_end|__init_begin|__init_end|_sinittext|_einittext'
	symbols="$symbols|__brk_base|__brk_limit|__start_rodata|__end_rodata|swapper_pg_dir|idmap_pg_dir|init_top_pgt"
	$box grep -E " ($symbols)\$" /proc/kallsyms >$out/kallsyms.txt
else

# keep FOLDER FILE...: copies, of those that are there, as FILE.txt
keep() {
	folder=$1
	shift
	for name in "$@"; do
		[ -r "$folder/$name" ] && $box cat "$folder/$name" >"$out/$name.txt"
	done
}

# list NAME FILE...: the lines of all of them, each after its path
list() {
	name=$1
	shift
	$box grep -sH '' "$@" >"$out/$name.list"
}

keep /proc buddyinfo pagetypeinfo zoneinfo meminfo slabinfo iomem cmdline
keep /sys/kernel/debug/extfrag unusable_index
for name in memory reserved physmem; do
	[ -r /sys/kernel/debug/memblock/$name ] && $box cat /sys/kernel/debug/memblock/$name >$out/memblock-$name.txt
done
[ -r /sys/firmware/fdt ] && $box cat /sys/firmware/fdt >$out/machine.dtb
for name in SRAT SLIT APIC HMAT; do
	[ -r /sys/firmware/acpi/tables/$name ] && $box cat /sys/firmware/acpi/tables/$name >$out/$name.bin
done

cd /proc/sys/vm && list vm min_free_kbytes lowmem_reserve_ratio watermark_scale_factor watermark_boost_factor \
	percpu_pagelist_high_fraction user_reserve_kbytes admin_reserve_kbytes zone_reclaim_mode min_unmapped_ratio \
	min_slab_ratio overcommit_memory nr_hugepages
cd /sys/devices/system/node && list node online possible has_cpu has_memory has_normal_memory has_high_memory \
	node[0-9]*/distance node[0-9]*/meminfo node[0-9]*/cpulist node[0-9]*/cpumap node[0-9]*/hugepages/*/nr_hugepages
if cd /sys/devices/system/memory; then
	$box cat block_size_bytes >$out/memory_block_size.txt
	list sections memory[0-9]*/phys_index memory[0-9]*/state memory[0-9]*/valid_zones
	echo memory[0-9]*/node[0-9]* >$out/section-nodes.list
fi
cd /sys/firmware/memmap && list memmap [0-9]*/start [0-9]*/end [0-9]*/type
cd /sys/kernel/debug/cma && list cma ./*/base_pfn ./*/count ./*/order_per_bit ./*/used
cd /sys/kernel/mm/hugepages && list hugepages ./*/nr_hugepages ./*/free_hugepages

fi

cd $out || exit
echo "@@CAPTURE-BEGIN"
$box tar -c . | $box gzip | $box base64
echo "@@CAPTURE-END"
$box sync
$box poweroff -f
