#!/usr/bin/env python3
"""mem_total_tables.py TOOL CORPUS KERNELS: MemTotal predicted from kernels' own files, beside that of the recorded boots.

KERNELS is a directory below which Debian's packages of the recorded kernels are unpacked: vmlinuz-RELEASE and config-RELEASE.
Prints one line of the table that tools/agreement.py makes of what is in the repository; that has the rest from here.
"""
import json
import pathlib
import re
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

VERSION = "6.1"  # all that the last columns are told
BUDGET_WIDTH = 1.5  # percent of RAM


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def boot(tool, case, *words):
    done = subprocess.run([tool, "boot", str(case), "--format", "json", *words], capture_output=True, timeout=120)
    if done.returncode == 4:
        return None  # as the recorded one: its kernel panicked
    if done.returncode != 0:
        raise SystemExit(f"{case}: exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(done.stdout)


def shown(case):
    """What the recorded kernel had: meminfo's figures, and managed pages by node and zone."""
    text = (case / "meminfo.txt").read_text() if (case / "meminfo.txt").exists() else ""
    totals = {name: int(kib) for name, kib in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
    zones, node, name = {}, 0, ""
    text = (case / "zoneinfo.txt").read_text() if (case / "zoneinfo.txt").exists() else ""
    present = 0
    for line in text.splitlines():
        if begin := re.match(r"Node (\d+), zone +(\w+)", line):
            node, name = int(begin[1]), begin[2]
        elif pages := re.match(r" +present +(\d+)", line):
            present = int(pages[1])
        elif (pages := re.match(r" +managed +(\d+)", line)) and present:
            zones[node, name] = int(pages[1])
    return totals, zones


def error(ours, theirs):
    return 0 if ours == theirs else 100 * abs(ours - theirs) / theirs if theirs else 100


def errors(json_, totals, zones):
    """Of MemTotal, CmaTotal, HighTotal, and the largest of any zone's managed pages; percent."""
    mine = {(node["id"], zone["name"]): zone["managed_pages"] for node in json_["nodes"] for zone in node["zones"]}
    ours = json_["totals"]
    return [error(ours["mem_total_kib"], totals["MemTotal"]), error(ours["cma_total_kib"], totals.get("CmaTotal", 0)),
            error(ours["high_total_kib"], totals.get("HighTotal", 0)),
            max(error(mine.get(at, 0), pages) for at, pages in zones.items())]


def one(tool, case):
    totals, zones = shown(case)
    release = re.search(r"^release=(.*)$", (case / "kernel.txt").read_text(), re.M)[1]
    boots = [boot(tool, case), boot(tool, case, "--kernel", release), boot(tool, case, "--kernel", VERSION)]
    if any((b is None) != ("MemTotal" not in totals) for b in boots):
        raise SystemExit(f"{case}: expected to boot just when the recorded kernel did")
    return release, totals, zones, boots


def summary(name, all_errors):
    total, *others = zip(*all_errors)
    return row(name, len(total), f"{statistics.median(total):.3f} %", f"{max(total):.3f} %",
               *(f"{max(other):.3f} %" for other in others))


def tables(tool, cases):
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda case: one(tool, case), cases))
    told, alone, lines, widths, inside = [], [], "", [], 0
    for case, (release, totals, zones, (own, by_release, by_version)) in zip(cases, results):
        if own is None:
            continue
        told.append(errors(own, totals, zones))
        alone.append(errors(by_release, totals, zones))
        bounds, real = by_version["totals"], totals["MemTotal"]
        low, high = bounds["mem_total_low_kib"], bounds["mem_total_high_kib"]
        widths.append(100 * 1024 * (high - low) / bounds["ram_bytes"])
        inside += low <= real <= high
        lines += row(case.name, release, real, own["totals"]["mem_total_kib"], f"{told[-1][0]:.3f}", f"{alone[-1][0]:.3f}",
                     f"{told[-1][3]:.3f}", f"{low} to {high}", f"{widths[-1]:.2f}")
    text = row("what is told of the kernel", "boots", "MemTotal, median error", "worst", "CmaTotal, worst", "HighTotal, worst",
               "a zone's managed pages, worst") + "|---" + "|---:" * 6 + "|\n"
    text += summary("kernel.txt: link addresses and configuration", told) + summary("its release alone", alone)
    narrow = sum(width <= BUDGET_WIDTH for width in widths)
    text += f"\nTold no more than `--kernel {VERSION}`, the interval has the truth in {inside} of {len(widths)} boots; it is "
    text += f"{statistics.median(widths):.2f} % of RAM wide (median), and at most {BUDGET_WIDTH} % in {narrow}.\n\n"
    text += row("boot", "kernel", "MemTotal, kB", "predicted", "error, %", "by release, %", "zones, %", f"by {VERSION}", "width, %")
    return text + "|---|---" + "|---:" * 7 + "|\n" + lines


def from_files(tool, corpus, kernels):
    """The line for kernels that are told by their files."""
    found = []
    for case in sorted(path.parent for path in corpus.glob("*/case.json")):
        totals, zones = shown(case)
        release = re.search(r"^release=(.*)$", (case / "kernel.txt").read_text(), re.M)[1]
        files = [next(kernels.rglob(f"{name}-{release}"), None) for name in ("vmlinuz", "config")]
        if None in files:
            raise SystemExit(f"{kernels}: expected vmlinuz-{release} and config-{release} below it")
        booted = boot(tool, case, "--kernel", str(files[0]), "--config", str(files[1]))
        if booted is not None and "MemTotal" in totals:
            found.append(errors(booted, totals, zones))
    return summary("its vmlinuz and config", found)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(from_files(sys.argv[1], *map(pathlib.Path, sys.argv[2:])), end="")
