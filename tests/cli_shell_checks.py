"""quarry shell: scripts through a pipe, and a person at a terminal."""
import contextlib
import os
import re
import select
import subprocess
import time

from cli_harness import CORPUS, TOOL, refused, report, tool


def shell(*lines, machine="pc-2g", options=()):
    """Exit status, what was said, complaints."""
    script = "".join(line + "\n" for line in lines).encode()
    status, out, err = tool("shell", machine, *options, stdin=script)
    return status, out.decode(), err.decode()


def says(name, got, *patterns, status=0, complaints=()):
    code, out, err = got
    problem = ""
    if code != status:
        problem = f"exit status {code}, not {status}: {err[:200]}"
    lines = err.splitlines()
    if not problem and len(lines) != len(complaints):
        problem = f"{len(lines)} complaints, not {len(complaints)}: {lines[:3]}"
    for line, pattern in zip(lines, complaints):
        problem = problem or ("" if re.search(pattern, line) else f"{line!r} is not like {pattern!r}")
    for pattern in patterns:
        problem = problem or ("" if re.search(pattern, out, re.M) else f"nothing like {pattern!r} in {out[-300:]!r}")
    report(name, problem)


def table(out):
    """The free blocks of a buddyinfo text, by zone."""
    found = re.findall(r"^Node (\d+), zone +(\S+) ((?: *\d+ )+)$", out, re.M)
    return {(node, zone): [int(n) for n in blocks.split()] for node, zone, blocks in found}


def check_requests():
    got = shell("alloc_pages 4 movable", "held")
    says("a block is handed out", got, r"^0x[0-9a-f]+  order 4, 64 KiB, at 0x[0-9a-f]+000, node 0 DMA32, movable$")
    page = got[1].split()[0]
    report("the block is aligned", "" if int(page, 16) % 16 == 0 else page)
    # Boots are the same each time: what one shell was given the next can name.
    says("a block is taken back once", shell("alloc_pages 4 movable", f"free_pages {page} 4", f"free_pages {page} 4", "why"),
         "was refused: double free", complaints=["double free$"])
    says("a block is taken back by its address alone", shell("alloc_pages 4 movable", f"free_pages {page}", "held"),
         "^nothing$")
    says("wrong orders and foreign pages are named",
         shell("alloc_pages 4 movable", f"free_pages {page} 5", "free_pages 0x7ffffff 0", f"free_pages {page}"),
         complaints=["wrong order|cannot be the start|misaligned", "foreign"])
    before = table(shell("drain", "buddyinfo")[1])
    after = table(shell("alloc_pages 0", "alloc_bulk 100 movable", "alloc_exact 5", "kmalloc 100000", "free_all", "drain",
                        "buddyinfo")[1])
    pages = lambda zones: sum(n << o for blocks in zones.values() for o, n in enumerate(blocks))
    left = pages(before) - pages(after)
    report("all that was handed out comes back", "" if left == 0 else f"{left} pages did not")
    got = shell("kmalloc 100", "kmalloc 5000 node=0", "held")
    says("kmalloc gives memory", got, "128 bytes can be used", "8192 bytes can be used", "100 bytes by kmalloc")
    address = got[1].split()[0]
    says("kfree takes it back, once", shell("kmalloc 100", f"kfree {address}", f"kfree {address}", "held"), "^nothing$",
         complaints=["freed already"])


