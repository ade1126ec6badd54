"""quarry diff: each pair of recorded boots that differ in one thing, sums, what the two sides may be, and refusals."""
import itertools
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

from cli_harness import CORPUS, log, refused, report, tool
from cli_schema import mismatch
from cli_tree_checks import tree

CHANGE = {
    "mem_total_kib": "change", "cma_total_kib": "change", "high_total_kib": "change", "ram_bytes": "change",
    "zones": [{"zone": str, "managed_pages": "change"}], "ledger": [{"owner": str, "bytes": "change"}],
}
HELD = {"a": int, "b": int, "change": "change"}
SIDE = {"name": str, "source": str, "arch": str, "kernel": str, "cmdline": str, "notes": [str]}
DIFF = {
    "schema": str, "a": SIDE, "b": SIDE,
    "totals": {"mem_total_kib": HELD, "cma_total_kib": HELD, "high_total_kib": HELD, "ram_bytes": HELD},
    "zones": [{"zone": str, **HELD}], "ledger": [{"owner": str, **HELD}],
    "causes": [{"differences": [{"kind": str, "what": str, "a": str, "b": str}], "alone": bool, "change": CHANGE}],
    "together": CHANGE, "unexplained": CHANGE,
    "real": [{"name": str, "a_kib": int, "b_kib": int, "change_kib": "change", "predicted_kib": "change",
              "unexplained_kib": "change"}],
}

# What the recorder changes by a key of case.json, as the tool calls it. "qemu" is a switch that no kernel sees.
KINDS = {
    "memory": {"memory"}, "e820": {"memory"}, "machine": {"memory"}, "cmdline": {"command line"}, "numa": {"numa"},
    "srat": {"numa"}, "smp": {"processors"}, "boot": {"tree"}, "dt": {"memory", "reserved", "tree"}, "qemu": set(),
}


def diff(*words, stdin=b""):
    return tool("diff", *words, stdin=stdin)


def parsed(*words, stdin=b""):
    status, out, err = diff(*words, "--format", "json", stdin=stdin)
    return (json.loads(out), "") if status == 0 and not err else (None, f"exit status {status}: {err[:200]!r}")


def sums_problem(j):
    """All shares together are the change, quantity by quantity; and a ledger's sum is its RAM."""
    shares = [cause["change"] for cause in j["causes"]] + [j["together"], j["unexplained"]]
    for name, total in j["totals"].items():
        if sum(share[name] for share in shares) != total["change"] or total["b"] - total["a"] != total["change"]:
            return f"the shares of {name} do not add up to {total}"
    for table, key, amount in (("ledger", "owner", "bytes"), ("zones", "zone", "managed_pages")):
        for line in j[table]:
            share = sum(entry[amount] for s in shares for entry in s[table] if entry[key] == line[key])
            if share != line["change"]:
                return f"the shares of {line} are {share}"
    for side in ("a", "b"):
        if sum(line[side] for line in j["ledger"]) != j["totals"]["ram_bytes"][side]:
            return "the ledger's sum is not the RAM"
    weights = [abs(cause["change"]["mem_total_kib"]) for cause in j["causes"]]
    return "" if weights == sorted(weights, reverse=True) else "the largest is not first"


def pair_problem(pair):
    a, b, thing = pair
    j, problem = parsed(a, b)
    problem = problem or mismatch(j, DIFF) or sums_problem(j)
    if problem:
        return problem
    left = j["unexplained"]
    if any(left.values()):
        return f"unexplained: {left}"
    if not any(real["name"] == "MemTotal" for real in j["real"]) or any(real["unexplained_kib"] for real in j["real"]):
        return f"the real kernels' change is not explained: {j['real']}"
    first = j["causes"][0]["differences"][0]["kind"] if j["causes"] else None
    if first is None and not KINDS[thing]:
        return ""
    return "" if first in KINDS[thing] else f"differs in {thing}, and {first} is named first"


