"""memblock-ops.jsonl: the calls that a kernel printed with memblock=debug, one object a line.

A call is printed with its arguments; the address that it got is in the reservation printed right after it.
"""
import json
import re
from collections import Counter

STAMP = re.compile(r"\[ *\d+\.\d+\] ")
RANGE = re.compile(r"memblock_(add|add_node|remove|reserve|phys_free|free_late|physmem_add|free): "
                   r"\[(0x[0-9a-f]+)-(0x[0-9a-f]+)\](?: nid=(-?\d+) flags=([0-9a-f]+))? (\S+)")
ALLOCATION = re.compile(r"memblock_(phys_alloc_range|alloc_exact_nid_raw|alloc_try_nid_raw|alloc_try_nid): (\d+) bytes "
                        r"align=(0x[0-9a-f]+)(?: nid=(-?\d+))? from=(0x[0-9a-f]+) max_addr=(0x[0-9a-f]+) (\S+)")
DOUBLED = re.compile(r"memblock: (\w+) is doubled to (\d+) at \[(0x[0-9a-f]+)-(0x[0-9a-f]+)\]")
REGION = re.compile(r" (memory|reserved|physmem)\[0x[0-9a-f]+\]\s+\[(0x[0-9a-f]+)-(0x[0-9a-f]+)\], 0x[0-9a-f]+ bytes"
                    r"(?: on node (\d+))? flags: (0x[0-9a-f]+)")
TOTALS = re.compile(r" memory size = (0x[0-9a-f]+) reserved size = (0x[0-9a-f]+)")
ENTRIES = re.compile(r" (memory|reserved|physmem)\.cnt +=")
DROPPED = re.compile(r"\*\* (\d+) printk messages dropped")
PHASE = re.compile(
    r"NODE_DATA\(|    NODE_DATA|numa: |NUMA: |cma: |OF: |Reserved memory|Reserving \d+MB|crashkernel|Zone ranges"
    r"|  (DMA|DMA32|Normal|HighMem|Movable|Device) +|Movable zone start|Early memory node|  node +\d+:|Initmem setup"
    r"|On node |Memory: |RAMDISK|e820: |BIOS-|user-defined|user: |SRAT: |ACPI: SRAT|Fallback order|Built \d|Policy zone"
    r"|Initializing HighMem|HugeTLB|Memory limit|percpu: |printk: log_buf|Dentry cache hash|Inode-cache hash|software IO TLB"
    r"|Faking|No NUMA|last_pfn|Ignoring|Truncating|efi: mem|Node \d|mem auto-init|Kernel command line")
INSIDE = "memblock_alloc_range_nid"  # who reserves what an allocation found
EXPLAINED = {"NODE_DATA": "node data: memblock_phys_alloc_try_nid(nid)",
             "cma: Reserved": "cma_declare_contiguous_nid: memblock_alloc_range_nid",
             "OF: reserved mem": "reserved-memory node with dynamic placement"}
LINES_TO_EXPLAIN = 12


def plain(address):
    return hex(int(address, 16))


def caller(text):
    return text.split("+")[0]


class Reader:
    def __init__(self):
        self.calls = []
        self.dump = self.asking = None  # the list being printed; the call whose reservation is awaited
        self.is_late = False  # after memblock gave its pages away

    def add(self, **call):
        if self.is_late and call["op"] not in ("mark", "dump"):
            call["late"] = True
        self.calls.append(call)
        return call

    def line(self, text):
        if self.dump and self.line_of_dump(text):
            return
        self.dump = None
        if text.startswith("MEMBLOCK configuration:"):
            self.asking, self.dump = None, self.add(op="dump", memory=[], reserved=[])
        elif match := ALLOCATION.match(text):
            name, size, alignment, node, low, high, who = match.groups()
            self.asking = self.add(op=name, size=int(size), align=int(alignment, 16), nid=-1 if node is None else int(node),
                                   min=plain(low), max=plain(high), addr=None, caller=caller(who))
        elif match := RANGE.match(text):
            self.range(match)
        elif match := DOUBLED.match(text):
            self.add(op="array_doubled", array=match[1], entries=int(match[2]), base=plain(match[3]), end=plain(match[4]))
        elif PHASE.match(text):
            self.add(op="mark", text=text)
            if text.startswith("Memory: "):
                self.asking, self.is_late = None, True

    def line_of_dump(self, text):
        if match := REGION.match(text):
            entry = {"base": plain(match[2]), "end": plain(match[3]), "flags": int(match[5], 16)}
            self.dump.setdefault(match[1], []).append(entry | ({} if match[4] is None else {"nid": int(match[4])}))
        elif match := TOTALS.match(text):
            self.dump["memory_size"], self.dump["reserved_size"] = map(plain, match.groups())
        return bool(match) or bool(ENTRIES.match(text))

    def range(self, match):
        name, base, end, node, flags, who = match.groups()
        size = int(end, 16) - int(base, 16) + 1
        if size < 0:  # the end went round: addresses have as many bits as are printed
            size += 1 << 4 * (len(base) - 2)
        if name == "reserve" and who.startswith(INSIDE):
            if self.asking is None:
                self.add(op="alloc_unprinted", size=size, addr=plain(base))
                return
            self.asking["addr"] = plain(base)
            if size != self.asking["size"]:
                self.asking["reserved_size"] = size
            self.asking = None
            return
        if not who.startswith("memblock_double_array"):
            self.asking = None
        placed = {} if node is None else {"nid": int(node), "flags": int(flags, 16)}
        self.add(op=name, base=plain(base), size=size, caller=caller(who), **placed)


def explain(calls):
    """Says of an allocation that was not printed which later line tells what it is for."""
    for at, call in enumerate(calls):
        if call["op"] != "alloc_unprinted":
            continue
        for later in calls[at + 1:at + LINES_TO_EXPLAIN]:
            if later["op"] == "mark" and int(call["addr"], 16) in (
                    int(digits, 16) for digits in re.findall(r"(?:0x)?([0-9a-f]{5,16})", later["text"])):
                if why := next((why for words, why in EXPLAINED.items() if words in later["text"]), None):
                    call["why"], call["said"] = why, later["text"].strip()
                    break


def calls_of(log):
    reader = Reader()
    for line in log.split("\n"):
        if match := DROPPED.search(line):
            reader.asking = None
            reader.add(op="lost", lines=int(match[1]))
        elif match := STAMP.match(line):
            reader.line(line[match.end():])
    explain(reader.calls)
    return reader.calls


def counted(calls):
    return dict(Counter(call["op"] for call in calls))


def text(calls):
    return "".join(json.dumps(call, separators=(",", ":")) + "\n" for call in calls)