def check_objects():
    got = shell("kmem_cache_create inode 600 hwcache_align reclaim", "kmem_cache_alloc inode 60", "kmem_cache_alloc inode node=0", "held",
                "slabinfo", "kmem_cache_free inode", "kmem_cache_destroy inode", "audit")
    says("a cache is made, used and unmade", got, r"^inode: 600 bytes, one every 640, aligned to 64; 12 to a slab of 8 KiB$",
         "^60 of 60 objects of inode, from 0x[0-9a-f]+ to 0x", "^0x[0-9a-f]+  600 bytes of inode, node 0 DMA32$",
         r"^inode +72 +72 +640 +12 +2 : tunables +0 +0 +0 : slabdata +6 +6 +0$", "^61 objects taken back$", "^every law holds$")
    first = re.search("^0x[0-9a-f]+", got[1], re.M).group(0)
    says("what is still in use is told by its address",
         shell("kmem_cache_create inode 600 hwcache_align reclaim", "kmem_cache_alloc inode 61", f"kmem_cache_free inode {first}",
               "kmem_cache_free inode", "kmem_cache_alloc inode 2", "kmem_cache_destroy inode", "kmem_cache_free inode", "kmem_cache_destroy inode",
               "kmem_cache_destroy inode"), "^60 objects taken back$", r"^  0x[0-9a-f]+ is in use\n  0x[0-9a-f]+ is in use$", status=2,
         complaints=["^inode: 2 objects are in use, in 1 slab; the cache lives on$", "^inode: there is no such cache$"])
    says("caches that are alike become one",
         shell("kmem_cache_create a 200", "kmem_cache_create b 196", "kmem_cache_create c 200 nomerge", "kmem_cache_create d 196 reclaim",
               "kmem_cache_destroy a", "kmem_cache_destroy b", "kmem_cache_destroy kmalloc-64", "slabinfo"), "^b: merged into a, which now serves 2 creations",
         "^c: 200 bytes", "^d: 196 bytes", "^a leaves; a stays for 1 other$", complaints=["^kmalloc-64: not made here"])
    says("caches and arguments that make no sense are named",
         shell("kmem_cache_create 64 64", "kmem_cache_create a 0", "kmem_cache_create a 64 align=3", "kmem_cache_create a 64 blue", "kmem_cache_alloc a",
               "kmem_cache_create a 64M", "kmem_cache_create kmalloc-64 64", "kmalloc 5 node=9", "kmalloc 5 movable", "kmem_cache_alloc kmalloc-64 0"), status=2,
         complaints=["which is no number", "SIZE 0", "power of two", "blue: expected align=N", "a: there is no such cache", "no slab can hold",
                     "there is a cache of that name", "node=9: there is no such node", "objects stay where they are", "COUNT 0"])
    got = shell("kmalloc 100", "kzalloc 100 reclaimable")
    address, other = re.findall("^0x[0-9a-f]+", got[1], re.M)
    says("memory grows where it is, or moves", shell("kmalloc 100", f"krealloc {address} 128", f"krealloc {address} 129", f"ksize {address}", "held"),
         f"^{address}  128 bytes can be used, of kmalloc-128$", f"^moved from {address}$", "192 bytes can be used, of kmalloc-192$",
         complaints=[f"^{address}: freed already, or never handed out: of kmalloc-128$"])
    says("an address that is no object does no harm",
         shell("kmalloc 100", "kzalloc 100 reclaimable", f"kfree {address[:-1]}8", f"kfree {other}", f"kmem_cache_free {other} {address} {address}", "kfree 4096",
               "kfree 0xfffffffffffffff8", "krealloc 0x1000 5", "audit"), "^every law holds$",
         complaints=["no object starts there|freed already", "freed already.*of kmalloc-rcl-128$", "freed already.*of kmalloc-128$", "nothing was handed out", "outside of memory",
                     "nothing was handed out"])
    got = shell("slabtop", "kmalloc 1M", "meminfo", "kmem_cache_shrink", "kmem_cache_shrink kmalloc-64", "slabtop 5")
    says("slabtop prints once where nobody looks", got, r"^ Active / Total Objects \(% used\)    : \d+ / \d+ \(\d+\.\d%\)$",
         "^  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME$", r"^ +\d+ +\d+ +\d+% +\d+\.\d\dK +\d+ +\d+ +\d+K kmem_cache_node$",
         r"^0 pages given back$")
    problem = "" if got[1].count("OBJ SIZE") == 2 and "\x1b" not in got[1] else "more than two pictures"
    counts = [int(number) for number in re.findall(r"^ *(\d+) +\d+ +\d+% ", got[1].split("OBJ SIZE")[1], re.M)]
    report("slabtop has the most objects first", problem or ("" if counts == sorted(counts, reverse=True) and counts else f"{counts}"))
    kib = {name: int(number) for name, number in re.findall(r"^(Slab|SReclaimable|SUnreclaim): +(\d+) kB$", got[1], re.M)}
    slabs = sum(int(n) * int(per) * 4 for per, n in re.findall(r"^\S+(?: +\d+){4} +(\d+) : .* slabdata +(\d+) ", shell("kmalloc 1M", "slabinfo")[1], re.M))
    report("meminfo counts slabs, and large blocks of kmalloc's",
           "" if kib["Slab"] == kib["SReclaimable"] + kib["SUnreclaim"] == slabs + 1024 else f"{kib}, {slabs}")


