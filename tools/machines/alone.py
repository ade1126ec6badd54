"""Machines that nobody boots, for Quarry alone: what a capture has of inputs, made of the case and a recorded kernel's profile.

What must hold of each: it boots, every byte of its RAM is in one line of the ledger, the zones have what is managed, and
a machine of the same seed is the same.
"""
import json
import pathlib
import subprocess
import tempfile

from . import acpi, architectures, make, qemu, trees
from .sizes import GIB, KIB, MIB, number

SECONDS = 60
INITRD_SIZE = MIB
TREE_AT, INITRD_AT = 28 * MIB, 30 * MIB  # from the kernel: inside what make_arm.py keeps clean
BIOS_AT, PCI_HOLE = 0xFFFC0000, {"pc": (3 * GIB + GIB // 2, 3 * GIB), "q35": (2 * GIB + 3 * GIB // 4, 2 * GIB)}


def profiles(corpus):
    """The release and text of each recorded kernel, by flavour; of one flavour the one that told most."""
    found = {}
    for path in sorted(pathlib.Path(corpus).glob("_shared/kernel-*.txt")):
        text = path.read_text()
        release = next(line for line in text.splitlines() if line.startswith("release=")).removeprefix("release=")
        flavour = release.partition("-")[2].partition("-")[2]
        if flavour not in found or len(text) > len(found[flavour][1]):
            found[flavour] = (release, text)
    return found


def pc_map(case):
    """The map that QEMU's BIOS makes, as far as it is about RAM."""
    size = number(case["memory"])
    most, hole = PCI_HOLE[case["machine"]]
    low = size if size < most else hole
    rows = [(0, 0x9FC00, "usable"), (0x9FC00, 0x400, "reserved"), (0xF0000, 0x10000, "reserved"),
            (MIB, low - MIB - 128 * KIB, "usable"), (low - 128 * KIB, 128 * KIB, "reserved"), (BIOS_AT, 256 * KIB, "reserved")]
    return rows + ([(4 * GIB, size - low, "usable")] if size > low else []), low


def pc_affinity(case, low):
    """QEMU's SRAT: nodes one after the other, from below the hole to above it."""
    rows, at = [], 0
    for node, row in enumerate(case["numa"]):
        rows += [{"apic": cpu, "node": node} for cpu in row.get("cpus", [])]
        left = number(row.get("mem", 0))
        while left:
            base = at if at < low else at - low + 4 * GIB
            size = min(left, low - at) if at < low else left
            rows.append({"memory": [base, size], "node": node})
            at, left = at + size, left - size
    return rows


def log_of(case, release, rows):
    lines = [f"Linux version {release} (random) #1 SMP Debian", f"Command line: {qemu.command_line(case)}",
             "BIOS-provided physical RAM map:"]
    lines += [f"BIOS-e820: [mem {base:#018x}-{base + size - 1:#018x}] {kind}" for base, size, kind in rows]
    end = next(base + size for base, size, kind in rows if base == MIB) if rows else 0
    at = end - INITRD_SIZE & ~0xFFF if rows else 96 * MIB
    return "".join(f"[    0.000000] {line}\n" for line in lines + [f"RAMDISK: [mem {at:#010x}-{at + INITRD_SIZE - 1:#010x}]"])


def write_pc(case, folder, release):
    rows = []
    tables = dict(case)
    if case.get("boot") != "e820":
        rows, low = pc_map(case)
        if case.get("numa"):
            tables |= {"srat": pc_affinity(case, low), "slit": case.get("dist")}
    for name, table in acpi.tables_of(tables).items():
        (folder / name).write_bytes(table)
    (folder / "dmesg.txt").write_text(log_of(case, release, rows))


def write_arm(case, folder):
    at = case["load"]["kernel"]
    case["load"] |= {"dtb": at + TREE_AT, "initrd": at + INITRD_AT}
    initrd = (at + INITRD_AT, at + INITRD_AT + INITRD_SIZE)
    (folder / "machine.dtb").write_bytes(trees.tree_of(case, architectures.of(case), qemu.command_line(case), initrd))


def write(case, folder, kernels):
    release, profile = kernels[architectures.flavour_of(case)]
    (folder / "kernel.txt").write_text(profile)
    if case["arch"] == "x86_64":
        write_pc(case, folder, release)
    else:
        write_arm(case, folder)
    (folder / "case.json").write_text(json.dumps(case))


def wrong_with(said):
    """What does not hold of a boot, or nothing."""
    totals = said["totals"]
    managed = sum(zone["managed_pages"] for node in said["nodes"] for zone in node["zones"])
    if sum(line["bytes"] for line in said["ledger"]) != totals["ram_bytes"]:
        return "the ledger's lines are not the RAM"
    if managed * said["machine"]["page_size"] != totals["mem_total_kib"] * KIB:
        return "the zones' managed pages are not MemTotal"
    if not 0 < totals["mem_total_kib"] * KIB <= totals["ram_bytes"]:
        return "MemTotal is none, or more than there is"
    return ""


def boot(case, folder, kernels, tool):
    """What is wrong with Quarry's boot of the case, or nothing."""
    write(json.loads(json.dumps(case)), folder, kernels)
    try:
        done = subprocess.run([tool, "boot", folder, "--format", "json"], capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"still at it after {SECONDS} s"
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}"
    return wrong_with(json.loads(done.stdout))


def boot_all(arch, seeds, corpus, tool, say):
    """How many held and how many did not."""
    kernels = profiles(corpus)
    if not kernels:
        raise ValueError(f"{corpus}: no recorded kernels (ninja corpus unpacks them)")
    failed = 0
    for seed in seeds:
        case = make.make(arch, seed)
        wrong = "two machines of one seed" if case != make.make(arch, seed) else ""
        with tempfile.TemporaryDirectory(prefix="random-machine.") as temporary:
            wrong = wrong or boot(case, pathlib.Path(temporary), kernels, tool)
        if wrong:
            failed += 1
            say(f"{case['name']}: {wrong}")
    return len(seeds) - failed, failed
