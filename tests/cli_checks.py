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

sys.dont_write_bytecode = True
from cli_board_log_checks import check_board_logs
from cli_bug_checks import check_bugs
from cli_compare_checks import check_compare, check_comparisons
from cli_diff_checks import check_diff
from cli_harness import BUILTINS, CORPUS, TOOL, boot, log, refused, report
from cli_kernel_checks import check_kernels
from cli_qemu_checks import check_qemu
from cli_schema import BOOTMEM, BOUNDS, LINUX_BUGS, SCHEMA
from cli_schema import bootmem_problem, bounds_problem, ledger_problem, mismatch, nodes_problem, owners_problem, replay_problem, timeline_problem
from cli_shell_checks import check_shell
from cli_tree_checks import check_trees
from cli_where_checks import check_where


def machine_problem(machine, *options):
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as events:
        status, out, err = boot(machine, "--format", "json", "--observe", events.name, *options)
        if status != 0 or err:
            return f"exit status {status}: {err.decode(errors='replace').strip()}"
        j = json.loads(out)
        lines = open(events.name, encoding="utf-8").read()
    if j.get("schema") != "quarry.boot/1":
        return "no quarry.boot/1"
    schema = dict(SCHEMA)
    if "bootmem" in options:
        schema["bootmem"] = BOOTMEM
    if "mem_total_bounds" in j:
        schema["mem_total_bounds"] = BOUNDS
    if "linux_bugs" in j:
        schema["linux_bugs"] = LINUX_BUGS
    return (mismatch(j, schema) or (bootmem_problem(j) if "bootmem" in options else None) or ledger_problem(j)
            or bounds_problem(j) or nodes_problem(j) or owners_problem(j) or replay_problem(j, lines) or timeline_problem(j))


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
            elif seconds > 20 or mib > 200:  # what grows with the memory itself would take minutes
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


check_kernels()
check_machines()
check_bootmem()
check_bugs()
check_trees()
check_board_logs()
check_qemu()
check_large()
check_terminal()
check_comparisons()
check_compare()
check_diff()
check_shell()
check_where()