def check_ranges():
    script = ("alloc_pages 3 movable", "isolate 0x40000 512", "page 0x40000", "isolate 0x40000 512", "isolate 0x40001 512",
              "undo_isolation 0x40000 512", "page 0x40000", "undo_isolation 0x40000 512", "alloc_range 0x40000 600",
              "page 0x40257", "page 0x40258", "free_range 0x40000 600", "audit")
    says("pageblocks are isolated, and ranges taken", shell(*script), "of type Isolate", "of type Movable",
         "^0x40000-0x40257  600 pages", "^0x40257 .* in use", "^0x40258 .* free", "every law holds",
         complaints=["isolated already", "whole pageblocks", "no isolated pageblock"])
    got = shell("alloc_pages 9 movable")
    page = got[1].split()[0]
    says("what is movable moves out of a range",
         shell("alloc_pages 9 movable", f"alloc_range {page} 512", "held", "audit"),
         f"^moved {page} to 0x[0-9a-f]+, order 9", f"^{page}-0x", "every law holds")
    says("what is not movable stays", shell("alloc_pages 9", f"alloc_range {shell('alloc_pages 9')[1].split()[0]} 512", "audit"),
         "every law holds", complaints=["cannot be moved away"])


def check_areas():
    area = "0xfc000-0xfffff"
    says("an area hands out runs and takes them back",
         shell("cma", "cma_alloc 0 100", "cma_alloc cma 64 6", "page 0xfc000", "cma", "cma_release 0 0xfc000 50", "cma_release cma 0xfc032 50",
               "cma_release 0 0xfc080 64", "cma", "audit", machine="arm64-virt-8g"),
         rf"^0  \S+  {area}  16384 pages, 0 handed out, 16384 in a row to be had$", "^0xfc000-0xfc063  100 pages", "^0xfc080-0xfc0bf  64 pages",
         "of type CMA", rf"{area}  16384 pages, 164 handed out, 16192 in a row", "every law holds")
    says("what borrows from an area moves out of it",
         shell("cma_alloc 0 16384", "cma_release 0 0xfc000 16384", "alloc_pages 9 movable zone=dma", "isolate 0xfc000 512",
               "undo_isolation 0xfc000 512 cma", "audit", machine="arm64-virt-8g"), "^0xfc000-0xfffff  16384 pages", "every law holds")
    says("wrong releases and requests are named",
         shell("cma_release 0 0xfc000 1", "cma_alloc 0 4", "cma_release 0 0xfc000 5", "cma_release 0 0xfb000 4", "cma_alloc 0 16384",
               "cma_release 0 0xfc000 4", "audit", machine="arm64-virt-8g"), "^0xfc000-0xfc003  4 pages", "every law holds",
         complaints=["not handed out by this area", "only in part", "not of this area", "no such run"])
    says("areas that are not there are refused",
         shell("cma_alloc 1 4", "cma_alloc other 4", "cma_alloc 0 0", "cma_alloc 0 4 14", "cma_alloc 0 x", machine="arm64-virt-8g"), status=2,
         complaints=["AREA 1: expected 0 to 0, or a name", "AREA other", "COUNT 0", "ALIGN 14: expected an order, 0 to 13", "COUNT x"])
    says("a machine may have no area", shell("cma", "cma_alloc 0 4"), "^there is no contiguous area on this machine$",
         complaints=["there is no contiguous area"])


