"""The steps of ./check, in the order in which they begin."""
import fcntl
import functools
import os
import pathlib
import re
import subprocess

import lint_ninja
import sources
from runner import CORES, LOGS, Failed, Skipped, Step

WHOLE = CORES  # a step that keeps all cores busy by itself
FEWER_CASES = {"RC_PARAMS": "max_success=25"}  # of random ones, where sanitizers make each slow: others have 100
FUZZ_SECONDS, FUZZ_SECONDS_LONG = 2, 60


# --- What several steps do -------------------------------------------------------------------------
def command(*words, env=None):
    return lambda job: job.run(*words, env=env) and None


def build(preset, *targets):
    def body(job):
        job.run("tools/build", "-v", preset, *targets, timeout=1800)
        return f"build/{preset}"
    return body


@functools.cache
def fixed_addresses():
    """Sanitizers of this age lose their way when the kernel spreads addresses too far."""
    words = ("setarch", "-R")
    return words if subprocess.run([*words, "true"], capture_output=True).returncode == 0 else ()


def lint(target):
    def body(job):
        with open(LOGS / ".lint.lock", "w") as lock:  # one ninja at a time, even if ./check runs twice
            fcntl.flock(lock, fcntl.LOCK_EX)
            targets = lint_ninja.write()
            if target not in targets:
                raise Skipped("its compiler is not installed")
            job.run("ninja", "-f", lint_ninja.FILE, "-k", "0", target, timeout=1800)
        return f"{targets[target]} files"
    return body


# --- The rules -------------------------------------------------------------------------------------
def formatting(job):
    everything = sources.files(".hpp", ".cpp", ".h")
    job.run("clang-format-19", "--dry-run", "-Werror", *everything)
    return f"{len(everything)} files"


def shell(job):
    job.run("shellcheck", *sources.scripts())
    return f"{len(sources.scripts())} scripts"


# --- Tests -----------------------------------------------------------------------------------------
def harness(job):
    said = job.run("build/release/must_fail", check=False)
    if "0 passed, 2 failed" not in said:
        raise Failed("the harness let a bad test pass")
    return "a wrong test and an empty one fail"


def unit(preset):
    def body(job):
        said = job.run(*fixed_addresses(), f"build/{preset}/unit_tests")
        ran = int(said[-1].split()[0])
        written = sum(len(re.findall(r"^TEST\(", pathlib.Path(path).read_text(), re.M)) for path in sources.bare_tests())
        if ran < written:
            raise Failed(f"{written} tests are written, {ran} ran")
    return body


def model(preset, env=None, timeout=900, part=0, parts=1):
    def body(job):
        share = {"GTEST_TOTAL_SHARDS": str(parts), "GTEST_SHARD_INDEX": str(part), **(env or {})}
        said = job.run(*fixed_addresses(), f"build/{preset}/model_tests", "--gtest_brief=1", env=share, timeout=timeout)
        ran = re.search(r"\[  PASSED  \] (\d+)", "\n".join(said))
        return f"{ran[1]} tests" if ran else ""
    return body


def unit_32bit(job):
    """What was compiled for arm runs here too; all of the tests must be there."""
    said = job.run("qemu-arm", "build/arm32/unit_tests")
    written = sum(len(re.findall(r"^TEST\(", pathlib.Path(path).read_text(), re.M)) for path in sources.bare_tests())
    if int(said[-1].split()[0]) < written:
        raise Failed(f"{written} tests are written, {said[-1].split()[0]} ran")


def proof(what, preset="release", runner=()):
    """The boot-time allocators against their models; the detail says how much was covered."""
    def body(job):
        sums = {}
        for line in job.run(*runner, f"build/{preset}/early_proof", what, timeout=3600):
            for number, of in re.findall(r"([\d.]+) million (sequences|distinct states|transitions|operations)", line):
                sums[of] = sums.get(of, 0) + float(number)
        return "millions: " + ", ".join(f"{number:.2f} {of}" for of, number in sums.items())
    return body


