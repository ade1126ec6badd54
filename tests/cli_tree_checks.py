"""Device trees, whole, cut off and spoiled."""
import json
import struct
from concurrent.futures import ThreadPoolExecutor

from cli_harness import boot, refused, report


def tree(memory=None, reservations=(), cpus="arm,cortex-a53", memory_name="memory", mmu=None):
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
                             prop("reg", struct.pack(">I", 0)), *([prop("mmu-type", mmu.encode() + b"\0")] if mmu else []))))
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
    check_riscv()


def check_riscv():
    board = tree((0x80000000, 1 << 28), cpus="sifive,u54\0riscv")
    for mode in ([], ["--native"], ["--early", "bootmem"], ["--native", "--early", "bootmem"]):
        status, out, err = boot("-", *mode, "--format", "json", stdin=board)
        problem = f"exit status {status}: {err}" if status else ""
        if not problem:
            made = json.loads(out)
            zones = [zone["name"] for zone in made["nodes"][0]["zones"] if zone["present_pages"]]
            first = made["memblock"]["memory"][0]["base"]
            if made["machine"]["arch"] != "riscv64" or zones != ["DMA32"]:
                problem = f"{made['machine']['arch']} with zones {zones}"
            elif first != 0x80200000:  # the kernel's own address: what lies below is the firmware's
                problem = f"memory begins at {first:#x}"
        report(f"a tree of riscv boots {' '.join(mode)}".rstrip(), problem)
    refused("a tree of riscv as arm64", 2, ["riscv64"], boot("-", "--arch", "arm64", stdin=board))
    refused("a tree of arm64 as riscv64", 2, ["Arm"],
            boot("-", "--arch", "riscv64", stdin=tree((0x40000000, 1 << 28))))
    refused("a kernel between two blocks", 4, ["2 MiB"], boot("-", "--kernel-at", "0x80201000", stdin=board))