def check_addresses():
    got = shell("vmalloc 20000", "held", "vmallocinfo", "translate 0xffffc90000004fff", "free_all", "vmallocinfo", "purge", "vmallocinfo",
                "audit")
    says("memory in one piece of addresses", got,
         r"^0xffffc90000000000  20 KiB in 5 pages: 5 of 4 KiB$", r"^0xffffc90000000000  20 KiB by vmalloc$",
         r"^0xffffc90000000000-0xffffc90000006000   24576 shell pages=5 vmalloc N0=5$",
         r"^0xffffc90000004fff is 0x[0-9a-f]+fff, in a page of 4 KiB, read and written$",
         r"^0 blocks and 1 area taken back$", r"unpurged vm_area$", r"^1 area forgotten by all CPUs; 1 page tables are left$",
         r"^every law holds$")
    says("large pages where the size allows, and not where they are unwanted", shell("vmalloc 2052K", "vmalloc 2M nohuge"),
         r"^0x[0-9a-f]+00000  2052 KiB in 2 pages: 1 of 2 MiB, 1 of 4 KiB$", r"2 MiB in 512 pages: 512 of 4 KiB$")
    says("pages and devices are shown", shell("vmap 0x1000 0x2000", "ioremap 0xfed00000 1K", "ioremap 0xe0000000 4M",
                                              "translate 0xffffc90000001000"),
         r"^0xffffc90000000000  8 KiB in 2 pages: 2 of 4 KiB$", r"  4 KiB in 1 page: 1 of 4 KiB$", r"  4 MiB in 2 pages: 2 of 2 MiB$",
         r"^0xffffc90000001000 is 0x2000000, in a page of 4 KiB, read and written$")
    says("what is no area, or another's, is named",
         shell("vmalloc 8K", "vfree 0xffffc90000001000", "vunmap 0xffffc90000000000", "vfree 0xffffc90000000000",
               "vfree 0xffffc90000000000", "vfree 0x1000", "translate 0xffffc90000900000", "translate 0x900000000000", "ioremap 0x100000 4K"),
         complaints=["inside an area that begins at 0xffffc90000000000$", "of vmalloc, which vfree takes back$", "waits to be purged$",
                     "no area begins there$", "nothing is mapped there$", "translate no such address$", "that is RAM; 'vmap'"])
    says("registers need not begin a page", shell("ioremap 0xe0000123 4K", "translate 0xffffc90000000123", "iounmap 0xffffc90000000000", "ioremap 0xe0000123 4K",
                                                  "iounmap 0xffffc90000004123", "held", "free_all", "audit"),
         r"^0xffffc90000000123  8 KiB in 2 pages: 2 of 4 KiB$", r"^0xffffc90000000123 is 0xe0000123, in a page of 4 KiB, read and written, a device$",
         r"^nothing\n0 blocks taken back\nevery law holds$")
    says("requests that make no sense are named",
         shell("vmalloc 0", "vmalloc x", "vmalloc 4K fast", "vmalloc 4K node=4", "vmap 0x7ffffff", "ioremap 0xe0000000 0", "ioremap 0xffffffffffffffff 2",
               "ioremap 0xffffffff00000000 4K", "vmalloc 0xffffffffffffffff", "purge now", "vmallocinfo", "held", "audit"), r"\Anothing\nevery law holds\n\Z", status=2,
         complaints=["BYTES 0:", "BYTES x: expected a number", "fast: expected node= or nohuge$", "node=4: there is no such node$", "0x7ffffff: there is no such page$",
                     "BYTES 0: expected some", "BYTES 2: expected some", "no processor of this kind has such memory$", "no gap between areas for", "purge: expected nothing"])
    for machine, begin in (("arm64-virt-8g", "0xffff800009c00000"), ("arm-highmem-2g", "0xf0800000"), ("qemu:-M q35 -m 2G -cpu max,phys-bits=52", "0xffa0000000000000"),
                           ("qemu:qemu-system-riscv64 -M virt -m 2G", "0xffff8f8000000000")):
        says(f"addresses of {machine}", shell("vzalloc 5M", "audit", "free_all", "purge", "audit", machine=machine),
             rf"^{begin}  5 MiB in 258 pages: 2 of 2 MiB, 256 of 4 KiB$", r"^1 area forgotten by all CPUs; 1 page tables are left$",
             r"^every law holds$")
    says("memory of a node", shell("vmalloc 20000 node=4", "vmalloc 3M node=2", "vmallocinfo", machine="numa-8n"), r" pages=5 vmalloc N4=5$", r" pages=768 vmalloc N2=768$")
    says("more than there is leaves nothing behind", shell("drain", "vmalloc 100G", "vmalloc 4G", "purge", "audit"),
         r"^0 areas waited; 1 page tables are left$", r"^every law holds$", complaints=["no memory for 107374182400 bytes", "no memory for"])


