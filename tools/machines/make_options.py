"""Command lines: options about memory that the kernels of an architecture have, one or two at a time.

Debian's kernels: x86 has no CMA; armmp without LPAE has no huge pages; only the kernel for all machines can fake nodes.
"""
from .sizes import GIB, MIB, text

CRASH_OFFSETS = {"x86_64": 0, "arm64": 0x40000000, "armhf": 0x40000000}


def megabytes(dice, least, most):
    return f"{max(1, dice.size(least, max(least + 1, most), MIB) // MIB)}M"


def movable(dice, ram, arch):
    forms = [lambda: f"movablecore={megabytes(dice, 16 * MIB, ram // 2)}", lambda: f"movablecore={dice.randrange(1, 80)}%",
             lambda: f"kernelcore={megabytes(dice, 128 * MIB, ram)}", lambda: f"kernelcore={dice.randrange(20, 100)}%",
             lambda: "kernelcore=mirror", lambda: f"movablecore={megabytes(dice, 16 * MIB, ram // 4)} movable_node",
             lambda: f"kernelcore={megabytes(dice, 128 * MIB, ram)} movablecore={megabytes(dice, 16 * MIB, ram // 2)}"]
    return dice.choice(forms)()


def crash_ranges(dice, ram):
    """A list of ranges, of which one holds this machine's RAM, or none."""
    edge = max(1, ram // MIB // dice.choice([2, 3]))
    sizes = [dice.choice([16, 32, 64, 96]) for _ in range(3)]
    forms = [f"0-{edge}M:{sizes[0]}M,{edge}M-:{sizes[1]}M", f"{edge}M-{4 * edge}M:{sizes[1]}M,{4 * edge}M-:{sizes[2]}M",
             f"0-{max(1, edge // 4)}M:{sizes[0]}M"]
    return dice.choice(forms)


def crashkernel(dice, ram, arch):
    size = dice.choice([16, 32, 64, 100, 128, 200])
    at = CRASH_OFFSETS[arch] + dice.randrange(160 * MIB, max(161 * MIB, ram), MIB)
    forms = [lambda: f"crashkernel={size}M", lambda: f"crashkernel={size}M@{text(at)}", lambda: f"crashkernel={crash_ranges(dice, ram)}",
             lambda: f"crashkernel={crash_ranges(dice, ram)}@{text(at)}"]
    if arch != "armhf":
        forms += [lambda: f"crashkernel={size}M,high", lambda: f"crashkernel={size}M,high crashkernel={dice.choice([0, 16, 32, 72])}M,low"]
    return dice.choice(forms)()


def hugepages(dice, ram, arch):
    sizes = {"x86_64": ["2M"], "arm64": ["64K", "2M", "32M"], "armhf": ["2M"]}[arch]
    size = dice.choice(sizes)
    most = max(2, ram // {"64K": 2 * MIB, "2M": 16 * MIB, "32M": 256 * MIB}[size])
    forms = [lambda: f"hugepages={dice.randrange(1, max(2, ram // (16 * MIB)))}",
             lambda: f"hugepagesz={size} hugepages={dice.randrange(1, most)}",
             lambda: f"default_hugepagesz={size} hugepages={dice.randrange(1, most)}"]
    if arch == "arm64" and ram > 3 * GIB:
        forms += [lambda: f"hugepagesz=1G hugepages={dice.randrange(1, max(2, ram // (2 * GIB)))}"]
    return dice.choice(forms)()


def contiguous(dice, ram, arch):
    size = dice.choice([4, 8, 12, 16, 32, 64, 100, 128])
    base = 0x40000000
    begin = base + dice.randrange(64 * MIB, max(65 * MIB, ram), 4 * MIB)
    forms = [lambda: f"cma={size}M"] * 3 + [lambda: "cma=0", lambda: f"cma={size}M@{text(begin)}",
                                            lambda: f"cma={size}M@{text(begin)}-{text(begin + dice.choice([64, 256, 1024]) * MIB)}"]
    if arch == "arm64":
        forms += [lambda: f"cma_pernuma={dice.choice([4, 16, 32])}M", lambda: f"hugetlb_cma={dice.choice([1, 2])}G"]
    return dice.choice(forms)()


def memmap(dice, ram, arch):
    """x86: parts of the map made something else; above what boots."""
    words = []
    for _ in range(dice.choice([1, 1, 2, 3])):
        size = dice.size(64 << 10, max(MIB, ram // 8))
        at = dice.randrange(160 * MIB, max(161 * MIB, ram), 4096)
        words.append(f"memmap={text(size)}{dice.choice('@#$!')}{text(at)}")
    if dice.chance(0.2):
        return f"memmap=exactmap memmap=640K@0 memmap={text(max(ram - 2 * MIB, 200 * MIB))}@1M"
    if dice.chance(0.2):
        at = dice.randrange(160, max(161, ram // MIB - 16))
        return f"memmap={dice.choice([1, 8, 33])}M%{at}M{dice.choice(['-1', '-1+2', '+2', '-1+7'])}"
    return " ".join(words)


def mem(dice, ram, arch):
    size = max(256 * MIB, dice.size(256 * MIB, max(257 * MIB, ram + ram // 4), MIB))
    if arch == "armhf" and dice.chance(0.4):
        banks = [f"mem={dice.choice([192, 256, 300])}M@0x40000000"]
        return " ".join(banks + [f"mem={dice.choice([16, 64, 65])}M@{hex(0x60000000)}"] * dice.chance(0.5))
    return f"mem={text(size)}"


def vmalloc(dice, ram, arch):
    return f"vmalloc={dice.choice([8, 16, 64, 128, 200, 300, 400, 600, 900])}M"


def nodes(dice, ram, arch):
    return dice.choice(["numa=off", "numa=off", "numa=noacpi"] if arch == "x86_64" else ["numa=off"])


def log_buffer(dice, ram, arch):
    return f"log_buf_len={dice.choice(['1M', '2M', '4M', '300K'])}"


def bounce(dice, ram, arch):
    return dice.choice(["swiotlb=force", "swiotlb=65536", "swiotlb=noforce", "swiotlb=4096,force"])


KINDS = {
    "x86_64": [movable, movable, crashkernel, hugepages, memmap, memmap, mem, nodes, log_buffer, bounce],
    "arm64": [movable, movable, crashkernel, hugepages, contiguous, contiguous, mem, nodes, log_buffer, bounce],
    "armhf": [movable, crashkernel, contiguous, contiguous, mem, vmalloc, vmalloc, log_buffer],
}


def command_line(dice, arch, ram, with_hugepages=True):
    """`ram`: bytes that the machine has, so that options ask for what makes a difference."""
    count = dice.choices([0, 1, 2], [30, 50, 20])[0]
    kinds = [kind for kind in KINDS[arch] if with_hugepages or kind is not hugepages]
    chosen = dict.fromkeys(dice.choice(kinds) for _ in range(count))
    return " ".join(kind(dice, ram, arch) for kind in chosen)
