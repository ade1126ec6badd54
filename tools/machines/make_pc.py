"""PCs: maps of any kind, as e820 has them, with SRAT and SLIT beside them; and QEMU's own machines with nodes.

    0 .. 640K   usable        1M .. 144M   usable and clean: kernel, initrd (96M)       the last 128K of low RAM: ACPI's tables
"""
from . import make_options
from .sizes import GIB, KIB, MIB, down

CLEAN_END = 144 * MIB
TABLES = 128 * KIB  # where QEMU's BIOS puts ACPI's tables: at the end of low RAM
KINDS = {"usable": 12, None: 5, "reserved": 3, "acpi": 1, "nvs": 1, "unusable": 1, "pmem7": 1, "pram": 1, "soft_reserved": 1, 13: 0.5}
PAGES = ~0xFFF


def entries(dice, spans, tables):
    """Sorted entries that do not overlap."""
    first = min(tables, spans[0][0])
    found = [[0, 0x9FC00, "usable"], [0x9FC00, 0x400, "reserved"], [0xF0000, 0x10000, "reserved"], [MIB, first - MIB, "usable"]]
    dense = dice.chance(0.08)  # more than the 128 that fit into boot_params
    for begin, end in spans:
        points = [begin] + dice.cuts(begin, end, 150 if dense else 9, odd=0.05) + [end] if begin < end else []
        for low, high in zip(points, points[1:]):
            if kind := dice.choices(list(KINDS), list(KINDS.values()))[0]:
                found.append([low, high - low, kind])
    return found + [[tables, TABLES, "acpi"]]


def overlaps(dice, spans):
    """Entries on top of others, and some of no size at all."""
    found = []
    for _ in range(dice.randrange(1, 6)):
        begin, end = dice.choice(spans)
        if end - begin > 64 * KIB:
            low, high = sorted((dice.randrange(begin, end), dice.randrange(begin, end)))
            if dice.chance(0.8):
                low, high = low & PAGES, high & PAGES
            size = 0 if dice.chance(0.1) else high - low
            found.append([low, size, dice.choice(["usable", "reserved", "nvs", "acpi", "unusable"])])
    return found


def affinity(dice, case, end):
    """An SRAT over the whole of RAM: nodes interleaved, memoryless, hot-pluggable; ranges that overlap in one node."""
    nodes = dice.randrange(2, 6)
    case["smp"] = max(case["smp"], 2) if dice.chance(0.7) else 1
    points = [0] + dice.cuts(512 * MIB if end > GIB else 200 * MIB, end, 7, odd=0.03)
    points = sorted({down(at, 2 * MIB) if dice.chance(0.8) else at & PAGES for at in points} | {end})
    rows = [{"apic": at, "node": dice.randrange(nodes)} for at in range(case["smp"])]
    hot = dice.chance(0.3)
    for at, (low, high) in enumerate(zip(points, points[1:])):
        flags = 3 if hot and at and dice.chance(0.4) else 1
        rows.append({"memory": [low, high - low], "node": at if at < nodes else dice.randrange(nodes), "flags": flags})
    if dice.chance(0.15):  # the same said twice, and an entry that is not enabled
        rows.append(dict(rows[-1]))
        rows.append({"memory": [end, GIB], "node": nodes, "flags": 0})
    case["srat"] = rows
    if distances := dice.distances(max(row["node"] for row in rows if row.get("flags", 1)) + 1):
        case["slit"] = distances
    return "movable_node" if hot and dice.chance(0.7) else ""


def mapped(dice, case):
    high = dice.choice([0, 0, dice.size(512 * MIB, 6 * GIB, 128 * MIB)])
    top = 3 * GIB if high else dice.size(256 * MIB, 3 * GIB, MIB)
    case |= {"boot": "e820", "machine": "pc", "memory": top + high}
    tables = top - TABLES
    clean_end = min(tables, dice.randrange(CLEAN_END, max(CLEAN_END + MIB, min(tables, 600 * MIB)), 4 * KIB))
    spans = [(clean_end, tables)] + ([(4 * GIB, 4 * GIB + high)] if high else [])
    table = entries(dice, spans, tables)
    if dice.chance(0.35):
        table += overlaps(dice, spans)
    if dice.chance(0.3):
        dice.shuffle(table)
    case["e820"] = table
    option = affinity(dice, case, 4 * GIB + high if high else top) if dice.chance(0.5) else ""
    usable = sum(size for _, size, kind in table if kind == "usable")
    return option or make_options.command_line(dice, "x86_64", usable)


def with_nodes(dice, case):
    """QEMU makes map, SRAT and SLIT."""
    count = dice.randrange(1, 9)
    sizes = [dice.size(512 * MIB, 2 * GIB, 4 * MIB)] + [dice.size(8 * MIB, 2 * GIB, 4 * MIB) for _ in range(count - 1)]
    rows = [{"mem": size, "cpus": []} for size in sizes]
    for row in rows[1:]:
        if dice.chance(0.15):
            row.pop("mem")
    for cpu in range(case["smp"]):
        dice.choice(rows)["cpus"].append(cpu)
    case |= {"machine": dice.choice(["pc", "q35"]), "memory": sum(row.get("mem", 0) for row in rows), "numa": rows}
    if count > 1 and (distances := dice.distances(count)):
        case["dist"] = distances
    return make_options.command_line(dice, "x86_64", case["memory"])


def plain(dice, case):
    case |= {"machine": dice.choice(["pc", "q35"]), "memory": dice.size(192 * MIB, 16 * GIB, dice.choice([MIB, 4 * MIB]))}
    if dice.chance(0.4):  # the kernel for all machines can fake nodes
        case["kernel"] = "amd64"
        return f"numa=fake={dice.choice(['2', '3', '4', '8', '2U', '256M', '512M', '1G'])}"
    return make_options.command_line(dice, "x86_64", case["memory"])


def make(dice, case):
    case["smp"] = dice.choice([1, 1, 1, 1, 2, 4])
    kind = dice.choices([mapped, with_nodes, plain], [6, 2.5, 1.5])[0]
    case["cmdline"] = kind(dice, case)
