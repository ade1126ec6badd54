"""Command lines of QEMU as MACHINE: every command takes them, and a word that is not understood is one line."""
import json

from cli_harness import boot, refused, report, tool

NODES = ("qemu:-M q35 -m 64G -smp 8 -object memory-backend-ram,id=a,size=16G -object memory-backend-ram,id=b,size=48G "
         "-numa node,memdev=a -numa node,memdev=b -numa dist,src=0,dst=1,val=17")


def booted(*words):
    status, out, err = boot(*words, "--format", "json")
    return (json.loads(out), "") if status == 0 else (None, f"exit status {status}: {err.decode(errors='replace').strip()}")


def nodes_problem():
    made, problem = booted(NODES)
    if problem:
        return problem
    present = [node["present_pages"] << 12 for node in made["nodes"]]
    if [node["distances"] for node in made["nodes"]] != [[10, 17], [17, 10]]:
        return f"distances: {[node['distances'] for node in made['nodes']]}"
    if made["machine"]["cpus"] != 8 or present[1] != 48 << 30 or not 0 < (16 << 30) - present[0] < 1 << 20:
        return f"{made['machine']['cpus']} processors, nodes of {present}"
    return ""


def check_qemu():
    report("QEMU's nodes are those of its command line", nodes_problem())
    # The built-in machine was recorded with these options: the same map, and as much memory.
    (made, problem), (recorded, other) = booted("qemu:-m 2G -nodefaults"), booted("pc-2g")
    problem = problem or other
    if not problem and [e["base"] for e in made["firmware"]] != [e["base"] for e in recorded["firmware"]]:
        problem = "another map"
    report("QEMU's pc of 2 GiB has the map of pc-2g", problem)
    for program, arch in {"aarch64": "arm64", "arm": "arm", "riscv64": "riscv64"}.items():
        made, problem = booted(f"qemu-system-{program} -M virt -m 1G -append quiet")
        if not problem and (made["machine"]["arch"], made["machine"]["cmdline"]) != (arch, "quiet"):
            problem = f"{made['machine']}"
        report(f"QEMU's virt of {arch} boots", problem)
    for words in (["--native"], ["--early", "bootmem"], ["--stage", "zones"], ["--flow"]):
        status, _, err = boot("qemu:-M pc -m 3G -numa node,mem=1G -numa node,mem=2G", *words)
        report(f"QEMU's pc boots with {' '.join(words)}", f"exit status {status}: {err}" if status else "")
    status, out, _ = boot("--list")
    report("--list says how QEMU's machines are named", "" if status == 0 and b"'qemu:OPTIONS'" in out else f"{out}")
    for line, words in {
        "qemu:-M q35 -ram 4G": ["-ram", "not understood"],
        "qemu:-m 4GB": ["-m 4GB", "expected a size"],
        "qemu:-M q53": ["q53", "pc, q35, microvm or virt"],
        "qemu:-append 'a": ["'a", "expected a second"],
        "qemu-system-mips -m 1G": ["qemu-system-mips", "qemu-system-x86_64"],
    }.items():
        refused(line, 2, words, boot(line))
    refused("a shell of a QEMU line that makes no sense", 2, ["-m x"], tool("shell", "qemu:-m x"))
    refused("--dtb with a QEMU line", 2, ["--dtb"], boot("qemu:-m 1G", "--dtb", "x"))