def pairs():
    cases = {}
    for name in sorted(os.listdir(CORPUS)):
        path = os.path.join(CORPUS, name, "case.json")
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                cases[os.path.join(CORPUS, name)] = {k: v for k, v in json.load(file).items() if k not in ("name", "about")}
    for a, b in itertools.combinations(cases, 2):
        keys = [k for k in cases[a].keys() | cases[b].keys() if cases[a].get(k) != cases[b].get(k)]
        if len(keys) == 1 and keys[0] != "arch":
            yield a, b, keys[0]


def check_pairs():
    found = list(pairs())
    with ThreadPoolExecutor() as pool:
        problems = dict(zip(found, pool.map(pair_problem, found)))
    for thing in sorted({pair[2] for pair in found}):
        of_thing = {pair: problem for pair, problem in problems.items() if pair[2] == thing}
        bad = [f"{os.path.basename(a)} {os.path.basename(b)}: {text}" for (a, b, _), text in of_thing.items() if text]
        report(f"diff of {len(of_thing)} pairs that differ in {thing}", "; ".join(bad[:3]))
    report("diff has some hundred pairs", "" if len(found) >= 250 else f"only {len(found)}")


def first_of(name, words, what, mem_total=None, stdin=b""):
    """The first cause is that difference, and changes MemTotal so."""
    j, problem = parsed(*words, stdin=stdin)
    problem = problem or mismatch(j, DIFF) or sums_problem(j)
    if not problem and not j["causes"]:
        problem = "there is no cause"
    if not problem:
        first = j["causes"][0]
        if first["differences"][0]["what"] != what:
            problem = f"the first is {first['differences'][0]['what']!r}"
        elif mem_total is not None and first["change"]["mem_total_kib"] != mem_total:
            problem = f"MemTotal changes by {first['change']['mem_total_kib']}"
        elif any(j["unexplained"].values()):
            problem = "something is unexplained"
    report(name, problem)
    return j


def check_sides(work):
    first_of("a word more on the command line", ("pc-2g", "--append-b", "crashkernel=256M"), "crashkernel=256M", -262144)
    first_of("a command line as B", ("pc-2g", "crashkernel=256M quiet"), "crashkernel=256M", -262144)
    first_of("two command lines", ("mem=1G", "mem=512M"), "mem")
    line = os.path.join(work, "cmdline")
    with open(line, "w", encoding="ascii") as file:
        file.write("crashkernel=256M\n")
    first_of("a file of one line", ("pc-2g", line), "crashkernel=256M", -262144)
    first_of("--cpus-b", ("pc-2g", "--cpus-b", "8"), "number of processors")
    first_of("--cmdline of both, --cmdline-b of one", ("pc-2g", "--cmdline", "nokaslr", "--cmdline-b", "nokaslr cma=64M"), "cma=64M")
    kernel = os.path.join(work, "kernel.toml")
    release = parsed("pc-2g", "pc-2g")[0]["a"]["kernel"]
    with open(kernel, "w", encoding="ascii") as file:
        file.write(f'arch = "x86_64"\nrelease = "{release}"\n[sizes]\npage = 128\n')
    j = first_of("a kernel as B", ("pc-2g", kernel), "sizes of the kernel's structures")
    descriptors = [line["change"] for line in j["ledger"] if line["owner"] == "page descriptors"] if j else []
    report("a kernel's larger struct page", "" if descriptors == [33554432] else f"page descriptors change by {descriptors}")
    first_of("--kernel-b", ("pc-2g", "--kernel-b", kernel), "sizes of the kernel's structures")
    arm = os.path.join(work, "arm64.toml")
    with open(arm, "w", encoding="ascii") as file:
        file.write('arch = "arm64"\n')
    j, problem = parsed(arm, "mem=1G")
    report("a kernel of arm64 beside a line", problem or ("" if j["b"]["name"].startswith("arm64-virt-8g") else j["b"]["name"]))