def check_failures():
    got = shell("alloc_pages 10 zone=dma", "alloc_pages 10 zone=dma", "alloc_pages 10 zone=dma", "alloc_pages 10 zone=dma", "why")
    says("a failure is explained", got, r"^shell: page allocation failure: order:10, mode:0xcc1\(GFP_KERNEL\|GFP_DMA\), nodemask=\(null\)$",
         r"^Node 0 DMA free:\d+kB boost:0kB min:\d+kB low:\d+kB high:\d+kB reserved_highatomic:0KB present:15992kB managed:15360kB "
         r"free_pcp:\d+kB local_pcp:\d+kB free_cma:0kB$", r"^lowmem_reserve\[\]: 0", r"^Node 0 DMA: \d+\*4kB .* = \d+kB$",
         r"^\d+ pages RAM$", r"^Node 0 DMA: \d+ pages are free.*(too few|no block of order 10)",
         r"^Node 0 DMA32: not asked: the request goes no higher than DMA$", complaints=["no zone gives a block of order 10; 'why' explains"])
    says("nothing was refused yet", shell("why"), "^nothing was refused yet$")
    got = shell("frobnicate", "alloc_pages", "alloc_pages 11", "alloc_pages x", "alloc_pages 0 node=7", "alloc_pages 0 blue",
                "free_pages 12x 0", "drain 9", "buddyinfo now", "", "# a remark", "audit", "quit", "never")
    says("errors are a line each and the shell goes on", got, "^every law holds$", status=2,
         complaints=["frobnicate: there is no such command", "alloc_pages: expected ORDER", "ORDER 11: expected 0 to 10",
                     "expected a number", "there is no such node", "blue: expected a type", "12x", "CPU 9: expected 0 to 0",
                     "buddyinfo: expected nothing"])
    says("no line at all", shell())


