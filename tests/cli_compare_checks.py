"""quarry compare: its statuses, last line and JSON, and logs that were tampered with."""
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

from cli_harness import CORPUS, log, refused, report, tool
from cli_schema import mismatch
from cli_tree_checks import tree

COMPARISON = {
    "schema": str, "machine": str, "log": str, "release": str, "arch": str,
    "total": {"agree": int, "differ": int, "unknown": int},
    "quantities": [{"kind": str, "name": str, "verdict": str, "quarry": (str, None), "linux": (str, None),
                    "reason": (str, None)}],
    "notes": [str],
}


def last_line_problem(text, total=None):
    import re
    line = text.decode().splitlines()[-1]
    found = re.fullmatch(r"compare: agree (\d+) of (\d+) \((\d+) unknown\)", line)
    if not found:
        return f"the last line is {line!r}"
    agree, known, unknown = map(int, found.groups())
    if total and (agree, known - agree, unknown) != (total["agree"], total["differ"], total["unknown"]):
        return f"{line!r} is not {total}"
    return "" if agree <= known else f"{line!r} agrees in more than is known"


def comparison_problem(case):
    status, out, err = tool("compare", case, "--format", "json")
    if status not in (0, 1) or err:
        return f"exit status {status}: {err.decode(errors='replace').strip()}"
    j = json.loads(out)
    kinds = j.pop("kinds")
    problem = mismatch(j, COMPARISON)
    if problem:
        return problem
    count = lambda verdict, kind=None: sum(q["verdict"] == verdict and kind in (None, q["kind"]) for q in j["quantities"])
    if any(j["total"][verdict] != count(verdict) for verdict in j["total"]):
        return f"the total is {j['total']}"
    if any(counts != {v: count(v, kind) for v in counts} for kind, counts in kinds.items()):
        return "the kinds do not add up"
    if (status == 1) != (count("differ") != 0):
        return f"exit status {status} with {count('differ')} differences"
    if any((q["verdict"] == "differ") != (q["reason"] is not None) for q in j["quantities"]):
        return "a difference without a reason, or a reason without a difference"
    if any(q["verdict"] == "agree" and q["quarry"] != q["linux"] for q in j["quantities"]):
        return "two values that differ agree"
    if any(q["verdict"] == "unknown" and q["linux"] is not None for q in j["quantities"]):
        return "a value that is shown is unknown"
    again, text, err = tool("compare", case, "-v")
    if again != status or err or b"\x1b" in text:
        return f"as text: exit status {again}, {err!r}, or colours in a pipe"
    if tool("compare", case, "-q")[1].count(b"\n") != 1:
        return "-q prints more than the last line"
    return last_line_problem(text, j["total"])


def check_comparisons():
    cases = sorted(d.path for d in os.scandir(CORPUS) if os.path.exists(d.path + "/case.json"))
    wanted = [c for i, c in enumerate(cases) if i % 6 == 0 or c.endswith("x86-srat-orphan")]
    with ThreadPoolExecutor(2) as pool:
        for case, problem in zip(wanted, pool.map(comparison_problem, wanted)):
            report(f"compare {os.path.basename(case)}", problem)


def check_compare():
    case = os.path.join(CORPUS, "x86-pc-1g")
    text = open(case + "/dmesg.txt", "rb").read()
    # A boot log by itself, and the lines that nothing of Linux's own allocations goes into.
    lines = [line for line in text.splitlines(True)
             if not any(word in line for word in (b"Memory: ", b"hash table", b"percpu", b"memblock"))]
    plain = b"".join(lines)
    status, out, err = tool("compare", "-", stdin=plain)
    report("compare of a log on standard input", f"exit status {status}: {err}{out[-400:]}" if status else last_line_problem(out))
    status, out, _ = tool("compare", "-", stdin=plain.replace(b"Total pages: 25", b"Total pages: 26"))
    problem = "" if status == 1 and b"total pages" in out else f"exit status {status}, or the number is not named"
    report("compare of a log with a changed number", problem or last_line_problem(out))
    status, out, _ = tool("compare", "-", "--kind", "zones", stdin=plain.replace(b"Total pages: 25", b"Total pages: 26"))
    report("compare --kind leaves other kinds out", "" if status == 0 else f"exit status {status}")
    status, out, _ = tool("compare", case, "-", stdin=plain)
    report("compare of a machine and a log", "" if status == 0 else f"exit status {status}: {out[-300:]}")
    inputs = b"".join(line for line in lines if b"BIOS-e820" in line or b"Linux version" in line)
    status, out, _ = tool("compare", case, "-", stdin=inputs)
    words = out.decode().split()[-6:]
    problem = "" if status == 0 and int(words[-2].strip("(")) > 40 else f"exit status {status}: {words}"
    report("compare: what a log does not show is unknown", problem)
    with tempfile.TemporaryDirectory() as folder:
        file = folder + "/out.json"
        status = tool("compare", case, "--format", "json", "-o", file)[0]
        report("compare -o", "" if status in (0, 1) and json.load(open(file))["schema"] == "quarry.compare/1" else "no file")
        refused("compare of a directory without a case", 2, ["case.json"], tool("compare", folder))
    refused("compare without a log", 2, ["--help"], tool("compare"))
    refused("compare of nothing", 2, ["cannot be read"], tool("compare", "no-such-log"))
    refused("compare of no machine", 2, ["no-such-machine"], tool("compare", "no-such-machine", case))
    refused("compare --kind of no kind", 2, ["memblock.reserved"], tool("compare", case, "--kind", "weather"))
    refused("compare -q -v", 2, ["-q"], tool("compare", case, "-q", "-v"))
    refused("compare of a tree as log", 3, ["boot log"], tool("compare", "-", stdin=tree((0x40000000, 0x10000000))))
    refused("compare of a log without a map", 3, ["map"], tool("compare", "-", stdin=b"".join(
        line for line in lines if b"BIOS-e820" not in line)))
    small = log([(0x100000, 0x200000, "usable")], ["Zone ranges:", "  DMA      [mem 0x0000000000100000-0x00000000001fffff]"])
    refused("compare of a machine that cannot boot", 4, ["cannot boot", "largest hole"], tool("compare", "-", stdin=small))
    status, out, _ = tool("compare", "-", stdin=small + b"[    0.000000] Kernel panic - not syncing\n")
    report("compare of a machine on which neither boots", "" if b"agree " in out and status in (0, 1) else f"status {status}")
    report("compare --color always", "" if b"\x1b[" in tool("compare", case, "--color", "always")[1] else "there are none")
    for size in range(0, len(text), len(text) // 40):
        status, _, err = tool("compare", case, "-", stdin=text[:size])
        if status not in (0, 1, 3) or err.count(b"\n") != (status == 3):
            report("compare of a log that breaks off", f"of {size} bytes: exit status {status}, {err[:200]}")
            return
    report("compare of a log that breaks off", "")