def pages(what):
    """The page allocator of both policies against an obvious one."""
    return command("build/release/pages_proof", what)


def fuzz(name, preset, seconds, *options):
    def body(job):
        kept = LOGS / f"fuzz/{preset}-{name}"
        kept.mkdir(parents=True, exist_ok=True)
        seeds = [path for path in (f"tests/seeds/{name}",) if os.path.isdir(path)]
        words = [f"-dict=tests/seeds/{name}.dict"] if os.path.exists(f"tests/seeds/{name}.dict") else []
        corpus = kept / "corpus"
        if options:
            subprocess.run(["rm", "-rf", corpus], check=True)  # a fixed seed wants a fixed beginning
        corpus.mkdir(exist_ok=True)
        said = job.run(*fixed_addresses(), f"build/{preset}/fuzz_{name}", f"-max_total_time={seconds}", "-timeout=20",
                       "-error_exitcode=1",  # not libFuzzer's 77, which says "skipped" here
                       "-rss_limit_mb=3072", f"-artifact_prefix={kept}/", *options, *words, corpus, *seeds)
        done = next((line for line in reversed(said) if re.match(r"#\d+\s+DONE", line)), "")
        runs, cover = re.search(r"#(\d+)", done), re.search(r"cov: (\d+)", done)
        return f"{runs[1]} runs, {cover[1]} edges" if runs and cover else done
    return body


def script(path):
    return command(os.path.abspath(path), os.path.abspath("build/release/quarry"), os.path.abspath("build/release/corpus"))


KERNELS = {"x86_64": "qemu-system-x86_64", "aarch64": "qemu-system-aarch64"}


def kernel_steps():
    """The reference kernel: built, booted in QEMU, compared with the boots of Linux on the same machines."""
    for arch, emulator in KERNELS.items():
        tools = (emulator, f"{arch}-linux-gnu-g++")
        yield Step(f"build-kernel-{arch}", "the reference kernel without and with unit tests, and the least one",
                   build(f"kernel-{arch}", "all"), cores=WHOLE, tools=tools)
        yield Step(f"headers-kernel-{arch}", "each header of it alone, clang++", lint(f"headers-kernel-clang-{arch}"), cores=WHOLE,
                   tools=("clang++",))
        yield Step(f"kernel-{arch}", "it boots in QEMU, its tests pass, and it says where it dies",
                   command("tests/kernel_run.py", arch), (f"build-kernel-{arch}",), cores=WHOLE, counts=True, tools=tools)
        yield Step(f"kernel-agreement-{arch}", "its zones are those of Linux and of the tool on the same machines",
                   command("tests/kernel_agreement.py", "build/release/quarry", "build/release/corpus", arch),
                   ("build-release", f"build-kernel-{arch}"), counts=True, tools=tools)


