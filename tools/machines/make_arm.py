"""Machines that a device tree describes: arm64, and arm with and without LPAE.

The first bank is clean where kernel, tree and initrd go; every other bank is as chance has it.
"""
from . import make_options, make_reserved
from .sizes import GIB, KIB, MIB, down

RAM_BASE = 0x40000000
FIRST_LEAST = 160 * MIB
CLEAN = 72 * MIB  # from the begin of the first bank: kernel, tree and initrd are in here
TREE_AND_INITRD = {"arm64": (30 * MIB, 32 * MIB), "armhf": (38 * MIB, 40 * MIB)}  # near there; which page depends on the kernel
START_STEP = {"arm64": 2 * MIB, "armhf": 128 * MIB}  # how the place of the first bank is aligned, for the decompressor
KERNEL_AT = {"arm64": 2 * MIB, "armhf": 32 * MIB}
SPANS = {"arm64": [1, 2, 3, 4, 8, 20], "armhf": [0.5, 1, 2, 3]}


def banks_of(dice, arch, span):
    step, end = START_STEP[arch], RAM_BASE + span
    begin = RAM_BASE + down(dice.choice([0, 0, 0, dice.randrange(span // 4)]), step)
    size = max(FIRST_LEAST, dice.size(FIRST_LEAST, max(FIRST_LEAST + 1, (end - begin) // dice.choice([1, 2])), dice.choice([KIB * 4, MIB, 2 * MIB, 2 * MIB])))
    found = [(begin, min(size, end - begin))]
    at = begin + found[0][1]
    for _ in range(dice.randrange(7 if arch == "arm64" else 5)):
        low, size = at + dice.choice([0, dice.size(4 * KIB, span // 4)]), dice.size(64 * KIB, span // 2)
        if dice.chance(0.1):
            low, size = low + dice.randrange(1, 4096), size + dice.randrange(1, 4096)
        if low + size > end:
            break
        found.append((low, size))
        at = low + size
    return found


def memory_nodes(dice, banks):
    """A node each, or all in one, in any order; some narrowed, disabled or of no size."""
    if dice.chance(0.3):
        shuffled = [list(bank) for bank in banks]
        dice.shuffle(shuffled)
        return [{"name": f"memory@{banks[0][0]:x}", "reg": shuffled}]
    found = [{"reg": [list(bank)]} for bank in banks]
    for node in found[1:]:
        (begin, size), = node["reg"]
        if dice.chance(0.07) and size > 4 * MIB:
            node["usable"] = [[begin + MIB, size - 2 * MIB]]
        elif dice.chance(0.05):
            node["status"] = dice.choice(["disabled", "okay"])
    if dice.chance(0.05):
        found.append({"reg": [[banks[-1][0] + banks[-1][1], 0]]})
    if dice.chance(0.05) and len(found) > 1:  # a bank that is told twice
        found.append({"name": "memory-again@" + found[-1].get("name", f"{found[-1]['reg'][0][0]:x}"), "reg": found[-1]["reg"]})
    return found


def put_nodes(dice, case, edits):
    """NUMA: each memory node belongs to one; processors anywhere, some nodes without memory or without processors."""
    rows = edits["memory"]
    count = dice.randrange(1, min(5, len(rows) + 1) + 1)
    for at, row in enumerate(rows):
        row["node"] = at if at < count else dice.randrange(count)
    edits["cpu_nodes"] = [dice.randrange(count) for _ in range(case["smp"])]
    if matrix := dice.distances(count):
        edits["distance"] = [[one, other, matrix[one][other]] for one in range(count) for other in range(count)]
    if len(rows) > 1 and dice.chance(0.25):
        rows[-1]["hotpluggable"] = True


def usable_range(dice, banks):
    """As a crash kernel gets it: all that holds the loaded things, and not much more."""
    begin, size = banks[0]
    last = max(base + length for base, length in banks)
    found = [[begin, dice.choice([size, max(FIRST_LEAST, down(size // 2, 4 * KIB)), last - begin])]]
    if len(banks) > 1 and dice.chance(0.5):
        found.append([banks[-1][0], banks[-1][1] // 2])
    return found


def limit(dice, line, banks, arch):
    """mem= and vmalloc= must leave the kernel its place."""
    words = []
    for word in line.split():
        if word.startswith("mem=") and (arch == "arm64" or "@" in word):
            ram = sum(size for _, size in banks)
            word = f"mem={max(banks[0][1], dice.size(FIRST_LEAST, max(ram, FIRST_LEAST + MIB), MIB)) // MIB + 1}M"
            if arch == "armhf":
                word += f"@{banks[0][0]:#x}"
        words.append(word)
    return " ".join(words)


def make(dice, case):
    arch = case["arch"]
    span = int(dice.choice(SPANS[arch]) * GIB)
    case |= {"memory": span, "smp": dice.choice([1, 1, 1, 1, 2, 4] if arch == "arm64" else [1, 1, 1, 2])}
    if arch == "armhf" and dice.chance(0.35):
        case["kernel"] = "armmp-lpae"
    banks = banks_of(dice, arch, span)
    begin = banks[0][0]
    case["load"] = {"kernel": begin + KERNEL_AT[arch]}
    marks = [(begin + at, 64 * KIB) for at in TREE_AND_INITRD[arch]]
    edits = make_reserved.nodes(dice, banks, (begin, begin + CLEAN), marks)
    edits["memory"] = memory_nodes(dice, banks)
    if arch == "arm64" and dice.chance(0.4):
        put_nodes(dice, case, edits)
    if dice.chance(0.06):
        edits["usable_range"] = usable_range(dice, banks)
    case["dt"] = edits
    ram = sum(size for _, size in banks)
    has_hugepages = arch == "arm64" or "kernel" in case
    line = make_options.command_line(dice, arch, ram, has_hugepages)
    case["cmdline"] = limit(dice, line, banks, arch)
    if arch == "arm64" and "hotpluggable" in edits["memory"][-1] and dice.chance(0.6):
        case["cmdline"] = (case["cmdline"] + " movable_node").strip()