def check_logs_and_trees(work):
    small = log([(0x1000, 0x9f000, "usable"), (0x100000, 0x20000000, "usable")])
    large = log([(0x1000, 0x9f000, "usable"), (0x100000, 0x18000000, "usable"), (0x18000000, 0x20000000, "reserved")])
    paths = [os.path.join(work, name) for name in ("small.txt", "large.txt")]
    for path, text in zip(paths, (small, large)):
        with open(path, "wb") as file:
            file.write(text)
    first_of("two logs", paths, "[mem 0x18000000-0x1fffffff]")
    first_of("a log and standard input", (paths[0], "-"), "[mem 0x18000000-0x1fffffff]", stdin=large)
    j, problem = parsed(paths[0], paths[0])
    report("a log and itself", problem or ("" if not j["causes"] and not j["totals"]["mem_total_kib"]["change"] else "they differ"))
    status, out, err = diff(*paths)
    lines = out.decode().splitlines()
    text = "" if status == 0 and not err and any(line.startswith("MemTotal ") for line in lines) else f"{status} {err!r}"
    report("the text leads with MemTotal", text or ("" if lines[2].startswith("MemTotal ") else lines[2]))
    report("the text says unexplained", "" if any(line.split()[:2] == ["0", "KiB"] and line.endswith("unexplained") for line in lines)
           else "no such line")
    report("no colours in a pipe", "" if b"\x1b" not in out else "there are")
    report("no trailing blanks", "" if not any(line != line.rstrip() for line in lines) else "there are")
    status, quiet, _ = diff(*paths, "-q")
    report("-q is shorter", "" if status == 0 and 0 < quiet.count(b"\n") < out.count(b"\n") else f"{status}")
    blob = os.path.join(work, "board.dtb")
    with open(blob, "wb") as file:
        file.write(tree((0x40000000, 0x20000000)))
    j, problem = parsed(blob, "--memory-b", "0x80000000+1G", "--append-a", "quiet")
    report("a tree, with more memory on one side", problem or sums_problem(j) or
           ("" if j["causes"][0]["differences"][0]["what"] == "--memory" else str(j["causes"][0])))


def check_refusals(work):
    refused("diff without B", 2, ("B is missing",), diff("pc-2g"))
    refused("diff without anything", 2, ("A",), diff())
    refused("diff - -", 2, ("one side only",), diff("-", "-"))
    refused("diff of no such file", 2, ("no-such-file",), diff("pc-2g", "no-such-file"))
    refused("diff of a directory without a case", 2, ("case.json",), diff("pc-2g", "/"))
    refused("--cpus-b 0", 2, ("--cpus-b 0", "expected"), diff("pc-2g", "--cpus-b", "0"))
    refused("--memory-a 12", 2, ("--memory-a", "BASE+SIZE"), diff("pc-2g", "--memory-a", "12"))
    refused("--config-b alone", 2, ("--config-b", "--kernel"), diff("pc-2g", "--config-b", "/dev/null"))
    refused("-q and -v", 2, ("--quiet",), diff("pc-2g", "a=b", "-q", "-v"))
    refused("--format xml", 2, ("text or json",), diff("pc-2g", "a=b", "--format", "xml"))
    refused("a machine that cannot boot", 4, ("cannot boot",), diff("pc-2g", "--append-b", "mem=1M"))
    empty = os.path.join(work, "empty")
    with open(empty, "wb"):
        pass
    refused("an empty file", 3, ("empty",), diff("pc-2g", empty))
    target = os.path.join(work, "no", "such", "place")
    refused("-o to nowhere", 2, (target,), diff("pc-2g", "a=b", "-o", target))


def check_diff():
    with tempfile.TemporaryDirectory() as work:
        check_sides(work)
        check_logs_and_trees(work)
        check_refusals(work)
    check_pairs()
