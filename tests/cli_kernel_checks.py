"""boot --kernel and --config: files of kernels, and what is none."""
import gzip
import json
import os
import re
import struct
import tempfile

from cli_harness import CORPUS, TOOL, boot, refused, report, tool
from cli_schema import BOUNDS, bounds_problem, mismatch

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


def btf(**structs):
    """A file of BTF with structures of these sizes, and nothing in them."""
    names, types = b"\0", b""
    for name, size in structs.items():
        types += struct.pack("<III", len(names), 4 << 24, size)
        names += name.encode() + b"\0"
    return struct.pack("<HBBIIIII", 0xeb9f, 1, 0, 24, 0, len(types), len(types), len(names)) + types + names


def check_profiles(file, case, config, system_map):
    """What `quarry profile` writes, and that it boots as the files boot that it is of."""
    plain = boot(case, "--format", "json", "--kernel", system_map, "--config", config)[1]
    status, text, err = tool("profile", system_map, "--config", config)
    report("profile: exit status", f"{status}: {err[:200]}" if status or err else "")
    lines = text.decode("ascii").splitlines()
    report("profile: 100 columns are enough", next((f"{line!r}" for line in lines if len(line) > 100), ""))
    for name, line in (("the release", 'release = "6.1.0-56-cloud-amd64"  # a System.map'), ("a symbol", '_end = "0xffffffff83830000"'),
                       ("a size", "percpu_static = 212992         # __per_cpu_start to __per_cpu_end, a System.map"),
                       ("what is of the same release", "# Nothing in it is assumed.")):
        report(f"profile: {name}", "" if line in lines else f"no line {line!r}")
    written = file("written.toml", text)
    got = boot(case, "--format", "json", "--kernel", written)
    report("profile: what it wrote boots as the files do", "" if got[0] == 0 and got[1] == plain else f"exit status {got[0]}, {got[2][:200]}")
    again = tool("profile", written)[1]
    values = [[line.split("#")[0].rstrip() for line in t.decode().splitlines()] for t in (text, again)]
    report("profile: of its own text it writes the same values", "" if list(filter(None, values[0])) == list(filter(None, values[1])) else "others")
    status, out, err = tool("profile", system_map, "--config", config, "-o", written)
    report("profile -o writes what standard output would get", "" if (status, out, err) == (0, b"", b"") and open(written, "rb").read() == text else f"{err}")
    packed = file("config.gz", gzip.compress(open(config, "rb").read()))
    report("profile --config of /proc/config.gz's kind", "" if tool("profile", system_map, "--config", packed)[1].replace(b"config.gz", b"config") == text else "another")
    other = file("other.btf", btf(page=80, pglist_data=8000, list_head=16))
    sized = tool("profile", system_map, "--config", config, "--btf", other)[1].decode()
    report("profile --btf", "" if "struct page, BTF of other.btf" in sized and "\npage = 80 " in sized and "\nnode_data = 8192 " in sized else sized[-2000:])
    status, out, err = tool("profile", "--config", config, "--arch", "x86_64")
    report("profile of a configuration alone", "" if status == 0 and b"#   symbols: built-in profile of Linux" in out else f"{status} {err}")
    headed = file("headed", "# Linux/arm64 6.1.77 Kernel Configuration\nCONFIG_ARM64=y\nCONFIG_NUMA=y\n")
    status, out, err = tool("profile", headed)
    report("profile of a configuration that tells its architecture", "" if b'release = "6.1.77"' in out and b'arch = "arm64"' in out else f"{status} {err}")
    refused("profile of a configuration without an architecture", 2, ["--arch"], tool("profile", "--config", config))
    refused("profile of nothing", 2, ["FILE", "--config"], tool("profile"))
    refused("profile of no file", 2, ["cannot be read"], tool("profile", case + "/none"))
    refused("profile of an empty file", 3, ["empty", "expected"], tool("profile", file("nothing", "")))
    refused("profile of a log", 3, ["expected"], tool("profile", case + "/dmesg.txt"))
    refused("profile of two configurations", 2, ["two configurations"], tool("profile", headed, "--config", config))
    refused("profile --btf of no BTF", 3, ["--btf", "no BTF", "expected"], tool("profile", system_map, "--btf", config))
    refused("profile --btf of half of it", 3, ["--btf", "damaged"], tool("profile", system_map, "--btf", file("half", btf(page=80)[:-2])))
    refused("profile --btf of no file", 2, ["--btf", "cannot be read"], tool("profile", system_map, "--btf", case + "/none"))
    refused("profile --btf of another machine", 3, ["list_head", "expected 16 on x86_64"],
            tool("profile", system_map, "--btf", file("arm.btf", btf(page=36, list_head=8))))
    refused("profile --arch of another machine", 2, ["--arch arm64", "x86_64"], tool("profile", system_map, "--arch", "arm64"))
    refused("profile --arch of none", 2, ["expected x86_64"], tool("profile", system_map, "--arch", "vax"))
    refused("profile -o of a folder that is not there", 2, ["cannot be written"], tool("profile", system_map, "-o", case + "/none/p.toml"))
    status, out, err = tool("profile", "--help")
    report("profile --help", "" if status == 0 and b"Examples:" in out and b"Exit status:" in out else f"{status} {err}")


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
        check_profiles(file, case, config, real)
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
    check_versions(case)


