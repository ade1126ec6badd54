#!/usr/bin/env python3
"""Boots the reference kernel: its own tests pass, all of the library's are among them, its shell
answers, and a kernel that dies says where.

usage: kernel_run.py ARCH     x86_64 or aarch64
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 300

# Each way to die, and what must be said.
DEATHS = {
    "null": r"exception .*core 0.*\n(.*\n)*  called from [0-9a-f]+ [0-9a-f]+",
    "code": r"exception .*core 0",
    "stack": r"exception .*core 0",
    "check": r"panic: a promise that is broken on purpose at kernel/crash\.cpp:\d+, core 0\n  called from [0-9a-f]+ [0-9a-f]+",
    "deaf": r"panic: cores that were deaf to interrupts stand still at ",
    "core": r"panic: a promise that another core breaks at kernel/crash\.cpp:\d+, core [1-9]\d*\n",
}


def run(arch, *words, typed=""):
    said = subprocess.run([ROOT / "kernel/run", arch, *words], input=typed, capture_output=True, text=True,
                          errors="replace", timeout=SECONDS, check=False)
    return said.returncode, said.stdout.replace("\r", "") + said.stderr


def written_tests():
    """How many unit tests there are, by the same rule as the build's."""
    paths = [path for path in (ROOT / "quarry").rglob("*_test.cpp") if not path.name.endswith("_model_test.cpp")]
    return sum(len(re.findall(r"^TEST\(", path.read_text(), re.M)) for path in paths)


def passes(arch):
    status, said = run(arch, "--test")
    verdict = re.search(rf"^kernel: PASS arch={arch} tests=(\d+) ops=(\d+) faults=(\d+)$", said, re.M)
    if status != 0 or not verdict:
        return f"the kernel's tests ended with {status}:\n{said[-3000:]}"
    tests, operations, faults = (int(number) for number in verdict.groups())
    if tests < written_tests():
        return f"{written_tests()} tests are written, {tests} ran"
    if operations < 100_000 or faults < 10 or "4 of 4 cores run" not in said:
        return f"too little happened: {verdict[0]}"
    print(verdict[0])
    return None


def dies(arch, way):
    status, said = run(arch, "--", "-append", f"crash={way}")
    if status == 0 or not re.search(DEATHS[way], said):
        return f"crash={way} ended with {status}, and not as it should:\n{said[-1500:]}"
    return None


def is_too_small(arch):
    # Where QEMU itself refuses less than the kernel needs, a limit on the command line takes the rest.
    options = ("-m", "3M") if arch == "x86_64" else ("-append", "mem=64K")
    status, said = run(arch, "--", *options, "-smp", "1")
    if status == 0 or not re.search(r"^quarry: .*give it more( memory)? \(-m\)", said, re.M):
        return f"a machine that is too small ended with {status}:\n{said[-1500:]}"
    return None


# What is typed into the shell, and what it says; \x7f and \x15 take back, \t completes.
SESSION = [
    ("cpu 2\r", r"quarry> cpu 2\nCPU 2 of 4 asks from now on\n"),
    ("alloc_pagx\x7f\t3\r", r"alloc_pages 3\n.*order 3"),
    ("nonsense\x15heldd\x7f\r", r"order 3"),
    ("kmalloc 100\r", r"128 bytes can be used"),
    ("kmem_cache_create mine 200\rkmem_cache_alloc mine 50\r", r"50 of 50 objects of mine, from 0x"),
    ("cpu 0\rfree_all\r", r"1 block and 51 objects taken back\n"),
    ("slabtop\rq", r" Active / Total Objects (.*\n)+.* NAME.*\n(.*\n)+.* a key ends.*\n"),
    ("kmem_cache_destroy mine\r", r"quarry> kmem_cache_destroy mine\nquarry> "),
    ("vzalloc 5M\r", r"0xffff[af]00000000000  5 MiB in 258 pages: 2 of 2 MiB, 256 of 4 KiB\n"),
    ("vmallocinfo\r", r"0xffff[af]00000000000-0xffff[af]00000501000 5246976 shell pages=1280 vmalloc N0=1280\n"),
    ("free_all\rpurge\r", r"1 area taken back\n(.*\n)*1 area forgotten by all CPUs; \d+ page tables are left\n"),
    ("audit\r", r"every law holds\n"),
    ("iomem\r", r"  [0-9a-f]{8}-[0-9a-f]{8} : Kernel code\n"),
    ("quit\r", r"quarry> quit\n"),
]


def has_a_shell(arch):
    status, said = run(arch, typed="".join(typed for typed, _ in SESSION))
    while (shorter := re.sub(r"[^\n\x08]\x08 \x08", "", said)) != said:  # as a terminal shows it
        said = shorter
    begin = said.find("quarry> ")
    for typed, answer in SESSION:
        if not (found := re.compile(answer).search(said, max(begin, 0))):
            return f"the shell's answer to {typed!r} is not {answer}:\n{said[begin:]}"
        begin = found.end()
    return f"the shell ended with {status}" if status != 0 else None


def example_reaches_kmalloc():
    """examples/kernel_x86_64, which also keeps to the length that it promises."""
    lines = len((ROOT / "examples/kernel_x86_64/kernel.cpp").read_text().splitlines())
    image = ROOT / "build/kernel-x86_64/example-kernel.elf"
    done = subprocess.run(["qemu-system-x86_64", "-M", "q35", "-m", "128M", "-nodefaults", "-display", "none", "-no-reboot",
                           "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", image],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 33 or done.stdout != "kmalloc works\n" or lines > 60:
        return f"the example of {lines} lines ended with {done.returncode}:\n{done.stdout}"
    return None


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    arch = sys.argv[1]
    subprocess.run([ROOT / "tools/build", f"kernel-{arch}", "all"], check=True)
    jobs = [lambda: passes(arch), lambda: has_a_shell(arch), lambda: is_too_small(arch), *(lambda way=way: dies(arch, way) for way in DEATHS)]
    if arch == "x86_64":
        jobs.append(example_reaches_kmalloc)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [what for what in pool.map(lambda job: job(), jobs) if what]
    print("".join(f"{what}\n" for what in wrong), end="")
    print(f"{len(jobs) - len(wrong)} passed, {len(wrong)} failed: boots of the kernel")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