def check_views():
    got = shell("buddyinfo", "pagetypeinfo", "zoneinfo", "slabinfo", "extfrag", "unusable", "meminfo", "memblock", "iomem", "stats",
                "policy", "cpu", "held", "step", "step off", "help", "help alloc_pages")
    says("every view has its text", got, "^Node 0, zone      DMA ", "^Page block order: 9", "^  pagesets$", "^slabinfo - version: 2.1",
         r"^Node 0, zone    DMA32 -1.000 ", r"^Node 0, zone    DMA32 0\.\d{3} ", "^Mem-Info:", "^MEMBLOCK configuration:",
         "System RAM", "^zone .*free .*refills", "^policy linux: ", "^CPU 0 of 1", "^every step is told from now on",
         "^  undo_isolation PFN COUNT", "^alloc_pages ORDER")
    got = shell("cpu 5", "alloc_pages 0 movable", "zoneinfo", "drain 5", "zoneinfo", machine=f"{CORPUS}/x86-pc-smp8")
    cores = re.findall(r"cpu: (\d)\n +count: (\d+)", got[1])
    kept = [int(count) for cpu, count in cores if cpu == "5"]
    others = [int(count) for cpu, count in cores if cpu != "5"]
    report("each CPU keeps its own pages", "" if max(kept) > 0 and not any(others) and not any(kept[len(kept) // 2:]) else f"{cores}")


def check_steps():
    # Nothing is reclaimable after a boot: a block of the highest order is split.
    got = shell("step on", "alloc_pages 4 reclaimable")
    says("a split is drawn", got, r"^  split 10 -> 9  \|(█+)\|░+\|  0x[0-9a-f]+-0x[0-9a-f]+ becomes free$", r"^  hand out 0x[0-9a-f]+ order 4 as Reclaimable$")
    page = re.search(r"^(0x[0-9a-f]+)  order 4", got[1], re.M).group(1)
    got = shell("step on", "alloc_pages 4 reclaimable", f"free_pages {page}")
    splits = [tuple(map(int, pair)) for pair in re.findall(r"^  split +(\d+) -> (\d+)", got[1], re.M)]
    merges = [tuple(map(int, pair)) for pair in re.findall(r"^  merge +(\d+) -> (\d+)", got[1], re.M)]
    back = [(low, high) for high, low in reversed(splits)]
    report("a block that is taken back merges as it was split", "" if splits and merges == back else f"{splits} {merges}")
    got = shell("step on", "alloc_pages 0 movable", "drain", machine="numa-8n")
    says("refills and spills are told", got, "^  refill: the CPU's list is empty and takes .* pages? from node 0 ",
         "^  spill: .* go back from the CPU's lists to node 0 ")
    got = shell("step on", *["alloc_pages 9 reclaimable"] * 5)
    says("fallbacks are told", got, "^  fall back: Reclaimable has none; order .* comes from (Movable|Unmovable)$")
    status, out, _ = tool("shell", stdin=b"step on\nalloc_pages 4 reclaimable\n", env={"LC_ALL": "C"})
    report("without UTF-8 bars are ASCII", "" if status == 0 and out.isascii() and b"|#" in out else f"{out!r}")
    report("no prompt and no colours in a pipe", "" if b"quarry>" not in out and b"\x1b" not in out else f"{out!r}")
    plain = lambda text: re.sub(r"\x1b\[[0-9;]*m", "", text)
    forced = shell("step on", "alloc_pages 4 reclaimable", options=("--color", "always"))[1]
    report("--color always paints the bars", "" if "\x1b[" in forced and plain(forced) == shell("step on", "alloc_pages 4 reclaimable")[1] else "not so")


def check_arguments():
    refused("shell of no machine", 2, ["nowhere"], tool("shell", "nowhere"))
    refused("shell on standard input", 2, ["standard input has the commands"], tool("shell", "-"))
    refused("shell with an unknown policy", 2, ["--policy"], tool("shell", "--policy", "best"))
    refused("a machine that cannot boot has no shell", 4, ["cannot boot"],
            tool("shell", "pc-2g", "--cmdline", "mem=64K"))
    says("native mode has a shell too", shell("alloc_pages 2", "audit", options=("--native",)), "every law holds")
    for machine in ("arm-highmem-2g", "arm64-virt-8g", "numa-8n"):
        says(f"a shell on {machine}", shell("alloc_pages 3 movable zone=movable", "alloc_bulk 500", "free_all", "drain", "audit", machine=machine),
             "501 blocks taken back", "every law holds")


def read_until(master, wanted, seconds=20):
    data, end = b"", time.time() + seconds
    while wanted not in data and time.time() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data += os.read(master, 65536)
            except OSError:
                break
    return data


def check_person():
    """Types at a pseudo-terminal: prompt, completion, history, colours, Ctrl-D."""
    import pty
    master, slave = pty.openpty()
    env = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8")
    child = subprocess.Popen([TOOL, "shell"], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
    os.close(slave)
    problem = "" if b"quarry> " in read_until(master, b"quarry> ") else "there is no prompt"

    def types(keys, wanted):
        nonlocal problem
        os.write(master, keys)
        got = read_until(master, wanted)
        if wanted not in got:
            problem = problem or f"after {keys!r} there is no {wanted!r} but {got[-200:]!r}"

    types(b"alloc_p\t4 recl\t\n", b"reclaimable\r\n")
    types(b"page\t", b"pagetypeinfo")
    types(b"\x15step on\n", b"every step is told")
    types(b"\x1b[A\x1b[A\n", b"\x1b[1mhand out")  # the request again, painted
    types(b"\x15why\n", b"nothing was refused yet")
    types(b"slabtop\n", b"0 allocations and frees so far")
    read_until(master, b" NAME", 5)  # the second picture
    types(b"x", b"quarry> ")
    types(b"audit\n", b"every law holds\r\n")
    read_until(master, b"quarry> ")  # until then the terminal may still be in another mode, and eat the key
    status, end = "none", time.time() + 20
    while status == "none" and time.time() < end:
        with contextlib.suppress(OSError):  # it may have ended a moment ago
            os.write(master, b"\x15\x04")
        read_until(master, b"nothing more", 0.5)
        status = "none" if child.poll() is None else child.returncode
    child.kill()
    problem = problem or ("" if status == 0 else f"exit status {status}")
    os.close(master)
    report("a person at a terminal", problem)


def zones_of(zoneinfo):
    """Watermarks, page counts and reserves of each populated zone."""
    zones, zone = {}, None
    for line in zoneinfo.splitlines():
        if found := re.match(r"Node (\d+), zone +(\S+)", line):
            zone = zones.setdefault(found.groups(), {})
        elif found := re.match(r" +(min|low|high|spanned|present|managed|cma|start_pfn:) +(\d+)$", line):
            zone[found[1]] = int(found[2])
        elif found := re.match(r" +protection: (.*)", line):
            zone["protection"] = found[1]
    return {name: zone for name, zone in zones.items() if zone.get("present")}


def check_live_zones():
    """What the running allocator has is what Linux showed, on every recorded machine."""
    import glob
    files, wrong = sorted(glob.glob(f"{CORPUS}/*/zoneinfo.txt")), []
    for file in files:
        status, out, _ = shell("zoneinfo", "audit", machine=os.path.dirname(file))
        with open(file, encoding="utf-8") as linux:
            good = status == 0 and zones_of(out) == zones_of(linux.read()) and out.endswith("every law holds\n")
        if not good:
            wrong.append(os.path.basename(os.path.dirname(file)))
    report(f"live zones of {len(files)} machines", f"not of {wrong[:5]}" if wrong or not files else "")


def check_shell():
    check_live_zones()
    check_requests()
    check_objects()
    check_ranges()
    check_areas()
    check_addresses()
    check_failures()
    check_views()
    check_steps()
    check_arguments()
    check_person()
