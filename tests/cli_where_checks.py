"""quarry where: each stage of a life, and that it says the same as quarry boot."""
import json
import os
import random
import re
import shutil
import tempfile
import time

from cli_harness import BUILTINS, CORPUS, boot, log, refused, report, tool
from cli_tree_checks import tree

SEED = int(os.environ.get("QUARRY_SEED", "1"))
STAGES = ["firmware", "map", "early", "node", "section", "zone", "descriptor", "pageblock", "hand-over", "ledger",
          "after boot", "resource", "addresses"]


def where(*words, stdin=b""):
    """The stages by name; the whole answer under "all"."""
    status, out, err = tool("where", *words, "--format", "json", stdin=stdin)
    if status != 0:
        return {"all": {}, "error": err.decode()}
    answer = json.loads(out)
    return {"all": answer} | {stage["stage"]: stage for stage in answer["stages"]}


def holds(name, life, **stages):
    """Each keyword is a stage (with _ for a blank), its value what of its facts is so; `says` and `where` may be parts."""
    problem = life.get("error", "")
    for stage, wanted in stages.items():
        stage = {"after_boot": "after boot", "hand_over": "hand-over"}.get(stage, stage)
        have = life.get(stage)
        for key, value in wanted.items():
            if problem:
                break
            if have is None:
                problem = f"no stage {stage}"
            elif key == "says":
                problem = "" if value in have["says"] else f"{stage}: {have['says']!r} does not say {value!r}"
            elif key in ("where", "because"):
                texts = [reason.get("where" if key == "where" else "text", "") for reason in have["reasons"]]
                problem = "" if any(value in text for text in texts) else f"{stage}: {texts} say nothing of {value!r}"
            elif have.get(key) != value:
                problem = f"{stage}: {key} is {have.get(key)!r}, not {value!r}"
    report(f"where: {name}", problem)


def case(name):
    return os.path.join(CORPUS, name)


def check_arguments():
    refused("an address that is none", 2, ["'12q'", "expected an address such as 0x7123456"], tool("where", "pc-2g", "12q"))
    refused("an address of too many digits", 2, ["expected an address"], tool("where", "pc-2g", "0x1ffffffffffffffff"))
    refused("a size past 64 bits", 2, ["expected an address"], tool("where", "pc-2g", "99999999999T"))
    refused("a page frame that is none", 2, ["expected a page frame such as pfn:0x7123"], tool("where", "pc-2g", "pfn:"))
    refused("a page frame of a virtual address", 2, ["expected a virtual address"], tool("where", "pc-2g", "pfn:1", "--virt"))
    refused("no such machine", 2, ["'nowhere'", "expected a device tree"], tool("where", "nowhere", "0"))
    refused("a machine that cannot boot", 4, ["cannot boot"], tool("where", "-", "0", stdin=log([(0, 0x1000, "usable"), (0x1000, 0x2000, "reserved")])))
    for form in ("0x7123456", "7123456", "0X7123456"):
        report(f"where: {form} is an address", "" if where("pc-2g", form)["all"].get("address") == 0x7123456 else "it is another")
    for form, address in (("112M", 112 << 20), ("0x10M", 16 << 20), ("1g", 1 << 30), ("pfn:0x7123", 0x7123000), ("pfn:7123", 0x7123000)):
        report(f"where: {form} is an address", "" if where("pc-2g", form)["all"].get("address") == address else "it is another")
    answer = where("pc-2g", "0x7123456")
    names = [stage["stage"] for stage in answer["all"]["stages"]]
    report("where: all stages, in order", "" if names == STAGES else f"{names}")
    report("where: the schema has a name", "" if answer["all"]["schema"] == "quarry.where/1" else answer["all"]["schema"])


def ledger_pieces(machine, until):
    """The ledger piece by piece, by asking for what follows each one; holes are stepped over by the map."""
    report_of_boot = json.loads(boot(machine, "--format", "json")[1])
    sums, at = {}, 0
    edges = sorted({region["base"] for region in report_of_boot["memblock"]["memory"]} |
                   {entry["base"] for entry in report_of_boot["firmware"]})
    while at is not None and at < until:
        piece = where(machine, hex(at))["ledger"]
        if piece["owner"] is None:
            at = next((edge for edge in edges if edge > at), None)
            continue
        sums[piece["owner"]] = sums.get(piece["owner"], 0) + piece["base"] + piece["size"] - at
        at = piece["base"] + piece["size"]
    return sums, {line["owner"]: line["bytes"] for line in report_of_boot["ledger"]}