def between(text):
    """The bounds that a text says MemTotal lies between; none: it is one number."""
    found = re.search(r"^MemTotal: between (\d+) and (\d+) kB \(([\d.]+) % of RAM\)", text, re.M)
    return [int(found[1]), int(found[2]), float(found[3])] if found else []


def check_versions(case):
    """--kernel with a version in place of a file."""
    real = int(re.search(r"MemTotal: +(\d+) kB", open(case + "/meminfo.txt", encoding="utf-8").read())[1])
    text = {words: boot(case, "-q", *words)[1].decode() for words in
            [(), ("--kernel", "6.1.0-56-cloud-amd64"), ("--kernel", "6.1.0-99-cloud-amd64"), ("--kernel", "6.1")]}
    plain, own, flavour, version = text.values()
    report("boot --kernel RELEASE of a built-in profile is that kernel", "" if own == plain else own[-300:])
    report("boot of a kernel that is known says one number", "" if f"\nMemTotal: {real} kB\n" in plain else plain[-300:])
    for name, said, widest in (("of a flavour", flavour, 0.5), ("of a version", version, 5)):
        low, high, width = between(said) or (0, 0, 100)
        report(f"boot --kernel {name}: MemTotal is between bounds, and why",
               "" if low <= real <= high and 0 < width < widest and " an image of " in said and "stands in" in said else said[-600:])
    j = json.loads(boot(case, "--format", "json", "--kernel", "5.15.0-60-generic")[1])
    report("boot --kernel of a version, as JSON",
           bounds_problem(j) or mismatch(j["mem_total_bounds"], BOUNDS)
           or ("" if j["mem_total_bounds"]["stands_for"] == "5.15.0-60-generic" else "it stands for another"))
    native = json.loads(boot(case, "--format", "json", "--kernel", "5.15", "--native")[1])
    report("boot --kernel of a version --native: the library's own figure is exact", bounds_problem(native))
    refused("boot --kernel of a version with --config", 2, ["--config", "6.1 is a version"],
            boot("--kernel", "6.1", "--config", case + "/kernel.txt"))
    refused("boot --kernel of neither file nor version", 2, ["--kernel 6.x", "a version such as 6.1"], boot("--kernel", "6.x"))
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "6.1"), "w", encoding="utf-8") as out:
            out.write('arch = "x86_64"\nweather = 1\n')
        refused("boot --kernel 6.1 is the file of that name where there is one", 3, ["line 2", "weather"],
                boot("--kernel", os.path.join(folder, "6.1")))
