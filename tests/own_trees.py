#!/usr/bin/env python3
"""own_trees.py TOOL: compiles tests/trees, has tools/debian-trees read and boot them, and checks what each one's comment expects:

    status N            the exit status of `quarry boot`
    given BASE+SIZE     goes with it as --memory; without it, the tree is refused with status 3
    arch WORD           the machine's architecture
    memory RANGE...     memblock's memory, whatever its flags
    reserved_memory NAME:RANGE...   these are among the tree's reservations
    status_of NAME TEXT             what became of one
    zone_dma_end ADDR   where the first zone of node 0 ends at the latest
    kernel_image ADDR   where the kernel's image is reserved
    note TEXT           the report has it
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TOOL = pathlib.Path(sys.argv[1]).resolve()
RANGE = r"(0x[0-9a-f]+)\+(0x[0-9a-f]+)"


def source_of(path):
    many = "\n".join(f"n{i}@{0x90000000 + (i << 20):x} {{ reg = <{0x90000000 + (i << 20):#x} 0x10000>; }};" for i in range(70))
    return re.sub(r"/\* 70 nodes from 0x90000000 \*/", many, path.read_text())


def expectations(path):
    words = [line[3:].split(" ", 1) for line in path.read_text().splitlines() if re.match(r"// [a-z_]+ \S", line)]
    known = ("status", "given", "arch", "memory", "reserved_memory", "status_of", "zone_dma_end", "kernel_image", "note")
    return [(word, rest) for word, rest in words if word in known]


def merged(regions):
    ranges = []
    for region in regions:
        if ranges and ranges[-1][1] == region["base"]:
            ranges[-1][1] += region["size"]
        else:
            ranges.append([region["base"], region["base"] + region["size"]])
    return [(begin, end - begin) for begin, end in ranges]


def problem_with(said, word, rest):
    """What is not as expected in what `quarry boot --format json` said; empty when all is."""
    ranges = [(int(base, 16), int(size, 16)) for base, size in re.findall(RANGE, rest)]
    nodes = said["reserved_memory"]
    if word == "arch":
        return "" if said["machine"]["arch"] == rest else f"arch {said['machine']['arch']}"
    if word == "memory":
        got = merged(said["memblock"]["memory"])
        return "" if got == ranges else f"memory {[(hex(base), hex(size)) for base, size in got]}"
    if word == "reserved_memory":
        names = re.findall(r"(\S+):0x", rest)
        missing = [name for name, (base, size) in zip(names, ranges)
                   if not any((node["name"], node["base"], node["size"]) == (name, base, size) for node in nodes)]
        return f"no such reservation: {missing}" if missing else ""
    if word == "status_of":
        name, status = rest.split(" ", 1)
        got = [node["status"] for node in nodes if node["name"] == name]
        return "" if status in got else f"{name}: {got}"
    if word == "zone_dma_end":
        zone = said["nodes"][0]["zones"][0]
        end = (zone["start_pfn"] + zone["spanned_pages"]) * said["machine"]["page_size"]
        return "" if zone["spanned_pages"] and end == int(rest, 16) else f"zone {zone['name']} ends at {end:#x}"
    if word == "kernel_image":
        at = [entry["base"] for entry in said["memblock"]["reserved"] if "kernel image" in (entry["owner"] or "")]
        return "" if at and min(at) == int(rest, 16) else f"kernel image at {[hex(base) for base in at]}"
    return f"nothing checks {word}"


def check(path, blob):
    expected = expectations(path)
    single = dict(expected)
    given = ["--memory", single["given"]] if "given" in single else []
    problems = []
    if given:
        bare = subprocess.run([TOOL, "boot", blob], capture_output=True, text=True)
        if bare.returncode != 3 or "--memory BASE+SIZE" not in bare.stderr:
            problems.append(f"without --memory: exit status {bare.returncode}: {bare.stderr[:200]}")
    done = subprocess.run([TOOL, "boot", blob, "--format", "json", *given], capture_output=True, text=True)
    if done.returncode != int(single["status"]):
        return [*problems, f"exit status {done.returncode}: {done.stderr[:200]}"]
    if done.returncode:
        return problems
    report = subprocess.run([TOOL, "boot", blob, "--color", "never", *given], capture_output=True, text=True).stdout
    problems += [f"no note '{rest}'" for word, rest in expected if word == "note" and rest not in report]
    said = json.loads(done.stdout)
    found = [problem_with(said, word, rest) for word, rest in expected if word not in ("status", "given", "note")]
    return problems + [problem for problem in found if problem]


def main():
    failed = passed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted((HERE / "trees").glob("*.dts")):
            blob = pathlib.Path(folder) / f"{path.stem}.dtb"
            made = subprocess.run(["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", blob], input=source_of(path), text=True,
                                  capture_output=True)
            problems = [made.stderr] if made.returncode else check(path, blob)
            for problem in problems:
                print(f"FAIL {path.name}: {problem}")
            passed, failed = passed + (not problems), failed + bool(problems)
        whole = subprocess.run([HERE.parent / "tools/debian-trees", "--folder", folder, "--damage", "500", "--tool", TOOL],
                               capture_output=True, text=True)
    print(whole.stdout, whole.stderr, sep="", end="")
    counts = re.search(r"^(\d+) passed, (\d+) failed$", whole.stdout, re.M)
    print(f"{passed + int(counts[1]) if counts else passed} passed, {failed + (int(counts[2]) if counts else 1)} failed")
    return 1 if failed or whole.returncode else 0


sys.exit(main())
