#!/usr/bin/env python3
"""Runs QEMU with each command line of tests/linux/qemu-maps.txt and writes down what its firmware made of it. See --help."""
import argparse
import os
import pathlib
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CANNOT = 77  # the exit status of a check that cannot be made here
SECONDS = 90  # for one machine to reach its boot loader
UNIT = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LARGE = 2 << 30  # RAM above it is not reserved, so that a small host has room


def arguments():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description="""\
Starts qemu-system-x86_64 with each command line of FILE, without a kernel, and reads what SeaBIOS prints: its map; and
out of the guest's memory the SRAT, SLIT and MADT. Writes the same lines with what was found:

  > COMMAND LINE             of FILE
  e820 BEGIN END TYPE        the firmware's map
  cpus COUNT                 the MADT's processors
  cpu APIC NODE FLAGS        the SRAT's, and its memory:
  mem NODE BASE SIZE FLAGS
  slit COUNT DISTANCE...
  error                      QEMU refuses the command line

The lines of tests/linux/qemu-maps.txt are of QEMU 7.2 with SeaBIOS 1.16.2. Exit status: 0 all were run, 1 one was not
understood, 77 there is no QEMU.""")
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=ROOT / "tests/linux/qemu-maps.txt", metavar="FILE")
    parser.add_argument("-o", "--output", type=argparse.FileType("w"), default=sys.stdout, metavar="FILE")
    return parser.parse_args()


def words_of(line, folder):
    """The command line, with backends that take no memory until it is touched, and a disk that is there."""
    (folder / "disk.iso").write_bytes(bytes(1 << 20))
    words = [word.replace("disk.iso", str(folder / "disk.iso")) for word in shlex.split(line)]
    words = [word + ",reserve=off" if word.startswith("memory-backend-ram") else word for word in words]
    size = re.match(r"(?:size=)?([0-9.]+)([KMGT]?)(?:,|$)", words[words.index("-m") + 1]) if "-m" in words else None
    ram = int(float(size[1]) * UNIT[size[2]]) if size else 0
    if ram > LARGE and "-numa" not in words:
        words += ["-object", f"memory-backend-ram,id=all,reserve=off,size={ram}", "-machine", "memory-backend=all"]
    return words


def wait_for(what, qemu):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and qemu.poll() is None:
        if found := what():
            return found
        time.sleep(0.1)
    return None


def read_tables(memory):
    """The lines of the tables, which lie one behind another after the FACS."""
    lines, at = [], memory.find(b"FACS") + 64
    while at + 36 <= len(memory):
        name, size = memory[at:at + 4], struct.unpack_from("<I", memory, at + 4)[0]
        if not name.isalnum() or size < 36:
            break
        table = memory[at:at + size]
        lines += {b"SRAT": read_srat, b"SLIT": read_slit, b"APIC": read_madt}.get(name, lambda _: [])(table)
        at += size
    return lines


def entries(table, at):
    while at < len(table):
        yield table[at], at
        at += table[at + 1]


def read_srat(table):
    lines = []
    for kind, at in entries(table, 48):
        if kind == 0:
            lines.append("cpu %d %d %d" % (table[at + 3], table[at + 2], struct.unpack_from("<I", table, at + 4)[0]))
        elif kind == 1:
            node, base, size, flags = struct.unpack_from("<2xI2xQQ4xI", table, at)
            lines.append(f"mem {node} {base:x} {size:x} {flags}")
        elif kind == 2:
            node, apic, flags = struct.unpack_from("<III", table, at + 4)
            lines.append(f"cpu {apic} {node} {flags}")
    return lines


def read_slit(table):
    return [" ".join(["slit", str(struct.unpack_from("<Q", table, 36)[0]), *map(str, table[44:])])]


def read_madt(table):
    return [f"cpus {sum(kind in (0, 9) for kind, _ in entries(table, 44))}"]


def capture(line):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        log, memory = folder / "log", folder / "memory"
        command = ["qemu-system-x86_64", *words_of(line, folder), "-display", "none", "-no-reboot", "-monitor", "stdio",
                   "-chardev", f"file,id=log,path={log}", "-device", "isa-debugcon,iobase=0x402,chardev=log",
                   "-accel", "tcg,tb-size=32"]
        qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            text = wait_for(lambda: log.exists() and "enter handle_19" in (t := log.read_text(errors="replace")) and t, qemu)
            if text is None:
                return ["error"] if qemu.poll() else None
            found = re.findall(r"  \d+: ([0-9a-f]{16}) - ([0-9a-f]{16}) = (\d)", text.split("e820 map has")[-1])
            entries_found = [(int(begin, 16), int(end, 16), kind) for begin, end, kind in found]
            lines = [f"e820 {begin:x} {end:x} {kind}" for begin, end, kind in entries_found]
            # The tables lie behind the first usable range from 1 MiB on.
            low = next(end for begin, end, kind in entries_found if begin == 1 << 20)
            size = next(end for begin, end, kind in entries_found if begin == low) - low
            qemu.stdin.write(f'pmemsave {low:#x} {size:#x} "{memory}"\n')
            qemu.stdin.flush()
            wait_for(lambda: memory.exists() and memory.stat().st_size == size, qemu)
            return lines + read_tables(memory.read_bytes())
        finally:
            qemu.kill()
            qemu.wait()


def main():
    options = arguments()
    if not any(os.access(os.path.join(folder, "qemu-system-x86_64"), os.X_OK) for folder in os.get_exec_path()):
        print("qemu_maps.py: there is no qemu-system-x86_64: expected Debian's qemu-system-x86", file=sys.stderr)
        return CANNOT
    failed = 0
    for line in options.file.read_text().splitlines():
        if not line.startswith("> "):
            continue
        lines = capture(line[2:])
        if lines is None:
            print(f"qemu_maps.py: {line[2:]}: its firmware did not come to an end", file=sys.stderr)
            failed = 1
            continue
        print("\n".join([line, *lines]), file=options.output, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