# --- All of them -----------------------------------------------------------------------------------
def all_steps():
    bare = [(compiler, machine) for machine in lint_ninja.MACHINES for compiler in lint_ninja.COMPILERS]
    # Each machine but aarch64, for which the kernel is compiled, by one compiler in every run; by the other one too where time
    # does not count.
    often = [("clang", "x86_64"), ("gcc", "arm"), ("gcc", "riscv64")]
    test_scripts = [path for path in sources.files(".sh", folders=("tests",))
                    if path.count("/") == 1 and os.access(path, os.X_OK)]
    quick = [
        Step("layers", "rooms include only what is below them", command("tools/check_layers.py")),
        Step("prose", "no path, person or number from outside the project", command("tools/check_prose.py")),
        Step("sizes", "no source of more than 600 lines", command("tools/check_sizes.py")),
        Step("errors", "a test for each Error that the early room returns", command("tools/check_errors.py")),
        Step("faults", "each fault that tests are to find applies to one place of the sources",
             command("tools/mutate", "--applies", *(f"tests/mutations/{name}.toml" for name in ("early", "buddy", "slab"))), counts=True),
        Step("format", "clang-format-19, exactly", formatting, tools=("clang-format-19",)),
        Step("shell", "shellcheck over the scripts", shell, tools=("shellcheck",)),
        Step("rules", "the rules above find what they forbid", command("tests/tidiness/rules"), counts=True, tools=("g++", "valgrind")),
        Step("united", "what is compiled as one goes together, and what does not is parted", command("tests/tidiness/united"), counts=True,
             tools=("g++",)),
    ]
    builds = [
        Step("build-release", "the tool, g++ -O2", build("release", "quarry", "corpus", "early_proof", "pages_proof", "pages_threads", "pages_schedules", "slab_threads",
                               "slab_schedules", "kmap_schedules", "vmalloc_threads", "vmalloc_schedules", "fdt_against_libfdt", "must_fail", "examples"),
             cores=WHOLE),
        Step("build-tests", "model and agreement tests, g++", build("release", "model_tests"), ("build-release",), cores=WHOLE),
        Step("build-asan", "unit tests and fuzzers, clang++ with ASan and UBSan", build("asan", "unit_tests", "fuzzers"), cores=WHOLE),
    ]
    compiled = [Step(f"bare-{compiler}-{machine}", "the library without libc, -O2; its symbols",
                     lint(f"bare-{compiler}-{machine}"), cores=WHOLE) for compiler, machine in often]
    tests = [  # those that take longest first, so that no core is left alone with one
        Step("model-1", "model and agreement tests, one half", model("release", part=0, parts=2), ("build-tests",), counts=True),
        Step("model-2", "the other half", model("release", part=1, parts=2), ("build-tests",), counts=True),
        *(Step(f"script-{pathlib.Path(path).stem}", path, script(path), ("build-release",), counts=True) for path in test_scripts),
        Step("unit-asan", "unit tests, clang++, ASan and UBSan", unit("asan"), ("build-asan",), counts=True),
        Step("proof-sequences", "memblock and bootmem: all sequences of three operations on six pages", proof("sequences"),
             ("build-release",)),
        Step("pages", "the page allocator against a model: short sequences exhausted, long ones at random", pages("quick"),
             ("build-release",), counts=True),
        Step("pages-schedules", "the page allocator: all schedules of two and three cores, two preemptions each",
             command("build/release/pages_schedules", "2"), ("build-release",), counts=True),
        Step("pages-threads", "the page allocator used by eight threads, stamped and checked",
             command("build/release/pages_threads", "2", "8"), ("build-release",), counts=True),
        Step("slab-schedules", "the slab allocator: all schedules of two and three cores, two preemptions each",
             command("build/release/slab_schedules", "2"), ("build-release",), counts=True),
        Step("kmap-schedules", "windows on high memory: all schedules of two and three cores, two preemptions each",
             command("build/release/kmap_schedules", "2"), ("build-release",), counts=True),
        Step("slab-threads", "caches and kmalloc used by eight threads on two nodes, stamped and checked",
             command("build/release/slab_threads", "2", "8"), ("build-release",), counts=True),
        Step("vmalloc-schedules", "vmalloc: all schedules of two and three cores, three and two preemptions each",
             command("build/release/vmalloc_schedules", "3"), ("build-release",), counts=True),
        Step("vmalloc-threads", "vmalloc used by eight threads that remember translations, stamped and checked",
             command("build/release/vmalloc_threads", "2", "8"), ("build-release",), counts=True),
        Step("examples", "the examples do what they say", command("build/release/examples"), ("build-release",), counts=True),
        Step("harness", "the harness sees what is wrong", harness, ("build-release",)),
    ]
    tests += [Step("run", "./run is the tool and nothing else", command("tests/tidiness/run"), ("build-release",), counts=True)]
    tests += [Step("agreement", "docs/agreement.md has the tables that the tool makes", command("tools/agreement.py", "--check"),
                   ("build-release",))]
    tests += [Step("man-page", "docs/quarry.1 is what the tool says of itself", command("tools/man_page.py", "--check"), ("build-release",))]
    tests += [Step("random-machines-alone", "random machines boot here, whole and each time the same",
                   command("tools/random-machines", "boot", "x86_64", "arm64", "armhf", "--count", "60"), ("build-release",), counts=True)]
    tests += [Step(f"fuzz-{name}", f"{FUZZ_SECONDS} s of {path}", fuzz(name, "asan", FUZZ_SECONDS, "-seed=1"), ("build-asan",))
              for name, path in sources.fuzzers().items()]
    tests += kernel_steps()
    long = [
        Step("build-32bit", "tests for arm, to run here", build("arm32", "unit_tests", "early_proof"), cores=WHOLE,
             tools=("arm-linux-gnueabihf-g++",)),
        Step("headers-host", "each header alone, g++", lint("headers"), cores=WHOLE),
        Step("headers-bare-clang", "each header alone, without libc", lint("headers-clang-x86_64"), cores=WHOLE),
        Step("observer-cost", "an observer that is off costs no instruction", command("tools/check_observer_cost"), ("build-release",),
             tools=("valgrind",)),
        Step("proof-states", "memblock: all distinct states five operations deep, by theme", proof("states"),
             ("build-release",)),
        Step("headers-bare-gcc", "each header alone, without libc, 32 bits", lint("headers-gcc-arm"), cores=WHOLE),
        Step("unit-32bit", "unit tests as 32-bit code", unit_32bit, ("build-32bit",), counts=True, tools=("qemu-arm",)),
        Step("proof-32bit", "memblock and bootmem against their models as 32-bit code, a little of each",
             proof("quick", "arm32", ("qemu-arm",)), ("build-32bit",), tools=("qemu-arm",)),
        Step("build-model", "unit and model tests, g++", build("dev", "unit_tests", "model_tests"), cores=WHOLE),
        Step("unit-dev", "unit tests, g++", unit("dev"), ("build-model",), counts=True),
        Step("tidy", "clang-tidy 14 over all but tests", lint("tidy"), cores=WHOLE, tools=("clang-tidy",)),
        Step("build-tsan", "tests, clang++ with TSan", build("tsan", "unit_tests", "model_tests", "pages_threads", "slab_threads", "vmalloc_threads"), cores=WHOLE),
        Step("build-asan-tool", "the tool and model tests, clang++ with ASan and UBSan", build("asan", "quarry", "fdt_against_libfdt", "model_tests"),
             cores=WHOLE),
        Step("build-fuzz", "fuzzers, -O2", build("fuzz", "fuzzers"), cores=WHOLE),
        Step("build-freestanding", "the preset for bare machines", build("freestanding", "all"), cores=WHOLE),
        Step("model-dev", "model and agreement tests, g++", model("dev"), ("build-model",), counts=True),
        Step("model-asan", "model and agreement tests, clang++, ASan and UBSan", model("asan", FEWER_CASES, 1800), ("build-asan-tool",), counts=True),
        Step("unit-tsan", "unit tests, clang++, TSan", unit("tsan"), ("build-tsan",), counts=True),
        Step("model-tsan", "model tests, clang++, TSan", model("tsan", timeout=3600), ("build-tsan",), counts=True),
        Step("pages-tsan", "the page allocator used by eight threads for two minutes, TSan",
             lambda job: job.run(*fixed_addresses(), "build/tsan/pages_threads", "60", "8") and None, ("build-tsan",), counts=True),
        Step("slab-schedules-deep", "the slab allocator: all schedules of two and three cores, three preemptions each",
             command("build/release/slab_schedules", "3"), ("build-release",), counts=True),
        Step("slab-tsan", "caches and kmalloc used by eight threads for two minutes, TSan",
             lambda job: job.run(*fixed_addresses(), "build/tsan/slab_threads", "60", "8") and None, ("build-tsan",), counts=True),
        Step("vmalloc-schedules-deep", "vmalloc: all schedules of two and three cores, four and three preemptions each",
             command("build/release/vmalloc_schedules", "4"), ("build-release",), counts=True),
        Step("vmalloc-tsan", "vmalloc used by eight threads for two minutes, TSan",
             lambda job: job.run(*fixed_addresses(), "build/tsan/vmalloc_threads", "60", "8") and None, ("build-tsan",), counts=True),
        Step("soak", "model tests, twenty times as many cases",
             model("dev", {"RC_PARAMS": "max_success=2000", "QUARRY_SOAK": "1"}, 3600), ("build-model",), counts=True),
    ]
    long += [
        Step("proof-deep", "memblock: all distinct states five operations deep, all operations at once", proof("deep"),
             ("build-release",)),
        Step("proof-random", "memblock and bootmem: random operations", proof("random"), ("build-release",)),
        Step("proof-32bit-long", "sequences of three as 32-bit code", proof("sequences", "arm32", ("qemu-arm",)),
             ("build-32bit",), tools=("qemu-arm",)),
        Step("proof-32bit-random", "random operations as 32-bit code", proof("random", "arm32", ("qemu-arm",)),
             ("build-32bit",), tools=("qemu-arm",)),
        Step("pages-states", "the page allocator: all distinct states four to six operations deep", pages("states"),
             ("build-release",), counts=True),
        Step("pages-random", "the page allocator: a million random operations", pages("random"), ("build-release",), counts=True),
        Step("mutation", "faults in the boot-time allocators that their tests must find",
             command("tools/mutate", "tests/mutations/early.toml"), cores=WHOLE, counts=True),
        Step("mutation-pages", "faults in the page allocator that its tests must find",
             command("tools/mutate", "tests/mutations/buddy.toml"), cores=WHOLE, counts=True),
        Step("mutation-slab", "faults in the slab allocator that its tests must find",
             command("tools/mutate", "tests/mutations/slab.toml"), cores=WHOLE, counts=True),
    ]
    long += [Step("random-machines", "random machines booted by Debian's kernels in QEMU, and here",
                  lambda job: job.run("tools/random-machines", "sample", timeout=3600) and None, ("build-release",), counts=True,
                  tools=("apt-get", "dpkg-deb"))]
    long += [Step("kernel-bench", "instructions of allocations, the reference kernel beside Debian's Linux in one emulator",
                  command("kernel/bench"), ("build-kernel-x86_64",), cores=WHOLE, tools=("apt-get", "dpkg-deb", "qemu-system-x86_64"))]
    long += [Step("debian-trees", "every device tree of Debian's arm kernels, beside libfdt and booted",
                  lambda job: job.run("tools/debian-trees", timeout=3600) and None, ("build-release", "build-asan-tool"), cores=WHOLE,
                  counts=True, tools=("apt-get", "dpkg-deb", "setarch"))]
    long += [Step("tidy-each", "clang-tidy 14, each source by itself, tests too", lint("tidy-each"), cores=WHOLE, tools=("clang-tidy",))]
    long += [Step(f"bare-{compiler}-{machine}", "the library without libc, -O2; its symbols",
                  lint(f"bare-{compiler}-{machine}"), cores=WHOLE) for compiler, machine in bare if (compiler, machine) not in often]
    long += [Step(f"bare0-{compiler}-{machine}", "library and unit tests without libc, -O0; their symbols",
                  lint(f"bare0-{compiler}-{machine}"), cores=WHOLE) for compiler, machine in bare]
    long += [Step(f"headers-{compiler}-{machine}", "each header alone, without libc",
                  lint(f"headers-{compiler}-{machine}"), cores=WHOLE) for compiler, machine in bare]
    long += [Step(f"hunt-{name}", f"{FUZZ_SECONDS_LONG} s of {path}, from where the last hunt ended",
                  fuzz(name, "fuzz", FUZZ_SECONDS_LONG), ("build-fuzz",)) for name, path in sources.fuzzers().items()]
    for step in long:
        step.long = True
    return quick + builds + compiled + tests + long
