"""A capture: the folder of what a kernel was given and what it showed, as tests/linux/README.md describes them."""
import hashlib
import json
import pathlib
import re
import shutil
import tempfile
import time

from . import architectures, console, fdt, kernels, memblock_calls, qemu, record

SHARED = ("kernel.txt",)  # the same in many captures: links into _shared
PADDING = 4096  # a tree with more than this is kept without it
UP = re.compile(r"\] (SLUB: HWalign|devtmpfs: initialized)")
ABOUT_MEMORY = re.compile(
    r"memblock|[Mm]em(ory)?\b|RAM|HugeTLB|\bcma\b|\bDMA|[Rr]eserv|Freeing|\bnode\b|[Zz]one|[Ss]l[au]b|\bpages?\b|hash table"
    r"|initrd|swiotlb|IO TLB|\bpool\b|highmem|deferred|e820|\bNUMA|numa|percpu|vmalloc|vmap|W\+X|crashkernel|huge"
    r"|Hash table|workingset|Linux version|Unknown kernel command|WARNING|BUG|panic")
CONSOLE_KEPT = 20000
SECONDS_FOR_SYMBOLS = 300


def is_done(folder):
    return (folder / "result.json").exists()


def outcome_of(folder):
    return json.loads((folder / "result.json").read_text())["outcome"]


def read_case(path):
    """Of a capture's folder, or of a file by itself."""
    path = pathlib.Path(path)
    file = path / "case.json" if path.is_dir() else path
    case = json.loads(file.read_text())
    case.setdefault("name", path.stem)
    return case


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def shortened_log(text):
    """Complete until the allocators are up; after that, only what is about memory."""
    kept, up = [], False
    for line in text.split("\n"):
        if not up or not line.startswith("[") or ABOUT_MEMORY.search(line):
            kept.append(line)
        up = up or bool(UP.search(line))
    return "\n".join(kept)


def shortened(files):
    """Without caches that have no object, and without what another file says too."""
    if "slabinfo.txt" in files:
        lines = re.sub(rb" +", b" ", files["slabinfo.txt"]).split(b"\n")
        files["slabinfo.txt"] = b"\n".join(line for line in lines if not re.match(rb"\S+ 0 0 ", line))
    return files


def take_tree(files, given, result):
    """machine.dtb is the tree that the kernel saw; given.dtb the one that it was given, if that is another."""
    seen = files.get("machine.dtb")
    if given and seen != given:
        files["given.dtb"] = given
    if seen:
        packed = fdt.write(fdt.read(seen))
        if len(seen) - len(packed) > PADDING:
            files["machine.dtb"], result["dtb_totalsize"] = packed, len(seen)


def share(folder):
    """Replaces what is the same in many captures by links to one."""
    shared = folder.parent / "_shared"
    shared.mkdir(exist_ok=True)
    for name in SHARED:
        path = folder / name
        if path.exists() and not path.is_symlink():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            one = shared / f"{path.stem}-{digest}{path.suffix}"
            path.replace(one)
            path.symlink_to(pathlib.Path("..") / "_shared" / one.name)


def words_kept(words, work, folder):
    places = {str(folder): "TMP", f"{work}/kernels": "KERNELS", f"{work}/initrds": "INITRDS"}
    for place, name in places.items():
        words = [word.replace(place, name) for word in words]
    return words


def store(case, folder, files, result):
    """The result last: a folder without one is a capture that was broken off."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    write_json(folder / "case.json", case)
    share(folder)
    write_json(folder / "result.json", result)


def symbols_of(case, work, kernel):
    """The addresses that this kernel tells; a boot of its own, once, as listing them takes seconds."""
    kept = kernel.image.with_name(f"symbols-{kernel.release}")
    if not kept.exists():
        plain = {name: case[name] for name in ("arch", "kernel") if name in case}
        plain |= {"name": "symbols", "memory": "512M", "cmdline": "record=symbols"}
        with tempfile.TemporaryDirectory(prefix="random-machine.") as temporary:
            said, outcome = console.boot(qemu.prepare(plain, work, temporary)[1], SECONDS_FOR_SYMBOLS)
        if outcome != "captured":
            raise kernels.NoKernel(f"{kernel.release}: {outcome} when it was asked for its addresses")
        kept.write_bytes(record.unpacked(console.record_of(said))["kallsyms.txt"])
    return kept.read_text()


def capture(case, work, folder, seconds):
    """Boots a case and writes what came of it. Returns the result; a panic or a time-out is one."""
    begin, arch = time.monotonic(), architectures.of(case)
    with tempfile.TemporaryDirectory(prefix="random-machine.") as temporary:
        kernel, words = qemu.prepare(case, work, temporary)
        said, outcome = console.boot(words, seconds)
        tree = pathlib.Path(temporary, "machine.dtb")
        given = tree.read_bytes() if tree.exists() else b""
    files = {}
    if outcome == "captured":
        try:
            files = record.files_of(console.record_of(said))
        except record.Garbled as problem:
            outcome = f"garbled: {problem}"
    log = console.log_of(said)
    calls = memblock_calls.calls_of(log)
    result = {"name": case["name"], "outcome": outcome, "log_complete": "printk messages dropped" not in log,
              "memblock_ops": memblock_calls.counted(calls), "qemu": words_kept(words, work, temporary),
              "kernel": kernel.release}
    take_tree(files, given, result)
    if outcome != "captured":
        files["console.log"] = said[-CONSOLE_KEPT:]
    files["kernel.txt"] = kernels.profile(kernel, arch, symbols_of(case, work, kernel)).encode()
    files["memblock-ops.jsonl"] = memblock_calls.text(calls).encode()
    files["dmesg.txt"] = (shortened_log(log) if outcome == "captured" else log).encode()
    store(case, folder, shortened(files), result)
    return result | {"seconds": round(time.monotonic() - begin, 1)}
