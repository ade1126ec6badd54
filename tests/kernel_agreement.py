#!/usr/bin/env python3
"""The reference kernel on the QEMU machines of recorded Linux boots: its nodes, zones and distances are those that
Linux had there, and those that `quarry boot --native` gives the same machine.

usage: kernel_agreement.py QUARRY CORPUS ARCH [CASE]...     ARCH: x86_64 or aarch64; without cases, every one whose
                                                            machine QEMU itself describes
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 120  # far more than a boot takes

CORPUS_NAME = {"x86_64": "x86_64", "aarch64": "arm64"}
# What belongs to Linux, not to the machine; each with its value.
LINUX_ONLY = ("-kernel", "-initrd", "-append", "-icount", "-serial", "-monitor", "-dtb")
# Options that only the recorded kernel was configured for, and memory that is plugged in after the boot.
NOT_OURS = ("numa=fake", "pc-dimm")


class Disagreement(Exception):
    """What one says and the other does not."""


def text(folder, name):
    path = folder / name
    return path.read_text(errors="replace") if path.exists() else ""


# --- The three that must agree ---------------------------------------------------------------------
# Each is a pair: {(node, zone): (start_pfn, spanned, present)} of zones with pages, {node: [distance]}.
def of_linux(folder):
    zones, zone, spanned, present = {}, None, 0, 0
    for line in text(folder, "zoneinfo.txt").splitlines():
        if found := re.match(r"Node (\d+), zone\s+(\w+)", line):
            zone = (int(found[1]), found[2])
        elif found := re.match(r"\s+(spanned|present)\s+(\d+)", line):
            spanned, present = (int(found[2]), present) if found[1] == "spanned" else (spanned, int(found[2]))
        elif (found := re.match(r"\s+start_pfn:\s+(\d+)", line)) and present:
            zones[zone] = (int(found[1]), spanned, present)
    distances = {int(node): [int(word) for word in row.split()]
                 for node, row in re.findall(r"^node(\d+)/distance: (.*)$", text(folder, "node.txt"), re.M)}
    return zones, distances or {0: [10]}


def of_tool(quarry, folder):
    said = subprocess.run([quarry, "boot", "--native", "--format", "json", folder], capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise Disagreement(f"quarry boot --native: {said.stderr.strip()}")
    nodes = json.loads(said.stdout)["nodes"]
    zones = {(node["id"], zone["name"]): (zone["start_pfn"], zone["spanned_pages"], zone["present_pages"])
             for node in nodes for zone in node["zones"]}
    return zones, {node["id"]: node["distances"] for node in nodes}


def of_kernel(console):
    zones = {(int(found[0]), found[1]): tuple(int(number) for number in found[2:]) for found in
             re.findall(r"^Node (\d+), zone (\w+): start_pfn (\d+) spanned (\d+) present (\d+)\s*$", console, re.M)}
    distances = {int(node): [int(word) for word in row.split()]
                 for node, row in re.findall(r"^Node (\d+) distances: (.*)$", console, re.M)}
    return zones, distances


# --- One machine -----------------------------------------------------------------------------------
def machine_options(arch, folder, result):
    """QEMU's command line without Linux."""
    given, options = iter(result["qemu"][1:]), []
    for word in given:
        if word in LINUX_ONLY:
            next(given)
        elif found := re.fullmatch(r"file=TMP/(\w+)\.aml", word):
            options.append(f"file={folder / found[1]}.bin")
        else:
            options.append(word)
    return options


def boot(arch, folder):
    result = json.loads(text(folder, "result.json"))
    case = json.loads(text(folder, "case.json"))
    words = f'{case.get("cmdline", "")} off'  # at the end, instead of the shell
    command = [f"qemu-system-{arch}", *machine_options(arch, folder, result), "-serial", "stdio", "-append", words]
    folder_of_kernel = ROOT / f"build/kernel-{arch}"
    if arch == "x86_64":
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", folder_of_kernel / "kernel.elf"]
    else:
        command += ["-semihosting-config", "enable=on,target=native", "-kernel", folder_of_kernel / "kernel.bin"]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=SECONDS, check=False)
    if said.returncode != (33 if arch == "x86_64" else 0):
        raise Disagreement(f"the kernel ended with {said.returncode}:\n{said.stdout[-2000:]}{said.stderr[-500:]}")
    return said.stdout


def compare(one, other, who):
    for name, mine, theirs in zip(("zones", "distances"), one, other):
        for key in sorted({*mine, *theirs}):
            if mine.get(key) != theirs.get(key):
                raise Disagreement(f"{name} of {key}: the kernel has {mine.get(key)}, {who} {theirs.get(key)}")


def check(quarry, corpus, arch, name):
    """Returns what is wrong, or nothing."""
    folder = corpus / name
    try:
        kernel = of_kernel(boot(arch, folder).replace("\r", ""))
        if not kernel[0]:
            raise Disagreement("the kernel printed no zones")
        compare(kernel, of_tool(quarry, folder), "the tool")
        compare(kernel, of_linux(folder), "Linux")
    except (Disagreement, subprocess.TimeoutExpired) as what:
        return f"{name}: {what}"
    return None


def every_case(corpus, arch):
    for path in sorted(corpus.glob("*/case.json")):
        case, result = json.loads(path.read_text()), json.loads(text(path.parent, "result.json"))
        own_map = any(key in case for key in ("e820", "efi_memmap", "dt")) or case.get("boot", "qemu") != "qemu"
        if (case["arch"] == CORPUS_NAME[arch] and not own_map and result["outcome"] == "captured"
                and not any(word in json.dumps(case) for word in NOT_OURS)):
            yield path.parent.name


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    quarry, corpus, arch, *names = sys.argv[1:]
    corpus = pathlib.Path(corpus).resolve()
    names = names or list(every_case(corpus, arch))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [what for what in pool.map(lambda name: check(quarry, corpus, arch, name), names) if what]
    print("\n".join(wrong) if wrong else "", end="\n" if wrong else "")
    print(f"{len(names) - len(wrong)} passed, {len(wrong)} failed: machines that agree with Linux and with the tool")
    sys.exit(1 if wrong or not names else 0)


if __name__ == "__main__":
    main()
