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
                  or line["owner"].endswith(", given back") or line["owner"].startswith("CMA area "))
    if managed != 1024 * j["totals"]["mem_total_kib"]:
        return f"free, given back and contiguous are {managed} bytes, MemTotal is {j['totals']['mem_total_kib']} KiB"
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


def machine_problem(machine, *options):
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as events:
        status, out, err = boot(machine, "--format", "json", "--observe", events.name, *options)
        if status != 0 or err:
            return f"exit status {status}: {err.decode(errors='replace').strip()}"
        j = json.loads(out)
        lines = open(events.name, encoding="utf-8").read()
    if j.get("schema") != "quarry.boot/1":
        return "no quarry.boot/1"
    return mismatch(j, SCHEMA) or ledger_problem(j) or nodes_problem(j) or owners_problem(j) or replay_problem(j, lines)


def check_machines():
    cases = sorted(d.path for d in os.scandir(CORPUS) if os.path.exists(d.path + "/case.json"))
    # Linux 6.1 panics on memory that no node has.
    fit = [c for c in cases if os.path.basename(c) != "x86-srat-orphan"]
    wanted = [(m, ()) for m in BUILTINS + fit] + [(m, ("--native",)) for m in BUILTINS + fit[::9]]
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


check_machines()
check_trees()
check_large()
check_terminal()
