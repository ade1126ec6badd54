"""Logs of kernels that a device tree told of memory: what they list of it stands in for the tree."""
import json
import os

from cli_harness import boot, refused, report, tool

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds", "boot_log")


def seed(name):
    with open(os.path.join(SEEDS, name + ".txt"), "rb") as file:
        return file.read()


def boot_problem(text, arch, memory):
    status, out, err = boot("-", "--format", "json", stdin=text)
    if status:
        return f"exit status {status}: {err}"
    made = json.loads(out)
    ranges = [(region["base"], region["base"] + region["size"]) for region in made["memblock"]["memory"]]
    if made["machine"]["arch"] != arch:
        return f"booted as {made['machine']['arch']}"
    if (ranges[0][0], ranges[-1][1]) != memory:
        return f"memory is {ranges}"
    return ""


def compare_problem(text, kinds_known):
    status, out, err = tool("compare", "-", "--format", "json", stdin=text)
    if status not in (0, 1):
        return f"exit status {status}: {err}"
    compared = json.loads(out)
    if not any("not in the log" in note for note in compared["notes"]):
        return "no note says what was not in the log"
    quantities = compared["quantities"]
    known = {q["kind"] for q in quantities if q["verdict"] != "unknown"}
    if not kinds_known <= known:
        return f"unknown: {kinds_known - known}"
    circular = [q["name"] for q in quantities if q["name"] == "early memory node ranges" and q["verdict"] != "unknown"]
    if circular:
        return "what was an input is compared"
    silent = [q["name"] for q in quantities if q["verdict"] == "differ" and not q["reason"]]
    return f"no reason for {silent}" if silent else ""


def check_board_logs():
    boards = {
        "board-arm64": ("arm64", (0x40000000, 0x140000000), {"zones", "cma"}),
        "board-riscv": ("riscv64", (0x80200000, 0xC0000000), {"zones"}),
        "board-arm-old": ("arm", (0x80000000, 0x90000000), set()),
        "board-arm-oldest": ("arm", (0, 0x20000000), set()),
    }
    for name, (arch, memory, kinds) in boards.items():
        report(f"{name} boots from its log", boot_problem(seed(name), arch, memory))
        report(f"{name} is compared with its log", compare_problem(seed(name), kinds))
    status, out, err = boot("-", "--format", "json", stdin=seed("xen"))
    report("a guest of Xen boots from the map that Xen gave it", f"exit status {status}: {err}" if status else "")
    for what, line in {
        "mips": b"CPU0 revision is: 00025b00 (Broadcom BMIPS5200)\n",
        "powerpc": b"CPU maps initialized for 1 thread per core\n",
        "32-bit x86": b"BIOS-e820: [mem 0x0-0x9ffff] usable\n0MB HIGHMEM available.\n",
    }.items():
        for command in (["boot", "-"], ["compare", "-"]):
            refused(f"{command[0]} of a log of {what}", 3, [what, "riscv64"],
                    tool(*command, stdin=b"Linux version 6.1.0\n" + line))
    refused("a log that says nothing of memory", 3, ["--dtb FILE", "--memory"],
            boot("-", stdin=b"Linux version 5.0\nMemory policy: Data cache writealloc\n"))
