#!/usr/bin/env python3
"""The reference kernel on the QEMU machines of recorded Linux boots: its nodes, zones and distances are those that
Linux had there, and those that `quarry boot --native` gives the same machine.

usage: kernel_agreement.py QUARRY CORPUS ARCH [CASE]...     ARCH: x86_64 or aarch64; without cases, every one whose
                                                            machine QEMU or a tree describes
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 120  # far more than a boot takes

CORPUS_NAME = {"x86_64": "x86_64", "aarch64": "arm64"}
# The load address of an arm64 image and of its tree, and the place from which the stub goes to them, are the case's own.
STUB_WORDS = (0x580000C0, 0xAA1F03E1, 0xAA1F03E2, 0xAA1F03E3, 0x58000084, 0xD61F0080)  # ldr x0; x1-x3 = 0; ldr x4; br x4
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
def machine_options(folder, result):
    """QEMU's command line without Linux and without what was put in memory for it."""
    given, options = iter(result["qemu"][1:]), []
    for word in given:
        if word in LINUX_ONLY:
            next(given)
        elif word == "-device" and (device := next(given)):
            options += [] if device.startswith("loader,") else [word, device]
        elif found := re.fullmatch(r"file=TMP/(\w+)\.aml", word):
            options.append(f"file={folder / found[1]}.bin")
        else:
            options.append(word)
    return options


def loaded_at(result):
    """Where a case puts Linux's image, its tree and the stub; nothing where QEMU's own loader put them."""
    places = dict(re.findall(r"loader,file=[A-Z]+/(?:\S*/)?([a-z]+)[^,]*,addr=(0x[0-9a-f]+)", " ".join(result["qemu"])))
    return [int(places[name], 16) for name in ("vmlinuz", "machine", "stub")] if "stub" in places else None


def kernel_options(arch, folder, result, words, temporary):
    """How our kernel gets into the machine, and which words its command line has."""
    images = ROOT / f"build/kernel-{arch}"
    if arch == "x86_64":
        return ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-append", words, "-kernel", images / "kernel.elf"]
    options = ["-semihosting-config", "enable=on,target=native"]
    if not (places := loaded_at(result)):
        return [*options, "-append", words, "-kernel", images / "kernel.bin"]
    image, tree, stub = places
    code = temporary / f"{folder.name}.stub"
    code.write_bytes(b"".join(word.to_bytes(4, "little") for word in STUB_WORDS)
                     + tree.to_bytes(8, "little") + image.to_bytes(8, "little"))
    for path, place in ((images / "kernel.bin", image), (folder / "machine.dtb", tree), (code, stub)):
        options += ["-device", f"loader,file={path},addr={place:#x},force-raw=on"]
    return [*options, "-device", f"loader,addr={stub:#x},cpu-num=0"]


def boot(arch, folder, temporary):
    result = json.loads(text(folder, "result.json"))
    words = f'{json.loads(text(folder, "case.json")).get("cmdline", "")} off'  # at the end, instead of the shell
    command = [f"qemu-system-{arch}", *machine_options(folder, result), "-serial", "stdio",
               *kernel_options(arch, folder, result, words, temporary)]
    # Where the tree's words are Linux's own, the shell is there and told to end.
    said = subprocess.run(command, input="quit\r", capture_output=True, text=True, errors="replace",
                          timeout=SECONDS, check=False)
    if said.returncode != (33 if arch == "x86_64" else 0):
        raise Disagreement(f"the kernel ended with {said.returncode}:\n{said.stdout[-2000:]}{said.stderr[-500:]}")
    return said.stdout


def compare(one, other, who):
    for name, mine, theirs in zip(("zones", "distances"), one, other):
        for key in sorted({*mine, *theirs}):
            if mine.get(key) != theirs.get(key):
                raise Disagreement(f"{name} of {key}: the kernel has {mine.get(key)}, {who} {theirs.get(key)}")


def check(quarry, corpus, arch, name, temporary):
    """Returns what is wrong, or nothing."""
    folder = corpus / name
    try:
        kernel = of_kernel(boot(arch, folder, temporary).replace("\r", ""))
        if not kernel[0]:
            raise Disagreement("the kernel printed no zones")
        compare(kernel, of_tool(quarry, folder), "the tool")
        compare(kernel, of_linux(folder), "Linux")
    except (Disagreement, subprocess.TimeoutExpired) as what:
        return f"{name}: {what}"
    return None


def is_ours(arch, case):
    if case["arch"] != CORPUS_NAME[arch] or any(word in json.dumps(case) for word in NOT_OURS):
        return False
    if arch == "aarch64":  # whatever its tree says; not UEFI's tables, and no board without our devices
        return case.get("boot") != "uefi" and case.get("machine", "virt").startswith("virt")
    return case.get("boot", "qemu") == "qemu" and not any(key in case for key in ("e820", "efi_memmap"))


def every_case(corpus, arch):
    for path in sorted(corpus.glob("*/case.json")):
        captured = json.loads(text(path.parent, "result.json"))["outcome"] == "captured"
        if captured and is_ours(arch, json.loads(path.read_text())):
            yield path.parent.name


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    quarry, corpus, arch, *names = sys.argv[1:]
    corpus = pathlib.Path(corpus).resolve()
    names = names or list(every_case(corpus, arch))
    with concurrent.futures.ThreadPoolExecutor(2) as pool, tempfile.TemporaryDirectory() as temporary:
        wrong = [what for what in pool.map(lambda name: check(quarry, corpus, arch, name, pathlib.Path(temporary)), names) if what]
    print("\n".join(wrong) if wrong else "", end="\n" if wrong else "")
    print(f"{len(names) - len(wrong)} passed, {len(wrong)} failed: machines that agree with Linux and with the tool")
    sys.exit(1 if wrong or not names else 0)


if __name__ == "__main__":
    main()
