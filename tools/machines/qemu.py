"""The QEMU that is a case: its arguments, and the files that it loads."""
import pathlib
import struct

from . import acpi, architectures, kernels, pc_image, trees
from .sizes import KIB, MIB, number, up

KERNEL_AT = {"arm64": 2 * MIB, "armhf": 32 * MIB}  # above the begin of RAM, unless the case says
TREE_ALIGNMENT = {"arm64": 2 * MIB, "armhf": MIB}
TREE_ROOM = 2 * MIB  # from the tree to the initrd


def command_line(case):
    arch = architectures.of(case)
    words = [case.get("console", arch.console), "loglevel=8 memblock=debug panic=-1"]
    if arch.name == "x86_64" and not case.get("kaslr"):
        words.append("nokaslr")
    if arch.name == "arm64" and not case.get("rodata_full"):
        words.append("rodata=on")  # blocks in the linear map: fewer page tables, and a shorter log
    return " ".join(filter(None, words + [case.get("cmdline", "")]))


def loads(case, kernel):
    """Where an Arm machine's loader puts things: entry, tree, initrd, stub."""
    arch = architectures.of(case)
    said = {name: number(at) for name, at in case.get("load", {}).items()}
    at = said.get("kernel", number(case.get("ram_base", arch.ram_base)) + KERNEL_AT[arch.name])
    if arch.name == "arm64":
        offset, size = struct.unpack("<QQ", kernel.image.open("rb").read(24)[8:])
        entry, end = at + offset, at + offset + size
    else:
        entry, end = at, at + kernel.image.stat().st_size
    tree = said.get("dtb", up(end, TREE_ALIGNMENT[arch.name]))
    return entry, tree, said.get("initrd", tree + TREE_ROOM), said.get("stub", tree - 4 * KIB)


def stub(arch, tree, entry):
    """The boot protocol's registers, and a jump."""
    if arch.name == "arm64":  # x0 = tree, x1 = x2 = x3 = 0
        code = (0x580000C0, 0xAA1F03E1, 0xAA1F03E2, 0xAA1F03E3, 0x58000084, 0xD61F0080)
        return struct.pack("<6I2Q", *code, tree, entry)
    code = (0xE3A00000, 0xE59F1004, 0xE59F2004, 0xE59FF004)  # r0 = 0, r1 = ~0, r2 = tree
    return struct.pack("<7I", *code, 0xFFFFFFFF, tree, entry)


def load(path, at):
    return ["-device", f"loader,file={path},addr={at:#x},force-raw=on"]


def arm_files(case, kernel, initrd, folder):
    arch = architectures.of(case)
    entry, tree_at, initrd_at, stub_at = loads(case, kernel)
    blob = trees.tree_of(case, arch, command_line(case), (initrd_at, initrd_at + initrd.stat().st_size))
    (folder / "machine.dtb").write_bytes(blob)
    (folder / "stub.bin").write_bytes(stub(arch, tree_at, entry))
    return (load(folder / "stub.bin", stub_at) + load(folder / "machine.dtb", tree_at) + load(kernel.image, entry)
            + load(initrd, initrd_at) + ["-device", f"loader,addr={stub_at:#x},cpu-num=0"])


def pc_files(case, kernel, initrd, folder):
    words = []
    for name, table in acpi.tables_of(case).items():
        (folder / name).write_bytes(table)
        words += ["-acpitable", f"file={folder / name}"]
    if case.get("boot") == "e820":
        whole = folder / "image.bin"
        whole.write_bytes(pc_image.image(kernel.image.read_bytes(), initrd.read_bytes(), command_line(case), case))
        return words + ["-kernel", str(whole)]
    return words + ["-kernel", str(kernel.image), "-initrd", str(initrd), "-append", command_line(case)]


def node_words(case):
    words = []
    for at, node in enumerate(case.get("numa") or []):
        description = f"node,nodeid={at}"
        if node.get("mem"):
            words += ["-object", f"memory-backend-ram,id=m{at},size={number(node['mem'])},reserve=off"]
            description += f",memdev=m{at}"
        words += ["-numa", description + "".join(f",cpus={cpu}" for cpu in node.get("cpus", []))]
    for source, row in enumerate(case.get("dist") or []):
        words += [word for target, distance in enumerate(row) if distance and source != target
                  for word in ("-numa", f"dist,src={source},dst={target},val={distance}")]
    return words


def machine_words(case):
    arch = architectures.of(case)
    program, machine = arch.qemu, case.get("machine", arch.machine)
    if arch.name == "armhf" and "lpae" in architectures.flavour_of(case):
        program = "qemu-system-aarch64"  # QEMU 7.2's 32-bit program cuts addresses of page tables
    size, processors = number(case["memory"]), case.get("smp", 1)
    words = [program, "-M", machine, "-m", f"{size // KIB}K", "-smp", str(processors), "-nodefaults", "-display", "none",
             "-no-reboot", "-monitor", "none", "-accel", "tcg,tb-size=128", "-rtc", "base=2024-01-01,clock=vm",
             "-seed", "1", "-serial", "stdio"]
    if cpu := case.get("cpu", arch.cpu):
        words += ["-cpu", cpu]
    if not case.get("numa"):  # unreserved, so that a large machine fits a small host
        words += ["-object", f"memory-backend-ram,id=ram0,reserve=off,size={size}", "-machine", "memory-backend=ram0"]
    if case.get("icount", processors == 1):  # counted instructions: each boot is the same to the byte
        words += ["-icount", "shift=1,sleep=off"]
    return words + node_words(case) + list(case.get("qemu", []))


def prepare(case, work, folder):
    """The kernel and QEMU's words; what QEMU loads is written into `folder`."""
    arch, folder = architectures.of(case), pathlib.Path(folder)
    kernel, initrd = kernels.of(work, case), kernels.initrd(work, arch)
    files = pc_files if arch.name == "x86_64" else arm_files
    return kernel, machine_words(case) + files(case, kernel, initrd, folder)
