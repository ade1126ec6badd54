"""The kernels in the work folder, and what is known of one: kernel.txt."""
import functools
import hashlib
import pathlib
import re

from . import architectures

PAGE_SIZES = {"CONFIG_ARM64_64K_PAGES=y": 65536, "CONFIG_ARM64_16K_PAGES=y": 16384}
# The options of a configuration that decide about memory.
OPTIONS = re.compile(
    r"(?:# )?CONFIG_((?:NUMA|CMA|ZONE|SLUB|SLAB|HIGHMEM|HUGETLB|SPARSEMEM|TRANSPARENT_HUGEPAGE|ARCH_(?:FLATMEM|SPARSEMEM)"
    r"|PHYSICAL|RANDOMIZE|INIT_ON|PREEMPT|MEMCG|VMSPLIT|ARM64_(?:VA_BITS|PA_BITS|4K|16K|64K)|EFI|MEMORY_HOT\w*)(?:_?\w*)"
    r"|NODES_SHIFT|(?:ARCH_FORCE_)?(?:FORCE_)?MAX_(?:ORDER|ZONEORDER)|FLATMEM|DEFERRED_STRUCT_PAGE_INIT|DMA_(?:PERNUMA_)?CMA"
    r"|DMA_RESTRICTED_POOL|HZ|NR_CPUS|HIGHPTE|X86_64_ACPI_NUMA|ACPI_NUMA|OF_NUMA|GENERIC_ARCH_NUMA|SHUFFLE_PAGE_ALLOCATOR"
    r"|PAGE_EXTENSION|PAGE_OFFSET|PGTABLE_LEVELS|ARM_LPAE|LOG_BUF_SHIFT|LOG_CPU_MAX_BUF_SHIFT|RELOCATABLE|KASAN|KFENCE"
    r"|DEBUG_PAGEALLOC|CRASH_DUMP|KEXEC|ARCH_KEEP_MEMBLOCK|SMP|X86_RESERVE_LOW|THREAD_INFO_IN_TASK|VMAP_STACK)\b")
SYMBOLS = frozenset(
    "_text _stext _etext _sdata _edata __bss_start __bss_stop _end __init_begin __init_end __brk_base __brk_limit "
    "_sinittext _einittext __start_rodata __end_rodata swapper_pg_dir idmap_pg_dir init_top_pgt".split())


class NoKernel(Exception):
    """The work folder lacks what a case asks for."""


class Kernel:
    """A linux-image package, unpacked."""

    def __init__(self, image):
        self.image = image
        self.release = image.name.removeprefix("vmlinuz-")

    @functools.cached_property
    def configuration(self):
        return (self.image.parent / f"config-{self.release}").read_text()

    @functools.cached_property
    def digest(self):
        return hashlib.sha256(self.image.read_bytes()).hexdigest()

    def page_size(self):
        return next((size for line, size in PAGE_SIZES.items() if line in self.configuration), 4096)


@functools.cache
def find(work, flavour):
    """The newest 6.1 kernel of "cloud-amd64", or of another series: "cloud-amd64@6.12"."""
    name, _, series = flavour.partition("@")
    found = []
    for image in pathlib.Path(work).glob("kernels/*/boot/vmlinuz-*"):
        if match := re.fullmatch(rf"vmlinuz-(\d[\d.]*(?:-\d+|\+deb\d+)?)-{re.escape(name)}", image.name):
            if match[1].startswith(series or "6.1."):
                found.append(([int(part) for part in re.findall(r"\d+", match[1])], image))
    if not found:
        raise NoKernel(f"no {flavour} kernel in {work}/kernels: random-machines setup fetches it")
    return Kernel(max(found)[1])


def initrd(work, arch):
    path = pathlib.Path(work) / f"initrds/{arch.deb}.gz"
    if not path.exists():
        raise NoKernel(f"no {path}: random-machines setup makes it")
    return path


def profile(kernel, arch, kallsyms=""):
    """kernel.txt: key=value lines; link addresses as far as the running kernel told them."""
    lines = [f"arch={arch.name}", f"release={kernel.release}", f"page_size={kernel.page_size()}",
             f"image_sha256={kernel.digest}"]
    if arch.section_bits:
        lines.append(f"section_size_bits={arch.section_bits}")
    for line in kallsyms.splitlines():
        words = line.split()
        if len(words) == 3 and words[2] in SYMBOLS:
            lines.append(f"symbol.{words[2]}=0x{words[0]}")
    for line in kernel.configuration.splitlines():
        if OPTIONS.match(line):
            lines.append(f"config.{line.split()[1]}=n" if line.startswith("#") else f"config.{line.strip()}")
    return "\n".join(lines) + "\n"


def of(work, case):
    return find(str(work), architectures.flavour_of(case))