def check_whole_ledger():
    for machine in ("pc-2g", "arm-highmem-2g"):
        asked, told = ledger_pieces(machine, 1 << 33)
        differ = {owner for owner in asked.keys() | told.keys() if asked.get(owner) != told.get(owner)}
        report(f"where: the pieces of {machine} are the ledger's sums", f"{sorted(differ)[:4]}" if differ else "")


def resource_path(resources, at):
    for entry in resources:
        if entry["base"] <= at <= entry["end"]:
            return [entry["name"], *resource_path(entry["children"], at)]
    return []


def region_at(regions, at):
    return next((region for region in regions if region["base"] <= at < region["base"] + region["size"]), None)


def disagreement(machine, told, at, page):
    """What `where` says that `boot` does not; empty: they agree."""
    life = where(machine, hex(at))
    if "error" in life:
        return life["error"]
    memory, reserved = (region_at(told["memblock"][kind], at) for kind in ("memory", "reserved"))
    if life["early"]["is_memory"] != (memory is not None) or life["early"]["is_reserved"] != (reserved is not None):
        return f"early: {life['early']['says']}"
    if memory is not None and life["node"]["node"] != (memory["node"] or 0):
        return f"node {life['node']['node']}, not {memory['node']}"
    owners = {line["owner"] for line in told["ledger"]} | {None}
    if life["ledger"]["owner"] not in owners or (memory is not None and life["ledger"]["owner"] is None):
        return f"ledger: {life['ledger']['owner']}"
    if life["resource"]["path"] != resource_path(told["iomem"], at):
        return f"resource {life['resource']['path']}, not {resource_path(told['iomem'], at)}"
    zones = [(node["id"], zone["name"]) for node in told["nodes"] for zone in node["zones"]
             if zone["start_pfn"] <= at // page < zone["start_pfn"] + zone["spanned_pages"]]
    zone = (life["zone"].get("node"), life["zone"]["zone"])
    if (zone[1] is None) != (not zones) or (zone[1] is not None and zone not in zones):
        return f"zone {zone} of {zones}"
    kept = life["hand-over"]["step"] is None
    owner = life["ledger"]["owner"] or ""
    given = owner == "free" or owner.startswith("CMA area") or owner.endswith(", given back")
    if memory is not None and kept == given:
        return f"'{owner}', and the hand-over: {life['hand-over']['says']}"
    if kept and life["after boot"]["state"] not in ("reserved", "no page"):
        return f"never handed over, and {life['after boot']['state']}"
    for shown in life["addresses"]["addresses"]:
        back = where(machine, shown["address"], "--virt")["all"]
        if back.get("address") != at:
            return f"{shown} is {back.get('address')}"
    return ""


def check_agreement():
    """At random addresses, half of them at the edges of something, of machines of each kind."""
    choose = random.Random(SEED)
    cases = [name for name in sorted(os.listdir(CORPUS)) if os.path.exists(os.path.join(case(name), "case.json"))]
    machines = BUILTINS + [case(name) for name in choose.sample(cases, min(10, len(cases)))]
    for machine in machines:
        status, out, _ = boot(machine, "--format", "json")
        if status != 0:
            continue
        told = json.loads(out)
        page = told["machine"]["page_size"]
        regions = told["memblock"]["memory"] + told["memblock"]["reserved"] + told["firmware"]
        edges = [edge for region in regions for edge in (region["base"], region["base"] + region["size"] - 1, region["base"] + region["size"])]
        end = max(region["base"] + region["size"] for region in regions)
        addresses = [choose.randrange(end + (1 << 20)) for _ in range(5)] + choose.sample(edges, min(5, len(edges)))
        problem = next((f"{at:#x}: {what}" for at in addresses if (what := disagreement(machine, told, at, page))), "")
        report(f"where: as boot says, {os.path.basename(machine)} (QUARRY_SEED={SEED})", problem)


def check_speed():
    took = []
    for words in (("where", "pc-2g", "0x7123456"), ("boot", "pc-2g")):
        best = 1e9
        for _ in range(5):
            begin = time.monotonic()
            tool(*words)
            best = min(best, time.monotonic() - begin)
        took.append(best)
    report("where: about as fast as boot", "" if took[0] < 2 * took[1] + 0.02 else f"{took[0]:.3f} s, boot {took[1]:.3f} s")


def check_pc():
    life = where("pc-2g", "0x7123456")
    holds("a free byte of a PC", life, firmware={"type": "usable", "where": "dmesg.txt:7: BIOS-e820: [mem 0x0000000000100000-"},
          map={"says": "as firmware has it", "type": "usable"}, early={"is_memory": True, "is_reserved": False, "because": "e820__memblock_setup"},
          node={"node": 0, "source": "none"}, section={"section": 0, "is_present": True}, zone={"zone": "DMA32", "because": "below 4 GiB"},
          descriptor={"pfn": 0x7123, "address": hex(0xffffea0000000000 + 0x7123 * 64)}, pageblock={"migrate_type": "Movable", "start_pfn": 0x7000},
          hand_over={"function": "memblock_free_all"}, ledger={"owner": "free"}, after_boot={"state": "free", "order": 10, "start_pfn": 0x7000},
          resource={"path": ["System RAM"]}, addresses={"addresses": [{"address": "0xffff888007123456", "part": "direct map"}]})
    holds("the kernel's text", where("pc-2g", "0x1000010"), early={"says": "kernel image", "where": "kernel.txt"},
          hand_over={"step": None, "because": "kernel text"}, ledger={"owner": "kernel text", "base": 0x1000000}, after_boot={"state": "reserved"},
          resource={"path": ["System RAM", "Kernel code"]}, addresses={"says": "0xffffffff81000010 (kernel)"})
    initrd = next(region for region in json.loads(boot("pc-2g", "--format", "json")[1])["memblock"]["reserved"] if "initrd" in region["owner"])
    holds("the initrd", where("pc-2g", hex(initrd["base"] + 0x1000)), early={"where": "RAMDISK: [mem"}, hand_over={"function": "free_initrd_mem"},
          ledger={"owner": "initrd, given back"})
    holds("what the BIOS keeps", where("pc-2g", "9fc10"), firmware={"type": "reserved", "where": "dmesg.txt:5:"}, early={"is_memory": False, "is_reserved": True},
          zone={"zone": "DMA", "is_hole": True}, hand_over={"step": None}, ledger={"owner": None}, resource={"path": ["Reserved"]})
    holds("page 0", where("pc-2g", "0"), map={"type": "reserved", "because": "trim_bios_range"}, early={"is_memory": False}, ledger={"owner": "low 1M"})
    holds("a hole for devices", where("pc-2g", "fee00000"), firmware={"type": None, "because": "a hole of 2.00 GiB"}, early={"says": "knows nothing"},
          section={"is_present": False}, zone={"zone": None}, descriptor={"address": None}, after_boot={"state": "no page"}, addresses={"addresses": []})
    far = where("pc-2g", "0xfffffffffffff000")
    holds("the end of all addresses", far, firmware={"because": "beyond the last entry"})
    report("where: beyond the last byte of RAM", "" if "beyond the last byte of RAM" in far["all"]["summary"] else far["all"]["summary"])
    holds("the library's own metadata", where("pc-2g", "0x7123456", "--native"), descriptor={"address": None, "because": "--native"})
    holds("bitmaps of older kernels", where("pc-2g", "0x7123456", "--early", "bootmem"), hand_over={"function": "memblock_free_all"})


def check_map():
    holds("memmap=N$S", where("pc-2g", "0x10000010", "--cmdline", "quiet memmap=16M$0x10000000 memmap=1M#0x30000000"), firmware={"type": "usable"},
          map={"type": "reserved", "because": "parse_early_param", "where": "--cmdline, command line: memmap=16M$0x10000000"},
          early={"is_memory": False}, ledger={"owner": "never taken in, memmap=16M$0x10000000, memmap=1M#0x30000000"}, resource={"path": ["Reserved"]})
    holds("the word that decides is named", where("pc-2g", "0x30000010", "--cmdline", "memmap=16M$0x10000000 memmap=1M#0x30000000"),
          map={"type": "ACPI data", "where": "memmap=1M#0x30000000"})
    holds("mem=", where("pc-2g", "0x50000000", "--cmdline", "mem=1G"), map={"type": None, "where": "command line: mem=1G"}, zone={"zone": None})
    holds("entries that overlap", where(case("x86-e820-overlap"), "0x10000000"), firmware={"type": "ACPI NVS", "where": "case.json: e820[5]", "because": "it wins"})
    holds("the loser is told, too", where(case("x86-e820-overlap"), "0x10000000"), firmware={"where": "case.json: e820[3]", "because": "it loses"})
    holds("memory that a cut leaves out", where(case("x86-memmap-exact"), "0x20000000"), map={"where": "memmap=exactmap"}, firmware={"type": "usable"})


def check_nodes():
    holds("SRAT by its table", where("numa-8n", "0x30000000"), node={"node": 1, "source": "SRAT", "where": "srat.bin: memory affinity 2: domain 1"},
          zone={"zone": "DMA32", "node": 1}, early={"because": "belongs to node 1"})
    srat = ["ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x1fffffff]", "ACPI: SRAT: Node 1 PXM 7 [mem 0x20000000-0x3fffffff]"]
    two = log([(0, 0x9f000, "usable"), (0x100000, 0x40000000, "usable")], srat)
    holds("SRAT by a log's line", where("-", "0x30000000", stdin=two), node={"node": 1, "because": "is of domain 7", "where": "standard input:7: ACPI: SRAT: Node 1 PXM 7"},
          firmware={"where": "standard input:5: BIOS-e820"})
    holds("nodes that are made up", where(case("x86-numa-fake4"), "0x60000000"), node={"node": 3, "source": "fake", "where": "command line: numa=fake=4"})


def check_boards():
    holds("high memory", where("arm-highmem-2g", "0xc0000000"), firmware={"where": "machine.dtb: /memory@80000000, reg 0"}, section={"section": None},
          zone={"zone": "HighMem"}, hand_over={"function": "free_highpages"}, addresses={"addresses": [], "because": "kmap"})
    holds("low memory", where("arm-highmem-2g", "0x90000000"), addresses={"addresses": [{"address": "0xd0000000", "part": "direct map"}]},
          hand_over={"function": "memblock_free_all"}, descriptor={"because": "mem_map lies at"})
    holds("a reserved node", where("arm64-reserved", "0x50000000"), firmware={"type": "usable", "where": "/reserved-memory/r@50000000, reg 0", "because": "reserved-memory"},
          early={"says": "r@50000000", "where": "/reserved-memory/r@50000000, reg 0"}, ledger={"owner": "r@50000000", "size": 65536}, hand_over={"step": None})
    holds("a contiguous area of the command line", where(case("arm64-cma-at"), "0x58000000"), early={"where": "command line: cma=64M@0x58000000"},
          pageblock={"migrate_type": "CMA"}, hand_over={"step": "CMA areas"}, ledger={"owner": "CMA area cma"}, after_boot={"state": "free"})
    holds("a contiguous area of the tree", where(case("arm64-rsv-reusable-cma"), "0x58000000"), firmware={"because": "reserved-memory, reusable"},
          pageblock={"migrate_type": "CMA"}, hand_over={"function": "cma_init_reserved_areas"})
    holds("page tables take the top", where("arm64-reserved", "0x7ffff000"), early={"because": "paging_init: allocated for 'page tables'"},
          ledger={"owner": "page tables"}, hand_over={"because": "stays with its owner"})
    holds("mem= of a board", where(case("armhf-mem-at"), "0x48000000"), early={"where": "command line: mem=256M@0x40000000", "because": "added to memory by 'arm_add_memory'"})
    holds("vmalloc= decides what is high", where("arm-highmem-2g", "0x9f000000", "--cmdline", "vmalloc=768M"), zone={"zone": "HighMem", "where": "command line: vmalloc=768M"})
    board = tree((0x80000000, 1 << 28), cpus="sifive,u54\0riscv")
    holds("a board of riscv", where("-", "0x84000000", stdin=board), firmware={"type": "usable", "where": "standard input: /memory, reg 0"},
          early={"because": "parse_dtb"}, zone={"zone": "DMA32"}, hand_over={"function": "memblock_free_all"})
    holds("what lies below a riscv kernel", where("-", "0x80000000", stdin=board), firmware={"type": "usable"}, early={"is_memory": False}, hand_over={"step": None})


def check_virtual():
    holds("the direct map", where("pc-2g", "--virt", "0xffff888007123456"), virtual={"part": "direct map"}, ledger={"owner": "free"}, descriptor={"pfn": 0x7123})
    holds("the kernel's image", where("pc-2g", "--virt", "ffffffff81000010"), virtual={"part": "kernel", "because": "it shows 0x01000010"}, ledger={"owner": "kernel text"})
    holds("a descriptor", where("pc-2g", "--virt", hex(0xffffea0000000000 + 0x7123 * 64 + 8)), virtual={"part": "vmemmap", "pfn": 0x7123, "because": "byte 8 of 64"}, descriptor={"pfn": 0x7123})
    for name, machine, address, part in (("vmalloc", "pc-2g", "0xffffc90000000010", "vmalloc"), ("modules", "pc-2g", "0xffffffffc0000000", "modules"),
                                         ("fixmap", "pc-2g", "0xffffffffff600000", "fixmap"), ("user space", "pc-2g", "0x400000", "user"),
                                         ("a hole", "pc-2g", "0x800000000000", "hole"), ("kmap", "arm-highmem-2g", "0xbfe00000", "kmap"),
                                         ("modules of arm64", "arm64-virt-8g", "0xffff800000000000", "modules")):
        life = where(machine, "--virt", address)
        holds(f"{name} has no frame of its own", life, virtual={"part": part})
        report(f"where: {name} has no life", "" if life["all"]["address"] is None and len(life["all"]["stages"]) == 1 else "it has one")
    holds("the direct map behind the last byte", where("pc-2g", "--virt", "0xffff888100000000"), virtual={"because": "no RAM is shown here"})
    holds("33 bits on a machine of 32", where("arm-highmem-2g", "--virt", "0x100000000"), virtual={"says": "no address", "part": None})


def variant(folder, name, edit):
    """A case whose kernel was built otherwise."""
    made = os.path.join(folder, name)
    shutil.copytree(case(name), made)
    path = os.path.join(made, "kernel.txt")
    with open(path) as file:
        text = edit(file.read())
    with open(path, "w") as file:
        file.write(text)
    return made


def parts_of(*words, stdin=b""):
    """The address space as quarry boot draws it: [first, last] by name; of several parts of one name the largest."""
    text = boot(*words, "-v", stdin=stdin, env={"COLUMNS": "100", "LC_ALL": "C"})[1].decode()
    parts = {}
    for first, last, name in re.findall(r"^  (0x[0-9a-f]+) - (0x[0-9a-f]+) +[0-9.]+ [KMGTPE]?i?B +(\w+(?: \w+)*)", text, re.M):
        first, last = int(first, 16), int(last, 16)
        if name not in parts or last - first > parts[name][1] - parts[name][0]:
            parts[name] = [first, last]
    return parts


def check_layout(name, words, stdin=b"", **wanted):
    parts = parts_of(*words, stdin=stdin)
    problem = ""
    for part, (first, last) in wanted.items():
        part = part.replace("_", " ")
        if parts.get(part) != [first, last]:
            problem = problem or f"{part} is {[hex(end) for end in parts.get(part, [])]}, not {first:#x} - {last:#x}"
    # Both ends of each part, and the bytes beside them, are where quarry where says.
    for part, ends in parts.items():
        for at in ends:
            says = where(*words, "--virt", hex(at), stdin=stdin)["virtual"]["part"]
            if says != part and not (part == "kernel" and says == "direct map"):
                problem = problem or f"{at:#x} is {says}, not {part}"
    report(f"where: the address space of {name}", problem)


def check_layouts():
    mib, gib = 1 << 20, 1 << 30
    sv = {bits: tree((0x80000000, 1 << 28), cpus="sifive,u54\0riscv", mmu=f"riscv,sv{bits}") for bits in (39, 48)}
    with tempfile.TemporaryDirectory() as folder:
        two = variant(folder, "armhf-virt-3g", lambda text: re.sub(r"=0xc([0-9a-f]{7})$", r"=0x8\1", text, flags=re.M) + "config.CONFIG_PAGE_OFFSET=0x80000000\n")
        check_layout("arm, 2G/2G", [two], user=(0, 0x7effffff), modules=(0x7f000000, 0x7fdfffff), direct_map=(0x80000000, 0xefffffff),
                     kernel=(0x80208000, 0x80208000 + 0x1607588 - 0x208000 - 1), vmalloc=(0xf0800000, 0xff7fffff))
        check_layout("arm, 3G/1G", [case("armhf-virt-3g")], direct_map=(0xc0000000, 0xefffffff), kernel=(0xc0208000, 0xc1607587), kmap=(0xbfe00000, 0xbfffffff))
        check_layout("arm, vmalloc=512M", [case("armhf-virt-3g"), "--cmdline", "vmalloc=512M"], direct_map=(0xc0000000, 0xdeffffff), vmalloc=(0xdf800000, 0xff7fffff))
        # vmemmap has 64 bytes for each page of the direct map, and stands 2^(bits - 6) below the end (4 KiB pages).
        for bits in (39, 42, 48):
            os.makedirs(os.path.join(folder, str(bits)))
            made = variant(os.path.join(folder, str(bits)), "arm64-virt-256m", lambda text: text.replace("CONFIG_ARM64_VA_BITS=48", f"CONFIG_ARM64_VA_BITS={bits}"))
            end = (1 << 64) - (1 << (bits - 1))
            vmemmap = (1 << 64) - (1 << (bits - 6))
            check_layout(f"arm64, {bits} bits", [made], user=(0, (1 << bits) - 1), direct_map=((1 << 64) - (1 << bits), end - 1), modules=(end, end + 128 * mib - 1),
                         kernel=(end + 128 * mib, end + 128 * mib + 0x1ab0000 - 1), vmalloc=(end + 128 * mib + 0x1ab0000, vmemmap - 256 * mib - 1),
                         vmemmap=(vmemmap, vmemmap + (1 << (bits - 7)) - 1))
    check_layout("riscv64, Sv39", ["-"], stdin=sv[39], user=(0, 256 * gib - 1), vmemmap=(0xffffffc700000000, 0xffffffc7ffffffff),
                 vmalloc=(0xffffffc800000000, 0xffffffd7ffffffff), direct_map=(0xffffffd800000000, 0xfffffff6ffffffff))
    check_layout("riscv64, Sv48", ["-"], stdin=sv[48], vmemmap=(0xffff8d8000000000, 0xffff8f7fffffffff), vmalloc=(0xffff8f8000000000, 0xffffaf7fffffffff),
                 direct_map=(0xffffaf8000000000, 0xffffef7fffffffff))
    check_layout("x86_64, 4 levels", ["pc-2g"], direct_map=(0xffff888000000000, 0xffffc87fffffffff), kernel=(0xffffffff81000000, 0xffffffff8382ffff),
                 modules=(0xffffffffc0000000, 0xfffffffffeffffff))
    check_layout("x86_64, 5 levels", [case("x86-hugepages-1g")], direct_map=(0xff11000000000000, 0xff90ffffffffffff), vmemmap=(0xffd4000000000000, 0xffd5ffffffffffff))
    holds("a kernel that UEFI put elsewhere", where(case("x86-uefi-pc-512m"), "0x01600000"), addresses={"says": "0xffffffff81000000 (kernel)"})
    holds("arm64's _stext", where("arm64-virt-8g", "0x40210000"), addresses={"says": "0xffff800008010000 (kernel)"})


def check_text():
    for columns in ("80", "100"):
        for words in (("pc-2g", "0x7123456"), ("numa-8n", "0x30000000"), ("arm64-reserved", "0x50000000"), ("arm-highmem-2g", "0xc0000000")):
            status, out, err = tool("where", *words, env={"COLUMNS": columns, "LC_ALL": "C.UTF-8"})
            wide = [line for line in out.decode().splitlines() if len(line) > int(columns)]
            report(f"where: {' '.join(words)} fits {columns} columns", f"exit status {status}: {err}" if status else f"{wide[0]!r}" if wide else "")
    report("where: without UTF-8 all is ASCII", "" if tool("where", "pc-2g", "0x7123456", env={"LC_ALL": "C"})[1].isascii() else "it is not")
    quiet = tool("where", "pc-2g", "0x7123456", "-q")[1].decode()
    report("where: -q has no reasons", "" if "BIOS-e820" not in quiet and "zone        DMA32" in quiet else quiet[:200])


def check_where():
    check_arguments()
    check_pc()
    check_map()
    check_nodes()
    check_boards()
    check_virtual()
    check_layouts()
    check_whole_ledger()
    check_agreement()
    check_text()
    check_speed()
