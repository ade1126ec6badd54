"""Faults of Linux 6.1: as Linux they are there and named, natively they are not."""
import json

from cli_harness import CORPUS, boot, report

# The machine, and how the fault's name begins.
BUGS = [("arm64-uefi-numa4", "memory of no node makes the kernel refuse every node"),
        ("arm64-hugetlb-cma", "a contiguous area that spans zones"),
        ("armhf-lpae-cma", "an area found in high memory is forgotten"),
        ("armhf-nolpae-5g", "the last page below 4 GiB is lost")]


def booted(case, *options):
    status, out, err = boot(f"{CORPUS}/{case}", "--format", "json", *options)
    return (json.loads(out), "") if status == 0 else (None, f"exit status {status}: {err.decode(errors='replace')}")


def reserved_bytes(j):
    return sum(region["size"] for region in j["memblock"]["reserved"])


def fault_problem(case, name):
    linux, why = booted(case)
    native, other = booted(case, "--native") if linux else (None, "")
    if not linux or not native:
        return why or other
    if not any(bug["what"].startswith(name) for bug in linux.get("linux_bugs", [])):
        return f"not named: {linux.get('linux_bugs')}"
    if "linux_bugs" in native:
        return f"there natively: {native['linux_bugs']}"
    status, out, _ = boot(f"{CORPUS}/{case}")
    if status != 0 or f"bug of Linux 6.1: {name}".encode() not in out:
        return "not named in the text"
    return ""


def effect_problem():
    """What each fault costs, on the same machine without it."""
    linux, native = (booted("arm64-uefi-numa4", *options)[0] for options in ([], ["--native"]))
    if (len(linux["nodes"]), len(native["nodes"])) != (1, 4):
        return "arm64-uefi-numa4: nodes"
    linux, native = (booted("armhf-nolpae-5g", *options)[0] for options in ([], ["--native"]))
    ends = [max(r["base"] + r["size"] for r in j["memblock"]["memory"]) for j in (linux, native)]
    if ends[0] >= 1 << 32 or ends[1] != 1 << 32:
        return f"armhf-nolpae-5g: memory ends at {ends}"
    linux, native = (booted("arm64-hugetlb-cma", *options)[0] for options in ([], ["--native"]))
    pages = [sum(zone["cma_pages"] for node in j["nodes"] for zone in node["zones"]) for j in (linux, native)]
    if pages[0] >= pages[1]:
        return f"arm64-hugetlb-cma: areas have {pages} pages"
    return ""


def check_bugs():
    for case, name in BUGS:
        report(f"the fault of {case} is Linux's alone", fault_problem(case, name))
    report("what the faults cost is there natively", effect_problem())
    status, _, err = boot(f"{CORPUS}/x86-srat-orphan")
    problem = "" if status == 4 and b"belongs to no node" in err else f"exit status {status}: {err}"
    report("memory of no node stops Linux", problem)
    native, why = booted("x86-srat-orphan", "--native")
    report("memory of no node is some node's natively", why)
