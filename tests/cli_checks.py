#!/usr/bin/env python3
"""cli_checks.py TOOL CORPUS: what the quarry command writes, held against its contract.

A line `ok NAME` or `FAIL NAME: why` for each check; cli_test.sh counts them.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOOL, CORPUS = sys.argv[1:3]
EXACT = 1 << 53
BUILTINS = ["pc-2g", "numa-8n", "arm64-virt-8g", "arm-highmem-2g", "arm64-reserved"]


def report(name, problem):
    print(f"FAIL {name}: {problem}" if problem else f"ok {name}")


def boot(*words, stdin=b"", env=None):
    environment = dict(os.environ, **(env or {}))
    done = subprocess.run([TOOL, "boot", *words], input=stdin, capture_output=True, timeout=60, env=environment)
    return done.returncode, done.stdout, done.stderr


# --- quarry.boot/1 ------------------------------------------------------------------------------------------
# A type is a schema: a list of one is an array, a dict an object with just these keys, a tuple a row.

REGION = {"base": int, "size": int, "flags": [str], "node": (int, None)}
RESOURCE = {"base": int, "end": int, "name": str}
RESOURCE["children"] = [RESOURCE]
SCHEMA = {
    "schema": str,
    "machine": {"arch": str, "page_size": int, "cmdline": str, "cpus": int},
    "firmware": [{"base": int, "size": int, "type": str, "source": str}],
    "memblock": {"memory": [REGION], "reserved": [dict(REGION, owner=str)]},
    "nodes": [{
        "id": int, "start_pfn": int, "spanned_pages": int, "present_pages": int, "distances": [int], "fallback": [int],
        "zonelist": ["zoneref"],
        "zones": [{"name": str, "start_pfn": int, "spanned_pages": int, "present_pages": int, "managed_pages": int,
                   "cma_pages": int, "free_area": [int], "free_area_handover": [int]}]}],
    "reserved_memory": [{"name": str, "base": int, "size": int, "flags": [str], "status": str}],
    "cma": [{"name": str, "base": int, "size": int, "default": bool}],
    "crashkernel": [{"base": int, "size": int}],
    "iomem": [RESOURCE],
    "ledger": [{"owner": str, "bytes": int}],
    "totals": {"ram_bytes": int, "mem_total_kib": int, "cma_total_kib": int, "high_total_kib": int},
}


BOOTMEM = {
    "nodes": [{"id": int, "start_pfn": int, "end_pfn": int, "map_pfn": int, "map_bytes": int, "free_pages": int,
               "reserved_pages": int, "last_end_off": int, "hint_idx": int}],
    "released_pages": int, "bitmap_pages": int, "lost_pages": int, "blocks": int}


def mismatch(value, schema, at="$"):
    """The first place where a value is not of its schema; empty: it is."""
    if schema == "zoneref":
        fits = isinstance(value, list) and len(value) == 2 and type(value[0]) is int and type(value[1]) is str
        return "" if fits else f"{at} is no [node, zone]"
    if isinstance(schema, tuple):
        fits = value is None if value is None else type(value) is schema[0]
        return "" if fits else f"{at} is {value!r}"
    if isinstance(schema, list):
        if not isinstance(value, list):
            return f"{at} is no array"
        return next(filter(None, (mismatch(v, schema[0], f"{at}[{i}]") for i, v in enumerate(value))), "")
    if isinstance(schema, dict):
        if not isinstance(value, dict) or list(value) != list(schema):
            return f"{at} has the keys {list(value) if isinstance(value, dict) else value!r}"
        return next(filter(None, (mismatch(value[k], s, f"{at}.{k}") for k, s in schema.items())), "")
    if type(value) is not schema:
        return f"{at} is {value!r}, no {schema.__name__}"
    return f"{at} is {value}, not below 2^53" if schema is int and not 0 <= value < EXACT else ""


# --- Laws ---------------------------------------------------------------------------------------------------

def ledger_problem(j):
    total = sum(line["bytes"] for line in j["ledger"])
    if total != j["totals"]["ram_bytes"]:
        return f"the ledger adds up to {total} of {j['totals']['ram_bytes']} bytes of RAM"
    if any(a["bytes"] < b["bytes"] for a, b in zip(j["ledger"], j["ledger"][1:])):
        return "the ledger is not sorted by size"
    managed = sum(line["bytes"] for line in j["ledger"] if line["owner"] == "free"
                  or line["owner"].endswith(", given back") or line["owner"].startswith("CMA area ")
                  or line["owner"] == "gigantic pages")  # managed, and in use from the start
    if managed != 1024 * j["totals"]["mem_total_kib"]:
        return f"free, given back, contiguous and gigantic are {managed} bytes, MemTotal is {j['totals']['mem_total_kib']} KiB"
    return ""


def nodes_problem(j):
    pages = sum(z["managed_pages"] for n in j["nodes"] for z in n["zones"])
    if pages * (j["machine"]["page_size"] // 1024) != j["totals"]["mem_total_kib"]:
        return f"{pages} managed pages are not MemTotal"
    for node in j["nodes"]:
        if node["present_pages"] != sum(z["present_pages"] for z in node["zones"]):
            return f"node {node['id']} has not the pages of its zones"
        if node["fallback"] and node["fallback"][0] != node["id"] and node["present_pages"]:
            return f"node {node['id']} does not ask itself first"
        for zone in node["zones"]:
            blocks = lambda area: sum(count << order for order, count in enumerate(area))
            if blocks(zone["free_area"]) > zone["managed_pages"] or zone["managed_pages"] > zone["present_pages"] \
                    or zone["present_pages"] > zone["spanned_pages"]:
                return f"node {node['id']} {zone['name']}: free, managed, present, spanned do not ascend"
            if blocks(zone["free_area_handover"]) > zone["managed_pages"]:
                return f"node {node['id']} {zone['name']}: more was handed over than is managed"
    return ""


def runs(regions):
    joined = []
    for begin, end in sorted((r["base"], r["base"] + r["size"]) for r in regions if r["size"]):
        if joined and joined[-1][1] >= begin:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([begin, end])
    return joined


def without(pieces, begin, end):
    left = []
    for b, e in pieces:
        left += [p for p in ([b, min(e, begin)], [max(b, end), e]) if p[0] < p[1]]
    return left


def replay_problem(j, lines):
    """The events, applied in order to nothing, make the tables that memblock has in the end."""
    tables = {"reserved": [], "memory": []}
    puts = {"reserve": "reserved", "alloc": "reserved", "grow": "reserved", "add": "memory"}
    takes = {"free": "reserved", "remove": "memory"}
    for line in lines.splitlines():
        event = json.loads(line)
        if event.get("allocator") == "bootmem":
            continue
        begin, end = event["base"], event["base"] + event["size"]
        if event["action"] in puts:
            tables[puts[event["action"]]].append([begin, end])
        elif event["action"] in takes:
            table = takes[event["action"]]
            tables[table] = without(tables[table], begin, end)
    for name, pieces in tables.items():
        got = runs([{"base": b, "size": e - b} for b, e in pieces])
        if got != runs(j["memblock"][name]):
            return f"the events make another memblock.{name}"
    return ""


def owners_problem(j):
    nobody = [hex(r["base"]) for r in j["memblock"]["reserved"] if not r["owner"]]
    return f"nobody owns the reserved regions at {', '.join(nobody)}" if nobody else ""


def bootmem_problem(j):
    b, shift = j["bootmem"], j["machine"]["page_size"]
    if b["released_pages"] != sum(n["free_pages"] for n in b["nodes"]) - b["lost_pages"] + b["bitmap_pages"]:
        return "what was handed over is not what was free, less what was lost, and the bitmaps"
    for n in b["nodes"]:
        pages = n["end_pfn"] - n["start_pfn"]
        if n["free_pages"] + n["reserved_pages"] != pages:
            return f"node {n['id']}: free and reserved are not its pages"
        if n["map_bytes"] < pages / 8 or n["hint_idx"] > pages or n["last_end_off"] > pages * shift:
            return f"node {n['id']}: bitmap, hint_idx and last_end_off do not fit it"
        if not any(r["base"] <= n["map_pfn"] * shift and n["map_pfn"] * shift + n["map_bytes"] <= r["base"] + r["size"]
                   and "bootmem bitmap" in r["owner"] for r in j["memblock"]["reserved"]):
            return f"node {n['id']}: memblock has not reserved its bitmap"
    owned = {line["owner"]: line["bytes"] for line in j["ledger"]}
    if owned.get("lost by bootmem", 0) != b["lost_pages"] * shift:
        return "the ledger has lost another number of pages"
    if owned.get("bootmem bitmap, given back", 0) != b["bitmap_pages"] * shift:
        return "the ledger has bitmaps of another size"
    return ""


def machine_problem(machine, *options):
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as events:
        status, out, err = boot(machine, "--format", "json", "--observe", events.name, *options)
        if status != 0 or err:
            return f"exit status {status}: {err.decode(errors='replace').strip()}"
        j = json.loads(out)
        lines = open(events.name, encoding="utf-8").read()
    if j.get("schema") != "quarry.boot/1":
        return "no quarry.boot/1"
    if "bootmem" in options:
        return (mismatch(j, dict(SCHEMA, bootmem=BOOTMEM)) or bootmem_problem(j) or ledger_problem(j)
                or nodes_problem(j) or owners_problem(j) or replay_problem(j, lines))
    return mismatch(j, SCHEMA) or ledger_problem(j) or nodes_problem(j) or owners_problem(j) or replay_problem(j, lines)


def check_machines():
    cases = sorted(d.path for d in os.scandir(CORPUS) if os.path.exists(d.path + "/case.json"))
    # Linux 6.1 panics on memory that no node has.
    fit = [c for c in cases if os.path.basename(c) != "x86-srat-orphan"]
    wanted = [(m, ()) for m in BUILTINS + fit] + [(m, ("--native",)) for m in BUILTINS + fit[::9]]
    bootmem = ("--early", "bootmem")
    wanted += [(m, bootmem) for m in BUILTINS + fit[::4]]
    wanted += [(m, ("--native", *bootmem)) for m in BUILTINS]
    with ThreadPoolExecutor(2) as pool:
        problems = pool.map(lambda w: machine_problem(w[0], *w[1]), wanted)
        for (machine, options), problem in zip(wanted, problems):
            report(" ".join(["json", os.path.basename(machine), *options]), problem)
    report("the corpus is there", "" if len(cases) >= 100 else f"{len(cases)} cases in {CORPUS}")


# --- Malformed trees ----------------------------------------------------------------------------------------

def tree(memory=None, reservations=(), cpus="arm,cortex-a53", memory_name="memory"):
    """A flattened tree of version 17 with one cell for addresses and one for sizes."""
    strings, names = b"", {}

    def offset(name):
        nonlocal strings
        if name not in names:
            names[name] = len(strings)
            strings += name.encode() + b"\0"
        return names[name]

    def padded(data):
        return data + bytes(-len(data) % 4)

    def prop(name, value):
        return struct.pack(">III", 3, len(value), offset(name)) + padded(value)

    def node(name, *content):
        return struct.pack(">I", 1) + padded(name.encode() + b"\0") + b"".join(content) + struct.pack(">I", 2)

    cells = [prop("#address-cells", struct.pack(">I", 1)), prop("#size-cells", struct.pack(">I", 1))]
    content = cells + [prop("compatible", b"quarry,test\0")]
    content.append(node("cpus", prop("#address-cells", struct.pack(">I", 1)), prop("#size-cells", struct.pack(">I", 0)),
                        node("cpu@0", prop("device_type", b"cpu\0"), prop("compatible", cpus.encode() + b"\0"),
                             prop("reg", struct.pack(">I", 0)))))
    if memory is not None:
        content.append(node(memory_name, prop("device_type", b"memory\0"), prop("reg", struct.pack(">II", *memory))))
    if reservations:
        nodes = [node(f"{name}@{base:x}", prop("reg", struct.pack(">II", base, size)))
                 for name, base, size in reservations]
        content.append(node("reserved-memory", *cells, prop("ranges", b""), *nodes))
    structure = node("", *content) + struct.pack(">I", 9)
    at = 40 + 16
    total = at + len(structure) + len(strings)
    header = struct.pack(">10I", 0xD00DFEED, total, at, at + len(structure), 40, 17, 16, 0, len(strings), len(structure))
    return header + bytes(16) + structure + strings


def refused(name, status, words, got, *texts):
    code, out, err = got
    lines = err.decode(errors="replace").splitlines()
    problem = ""
    if code != status:
        problem = f"exit status {code}, not {status}: {lines[:1]}"
    elif out:
        problem = "something went to standard output"
    elif len(lines) != 1 or not lines[0].startswith("quarry: "):
        problem = f"not one line that begins with 'quarry: ': {lines[:3]}"
    elif any(text not in lines[0] for text in (*words, *texts)):
        problem = f"{lines[0]!r} does not say {words}"
    report(name, problem)


def check_bootmem():
    # Node 1 begins at frame 0x40001, so the hand-over sees one page of its last long; the other 59 are free.
    odd = log([(0, 0x9fc00, "usable"), (0x100000, 0x8003c000, "usable")],
              ["ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x40000fff]",
               "ACPI: SRAT: Node 1 PXM 1 [mem 0x40001000-0x8003bfff]"])
    status, out, err = boot("-", "--native", "--early", "bootmem", "--format", "json", stdin=odd)
    problem = f"status {status}: {err}"
    if status == 0:
        j = json.loads(out)
        lost = j["bootmem"]["lost_pages"]
        problem = bootmem_problem(j) or ledger_problem(j) or ("" if lost == 59 else f"{lost} pages are lost, not 59")
    report("a node off a long of its bitmap loses pages", problem)
    for machine in BUILTINS:
        usual, chosen = boot(machine, "--format", "json"), boot(machine, "--early", "memblock", "--format", "json")
        report(f"--early memblock is the default, {machine}", "" if usual == chosen else "it is another boot")
    steps = [boot("--flow", m, *w)[1].decode().splitlines() for m in BUILTINS for w in ((), ("--early", "bootmem"))]
    problem = ""
    for usual, chosen in zip(steps[::2], steps[1::2]):
        names = lambda lines: sorted(line.split(None, 1)[1] for line in lines if "init_bootmem_node" not in line)
        if names(usual) != names(chosen) or len(chosen) != len(usual) + 1:
            problem = f"{chosen}"
    report("--flow shows bootmem's step and no other", problem)
    early = boot("numa-8n", "--early", "bootmem", "--stage", "early")[1].decode()
    words = ("node  pfns", "last_end_off", "hint_idx", "0x160000-0x17ffff", "pages handed over in")
    missing = [word for word in words if word not in early]
    report("--stage early shows the bitmaps", f"without {missing}" if missing else "")


def check_trees():
    good = tree((0x40000000, 0x10000000))
    status, _, err = boot("-", "-q", stdin=good)
    report("a small tree boots", f"exit status {status}: {err}" if status else "")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda size: boot("-", "-q", stdin=good[:size]), range(len(good))))
    wrong = [i for i, (code, out, err) in enumerate(answers) if code != 3 or out or err.count(b"\n") != 1]
    report("every prefix of a tree is malformed", f"not of {wrong[:5]} bytes" if wrong else "")
    # One byte of the header or structure is another: an answer or one line of refusal, never a signal.
    with ThreadPoolExecutor(2) as pool:
        changed = lambda at: boot("-", "-q", stdin=good[:at] + bytes([good[at] ^ 0xA5]) + good[at + 1:])
        answers = list(pool.map(changed, range(0, len(good), 3)))
    wrong = [3 * i for i, (code, _, err) in enumerate(answers)
             if code not in (0, 3, 4) or err.count(b"\n") != (code != 0)]
    report("a tree with a wrong byte is answered or refused", f"not with byte {wrong[:5]}" if wrong else "")

    empty = tree(None)
    refused("a tree without memory", 3, ["--memory BASE+SIZE"], boot("-", stdin=empty))
    refused("a tree with memory of no size", 3, ["--memory BASE+SIZE"], boot("-", stdin=tree((0x40000000, 0))))
    status, out, err = boot("-", "--memory", "0x40000000+256M", "--format", "json", stdin=empty)
    problem = f"exit status {status}: {err}" if status else ""
    if not problem and json.loads(out)["memblock"]["memory"][0]["base"] != 0x40000000:
        problem = "the memory is elsewhere"
    report("a tree without memory boots with --memory", problem)
    refused("a megabyte of RAM", 4, ["cannot boot", "largest hole"], boot("-", stdin=tree((0x40000000, 1 << 20))))
    refused("a tree of riscv", 2, ["riscv64"], boot("-", stdin=tree((0x80000000, 1 << 28), cpus="sifive,u54\0riscv")))


# --- Large machines and terminals ---------------------------------------------------------------------------

def log(entries, more=()):
    lines = ["Linux version 6.1.0-1-amd64", "Command line: nokaslr", "BIOS-provided physical RAM map:"]
    lines += [f"BIOS-e820: [mem {begin:#018x}-{end - 1:#018x}] {kind}" for begin, end, kind in entries]
    return "\n".join(f"[    0.000000] {line}" for line in (*lines, *more)).encode() + b"\n"


def check_large():
    gib, tib = 1 << 30, 1 << 40
    low = [(0, 0x9fc00, "usable"), (0x100000, 3 * gib, "usable"), (3 * gib, 4 * gib, "reserved")]
    one = log(low + [(4 * gib, 64 * tib, "usable")])
    many = log(low + [(4 * gib, 64 * tib, "usable")],
               [f"ACPI: SRAT: Node {n} PXM {n} [mem {n * tib:#018x}-{(n + 1) * tib - 1:#018x}]" for n in range(64)])
    for name, machine in (("one node", one), ("64 nodes", many)):
        for options in ((), ("--native",)):
            with tempfile.TemporaryFile() as file:
                file.write(machine)
                file.seek(0)
                child = subprocess.Popen([TOOL, "boot", "-", "-q", *options], stdin=file, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE)
                err = child.stderr.read()
                _, status, usage = os.wait4(child.pid, 0)
            seconds, mib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10
            problem = ""
            if status != 0:
                problem = f"status {status}: {err.decode(errors='replace').strip()}"
            elif seconds > 2 or mib > 200:
                problem = f"{seconds:.2f} s of processor and {mib} MiB"
            report(" ".join(["64 TiB,", name, *options]), problem)
    tebibyte = log(low + [(4 * gib, tib, "usable")])
    for options in ((), ("--native",)):
        status, out, err = boot("-", "-q", "--early", "bootmem", *options, stdin=tebibyte)
        problem = f"status {status}: {err}" if status else ""
        if not problem and b"bootmem bitmap, given back" not in out:
            problem = "there are no bitmaps"
        report(" ".join(["1 TiB with bootmem", *options]), problem)
    hole = log([(0, 0x9fc00, "usable"), (0x100000, gib // 2, "usable"), (1 << 45, (1 << 45) + gib, "usable")])
    refused("a hole whose bitmap fits nowhere", 4, ["init_bootmem_node", "1073774592 bytes are needed", "largest hole"],
            boot("-", "--early", "bootmem", stdin=hole))
    far = log(low + [(1 << 49, (1 << 49) + 4 * gib, "usable")])
    refused("RAM beyond 46 bits, as Linux", 4, ["0x2000000000000", "beyond the addresses"], boot("-", stdin=far))
    status, _, err = boot("-", "-q", "--native", stdin=far)
    report("RAM beyond 46 bits, natively", f"exit status {status}: {err}" if status else "")


def on_terminal(columns, *words):
    import fcntl
    import termios
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LC_ALL")}
    child = subprocess.Popen([TOOL, "boot", *words], stdout=slave, env=dict(env, LC_ALL="C.UTF-8"))
    os.close(slave)
    data = b""
    try:
        while block := os.read(master, 65536):
            data += block
    except OSError:
        pass
    child.wait()
    os.close(master)
    return data.decode().replace("\r", "")


def check_terminal():
    import re
    for columns in (80, 100, 140):
        text = on_terminal(columns)
        report(f"colours on a terminal of {columns} columns", "" if "\x1b[31m" in text else "there are none")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
        # Above the first section stand our own lines; the kernel's texts are as wide as they are.
        ours = plain.split("\n── ")[0].splitlines()[3:] + plain.split("── where the RAM went")[1].splitlines()
        wide = [line for line in ours if len(line) > columns]
        report(f"nothing is wider than {columns} columns", f"{wide[0]!r}" if wide else "")
    status, out, _ = boot("pc-2g", env={"LC_ALL": "C", "COLUMNS": "80"})
    report("without UTF-8 all is ASCII", "" if status == 0 and out.isascii() else "it is not")
    report("no colours in a pipe", "ESC in it" if b"\x1b" in boot("pc-2g")[1] else "")
    report("--color always", "" if b"\x1b[" in boot("pc-2g", "--color", "always")[1] else "there are none")


# --- quarry compare -----------------------------------------------------------------------------------------

COMPARISON = {
    "schema": str, "machine": str, "log": str, "release": str, "arch": str,
    "total": {"agree": int, "differ": int, "unknown": int},
    "quantities": [{"kind": str, "name": str, "verdict": str, "quarry": (str, None), "linux": (str, None),
                    "reason": (str, None)}],
    "notes": [str],
}


def tool(*words, stdin=b""):
    done = subprocess.run([TOOL, *words], input=stdin, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


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


# --- --kernel, --config --------------------------------------------------------------------------------------

SYSTEM_MAP = """0000000000000000 D __per_cpu_start
0000000000034000 D __per_cpu_end
ffffffff81000000 T _text
ffffffff81000000 T _stext
ffffffff81000060 T secondary_startup_64
ffffffff81e01ef2 T _etext
ffffffff82000000 R __start_rodata
ffffffff82827000 R __end_rodata
ffffffff82a00000 D _sdata
ffffffff82c45e00 D _edata
ffffffff8301a000 D __init_begin
ffffffff832a7000 D __init_end
ffffffff832a7000 R __smp_locks
ffffffff832b0000 R __smp_locks_end
ffffffff832b1000 B __bss_start
ffffffff83800000 B __bss_stop
ffffffff83800000 B __brk_base
ffffffff83830000 B __brk_limit
ffffffff83830000 B _end
"""


def check_kernels():
    case = os.path.join(CORPUS, "x86-pc-2g")
    options = [line[7:] for line in open(case + "/kernel.txt", encoding="utf-8").read().splitlines()
               if line.startswith("config.")]
    with tempfile.TemporaryDirectory() as folder:
        def file(name, content):
            path = os.path.join(folder, name)
            with open(path, "wb") as out:
                out.write(content if isinstance(content, bytes) else content.encode())
            return path
        config = file("config", "".join(f"# {o[:-2]} is not set\n" if o.endswith("=n") else o + "\n" for o in options))
        real = file("System.map-6.1.0-56-cloud-amd64", SYSTEM_MAP)
        plain = boot(case, "--format", "json")[1]
        for words in ([real, "--config", config], [real]):
            got = boot(case, "--format", "json", "--kernel", *words)
            report(f"boot --kernel System.map {words[1:2]} is the case's own kernel",
                   "" if got[0] == 0 and got[1] == plain else f"exit status {got[0]}, {got[2][:200]}")
        text = boot(case, "--kernel", real)[1].decode()
        report("boot --kernel says what was read and what is assumed",
               "" if "a System.map of Linux 6.1.0-56-cloud-amd64" in text and "is assumed (--config)" in text else text[:300])
        moved = file("System.map", SYSTEM_MAP.replace("832a7000 D __init_end", "831a7000 D __init_end"))
        ledgers = [json.loads(boot(case, "--format", "json", "--kernel", f, "--config", config)[1])["ledger"] for f in (real, moved)]
        init = [[e["bytes"] for e in ledger if e["owner"].startswith("kernel init")] for ledger in ledgers]
        report("boot --kernel: less init memory is less given back",
               "" if init[0] and init[1] and init[0][0] - init[1][0] == 0x100000 else f"{init}")
        profile = file("p.toml", 'arch = "arm64"\nrelease = "6.1.0-mine"\n[sizes]\npage = 64\n')
        status, out, err = boot("arm64-virt-8g", "--kernel", profile, "-q")
        report("boot --kernel profile.toml", f"exit status {status}: {err}" if status else "")
        stub = file("System.map-6.1.0-1-amd64", "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n")
        refused("boot --kernel of a stub", 3, ["/usr/lib/debug/boot/System.map-6.1.0-1-amd64", "linux-image-6.1.0-1-amd64-dbg"],
                boot("--kernel", stub))
        refused("boot --kernel of another architecture", 2, ["a kernel of arm64", "x86_64"], boot("--kernel", profile))
        refused("boot --kernel of a directory", 2, ["--kernel", "cannot be read"], boot("--kernel", folder))
        refused("boot --kernel of no file", 2, ["--kernel", "cannot be read"], boot("--kernel", folder + "/none"))
        refused("boot --kernel of an empty file", 3, ["empty", "expected"], boot("--kernel", file("empty", "")))
        refused("boot --kernel of a log", 3, ["expected"], boot("--kernel", case + "/dmesg.txt"))
        refused("boot --kernel of a program", 3, ["expected"], boot("--kernel", TOOL))
        refused("boot --kernel of a TOML with a strange key", 3, ["line 2", "weather"],
                boot("--kernel", file("q.toml", 'arch = "arm64"\nweather = 1\n')))
        refused("boot --kernel of a configuration", 3, ["--config"],
                boot("--kernel", file("auto", "#\n# Automatically generated file; DO NOT EDIT.\n#\nCONFIG_NUMA=y\n")))
        refused("boot --config alone", 2, ["--kernel FILE"], boot("--config", config))
        refused("boot --config of no file", 2, ["--config", "cannot be read"], boot("--kernel", real, "--config", folder + "/none"))
        refused("boot --config of no configuration", 3, ["--config", "line 1"], boot("--kernel", real, "--config", real))
        refused("boot --config out of range", 3, ["CONFIG_NODES_SHIFT=99", "expected 0 to 10"],
                boot("--kernel", real, "--config", file("odd", "CONFIG_NODES_SHIFT=99\n")))


check_kernels()
check_machines()
check_bootmem()
check_trees()
check_large()
check_terminal()
check_comparisons()
check_compare()
