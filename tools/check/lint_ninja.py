"""Writes the ninja file for what is compiled only to be looked at: clang-tidy, headers alone, bare machines.

Ninja runs one process a file on all cores, and leaves out what has not changed since it last passed:
every rule writes down the headers it read.
"""
import pathlib
import re
import shutil
import subprocess

import grouping
import sources

OUT = "build/check/lint"
FILE = f"{OUT}/build.ninja"
STRICT = "-std=c++20 -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Werror -I."
# Paths that tests are given; any string will do here.
DEFINES = " ".join(f"-D{name}=__FILE__" for name in
                   re.findall(r'"(QUARRY_[A-Z_]+)=', pathlib.Path("cmake/tests.cmake").read_text()))
MACHINES = ("x86_64", "aarch64", "arm", "riscv64")
COMPILERS = ("gcc", "clang")
KERNELS = ("x86_64", "aarch64")  # what the reference kernel runs on
TIDIED = (*sources.BARE, *sources.HOSTED, "tests")

RULES = f"""
builddir = {OUT}
rule headers
  command = $compile -fsyntax-only -x c++ -include $in /dev/null -MD -MT $out -MF $out.d && touch $out
  description = $in alone
  depfile = $out.d
  deps = gcc
rule compile
  command = COMPILE="$launcher $compile" LD=$ld tools/compile_group $out $in
  description = $in
  depfile = $out.d
  deps = gcc
rule symbols
  command = tools/check_symbols.sh $nm $library && $
            ALSO='quarry::test::put\\(.*\\)|__(start|stop)_quarry_tests' tools/check_symbols.sh $nm $in && touch $out
  description = symbols
rule hermetic
  command = ! echo '#include <unistd.h>' | $compile -fsyntax-only -x c++ - 2>/dev/null && touch $out || $
            {{ echo "glibc's headers are in reach"; exit 1; }}
  description = hermetic
rule tidy
  command = FLAGS="{STRICT} {DEFINES}" tools/tidy $out $in
  description = $in
  depfile = $out.d
  deps = gcc
"""


def write_if_new(path, text):
    path = pathlib.Path(path)
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def name_of(path):
    return path.replace("/", "-")


def tidy(target, at_once, with_tests):
    """Sources in groups of a kind: most of the time goes into the large headers that they share."""
    stamps, kinds = [], {}
    for path in sources.files(".cpp", folders=TIDIED):
        if not path.endswith("_bench.cpp"):  # their library is not among what the checks install
            ending = re.search(r"(_(model_test|test|fuzz))?\.cpp$", path)[0]
            if not with_tests and (ending != ".cpp" or path.startswith("tests/")):
                continue
            kinds.setdefault((path.split("/")[0], ending), []).append(path)
    for kind, paths in reversed(kinds.items()):  # those that take longest first
        for group in grouping.groups(paths, at_once if kind != ("tests", ".cpp") else 1):
            stamps.append(f"{OUT}/{target}/{name_of(group[0])}")
            yield f"build {stamps[-1]}: tidy {' '.join(group)} | .clang-tidy tools/tidy"
    yield f"build {target}: phony {' '.join(stamps)}"


def headers(target, command, folders, without="nothing"):
    stamps = []
    for path in sources.files(".hpp", folders=folders):
        if without in path:
            continue
        stamps.append(f"{OUT}/{target}/{name_of(path)}")
        yield f"build {stamps[-1]}: headers {path}\n  compile = {command}"
    yield f"build {target}: phony {' '.join(stamps)}"


def bare_command(compiler, machine):
    """The compile command for a bare machine, or nothing where its compiler is not installed."""
    asked = subprocess.run(["tools/bare_flags", compiler, machine], capture_output=True, text=True)
    warnings = " -Wthread-safety" if compiler == "clang" else ""
    return asked.stdout.strip() + f" {STRICT}{warnings}" if asked.returncode == 0 else None


def bare(target, command, machine, at_once, with_tests):
    """Library and perhaps unit tests as objects, and the symbols that they need."""
    triple = "arm-linux-gnueabihf" if machine == "arm" else f"{machine}-linux-gnu"
    nm = shutil.which(f"{triple}-nm") or "llvm-nm"
    ld = shutil.which(f"{triple}-ld") or "ld.lld"
    launcher = "ccache" if shutil.which("ccache") else ""
    library, tests = [], []
    for made, paths in ((library, sources.bare_library()), (tests, sources.bare_tests() if with_tests else [])):
        for group in grouping.groups(paths, at_once):
            made.append(f"{OUT}/{target}/{name_of(group[0])}.o")
            yield f"build {made[-1]}: compile {' '.join(group)} | tools/compile_group"
            yield f"  compile = {command}\n  launcher = {launcher}\n  ld = {ld}"
    yield f"build {OUT}/{target}/symbols: symbols {' '.join(library + tests)} | tools/check_symbols.sh"
    yield f"  nm = {nm}\n  library = {' '.join(library or tests)}"
    yield f"build {OUT}/{target}/hermetic: hermetic\n  compile = {command}"
    yield f"build {target}: phony {OUT}/{target}/hermetic {OUT}/{target}/symbols"


def write():
    """Brings the ninja file up to date with the tree. Returns the targets, and of how many files each is made."""
    lines = [RULES, *tidy("tidy", 12, with_tests=False), *tidy("tidy-each", 1, with_tests=True)]
    lines += headers("headers", f"g++ {STRICT} {DEFINES}", (*sources.BARE, *sources.HOSTED))
    for compiler in COMPILERS:
        for machine in MACHINES:
            if command := bare_command(compiler, machine):
                lines += headers(f"headers-{compiler}-{machine}", command, sources.BARE)
                if machine in KERNELS:
                    other = next(kernel for kernel in KERNELS if kernel != machine)
                    lines += headers(f"headers-kernel-{compiler}-{machine}", f"{command} -Ikernel/{machine}", ("kernel",),
                                     without=f"kernel/{other}/")
                # Tests are large, and alike on all machines: at -O2 on one.
                lines += bare(f"bare-{compiler}-{machine}", f"{command} -O2", machine, 8, False)
                lines += bare(f"bare0-{compiler}-{machine}", f"{command} -O0", machine, 1, True)
    text = "\n".join(lines) + "\n"
    write_if_new(FILE, text)
    return {name: sum(len(line.split()) for line in re.findall(
                rf"^build {OUT}/{name}/\S+: (?:tidy|headers|compile) ([^|\n]*)", text, re.M))
            for name in re.findall(r"^build (\S+): phony", text, re.M)}
