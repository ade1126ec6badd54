"""The command: random-machines, its subcommands and what they print."""
import argparse
import json
import pathlib
import sys
import time

from . import alone, architectures, captures, compare, hunt, kernels, make, setup, shrink

DONE, FOUND, UNUSABLE, CANNOT = 0, 1, 2, 77  # 77: nothing could be done here, as automake has it
WORK = compare.ROOT / "build/machines"
EXAMPLES = """examples:
  random-machines setup                                  everything that booting needs, into build/machines
  random-machines make arm64 --seed 7                    print a machine
  random-machines make x86_64 --seed 1 --count 20 --out cases
  random-machines run cases/*.json --out boots           boot them; what is there already is not booted again
  random-machines compare boots                          does Quarry say what the kernels said?
  random-machines hunt armhf --seed 1 --count 150        make, boot and compare; resumes where it was broken off
  random-machines shrink build/machines/boots/random-arm64-0007 --out small
  random-machines boot arm64 armhf --seed 1 --count 60   Quarry alone on 120 machines: nothing is emulated

A machine is a case as tests/linux/README.md has them, a boot a capture that `quarry compare` and `quarry boot` read.
With one processor QEMU counts instructions, so the same machine and kernel give the same capture.

exit status: 0 nothing unexplained, 1 something differs without a reason or did not boot, 2 unusable arguments,
77 it cannot be done here: no QEMU, no kernels, no archive to fetch them from."""


def say(line):
    print(line, file=sys.stderr, flush=True)


def path(word):
    return pathlib.Path(word).resolve()


def seeds_of(words):
    return range(words.seed, words.seed + words.count)


def do_setup(words):
    setup.set_up(words.work, [architectures.ARCHITECTURES[name] for name in words.archs], say)
    print(f"setup: {words.work} has all that booting needs")
    return DONE


def do_make(words):
    cases = [make.make(words.arch, seed) for seed in seeds_of(words)]
    if not words.out:
        print(json.dumps(cases[0] if len(cases) == 1 else cases, indent=1))
        return DONE
    folder = pathlib.Path(words.out)
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        captures.write_json(folder / f"{case['name']}.json", case)
    print(f"make: {len(cases)} machines in {folder}")
    return DONE


def do_run(words):
    failed = 0
    for path in words.cases:
        case = captures.read_case(path)
        folder = pathlib.Path(words.out) / case["name"]
        if captures.is_done(folder) and not words.force:
            say(f"{case['name']:24} {captures.outcome_of(folder)}, booted before")
        else:
            result = captures.capture(case, words.work, folder, words.timeout)
            say(f"{case['name']:24} {result['outcome']} in {result['seconds']} s")
        failed += captures.outcome_of(folder) != "captured"
    print(f"run: {len(words.cases)} machines, {failed} of them did not come to the end")
    return FOUND if failed else DONE


def show(verdicts, word):
    print(compare.summary(verdicts), end="")
    for verdict in verdicts:
        for difference in verdict.findings:
            print(f"{verdict.name}: {difference.kind}, {difference.name}\n    quarry {difference.ours}\n    linux  {difference.theirs}")
    print(compare.totals(verdicts, word))
    return FOUND if any(verdict.findings for verdict in verdicts) else DONE


def do_compare(words):
    folders = [folder for place in words.captures for folder in compare.captured(place)]
    if not folders:
        say(f"compare: no captures in {', '.join(words.captures)}: expected folders with a result.json")
        return UNUSABLE
    return show([compare.compare(folder, words.tool) for folder in folders], "compare")


def do_shrink(words):
    small = shrink.shrink_capture(words.capture, words.work, words.out, words.timeout, words.boots, words.tool, say)
    print(f"shrink: {small}" if small else "shrink: nothing differs without a reason")
    return DONE


def do_hunt(words):
    begin = time.monotonic()
    words.seconds = words.timeout
    verdicts = hunt.hunt(words.arch, seeds_of(words), words.work, words.out or words.work / "boots", words, say)
    say(f"{time.monotonic() - begin:.0f} s")
    return show(verdicts, "hunt")


def do_sample(words):
    setup.set_up(words.work, list(architectures.ARCHITECTURES.values()), say)
    words.seconds, words.shrink = words.timeout, 0
    verdicts = []
    for arch in architectures.ARCHITECTURES:
        verdicts += hunt.hunt(arch, seeds_of(words), words.work, words.work / "sample", words, say)
    show(verdicts, "sample")
    failed = sum(bool(verdict.findings) for verdict in verdicts)
    print(f"{len(verdicts) - failed} passed, {failed} failed")
    return FOUND if failed else DONE


def do_boot(words):
    passed = failed = 0
    for arch in words.archs:
        held, did_not = alone.boot_all(arch, seeds_of(words), words.corpus, words.tool, say)
        passed, failed = passed + held, failed + did_not
    print(f"{passed} passed, {failed} failed")
    return FOUND if failed else DONE


def parser():
    top = argparse.ArgumentParser(prog="random-machines", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
                                  description="Random machines, booted by a real kernel in QEMU and by Quarry: do they agree?")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, about, body, **options):
        made = commands.add_parser(name, help=about, description=about, **options)
        made.set_defaults(body=body)
        made.add_argument("--work", type=path, default=WORK, metavar="DIR", help="work folder (build/machines)")
        made.add_argument("--tool", type=path, default=compare.TOOL, metavar="FILE", help="quarry (build/release/quarry)")
        made.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="for one boot (120)")
        return made

    def drawn(made, count):
        made.add_argument("arch", choices=list(architectures.ARCHITECTURES))
        seeded(made, count)

    def seeded(made, count):
        made.add_argument("--seed", type=int, default=1, metavar="N", help="the first seed (1)")
        made.add_argument("--count", type=int, default=count, metavar="K", help=f"how many, from that seed on ({count})")

    command("setup", "fetch QEMU, kernels and busybox, and build the initrds", do_setup).add_argument(
        "--archs", nargs="+", choices=list(architectures.ARCHITECTURES), default=list(architectures.ARCHITECTURES), metavar="ARCH",
        help="x86_64, arm64, armhf (all)")
    made = command("make", "print machines, or write them as files", do_make)
    drawn(made, 1)
    made.add_argument("--out", metavar="DIR", help="a file each into this folder")
    made = command("run", "boot machines in QEMU and keep what they show", do_run)
    made.add_argument("cases", nargs="+", metavar="CASE", help="a case's file, or a capture")
    made.add_argument("--out", required=True, metavar="DIR", help="a folder each into this folder")
    made.add_argument("--force", action="store_true", help="boot again what is there")
    command("compare", "hold Quarry's boots against captures", do_compare).add_argument(
        "captures", nargs="+", metavar="DIR", help="a capture, or a folder of captures")
    made = command("shrink", "make a machine that differs small", do_shrink)
    made.add_argument("capture", metavar="DIR")
    made.add_argument("--out", required=True, metavar="DIR", help="the small machine's capture goes into this folder")
    made.add_argument("--boots", type=int, default=60, metavar="N", help="at most so many boots (60)")
    made = command("hunt", "make, boot, compare, shrink: all in one, resumable", do_hunt)
    drawn(made, 150)
    made.add_argument("--out", type=path, metavar="DIR", help="where captures are (boots in the work folder)")
    made.add_argument("--shrink", type=int, default=0, metavar="N", help="make what differs small, in at most so many boots (0: not)")
    seeded(command("sample", "setup, and a small hunt on each architecture: what ./check --all runs", do_sample), 3)
    made = command("boot", "Quarry alone on machines that nobody boots: none may make it fail", do_boot)
    made.add_argument("archs", nargs="+", choices=list(architectures.ARCHITECTURES), metavar="ARCH", help="x86_64, arm64, armhf")
    seeded(made, 60)
    made.add_argument("--corpus", type=path, default=compare.ROOT / "build/release/corpus", metavar="DIR",
                      help="recorded boots, for their kernels' profiles (build/release/corpus)")
    return top


def main(arguments=None):
    words = parser().parse_args(arguments)
    try:
        return words.body(words)
    except (setup.Unreachable, kernels.NoKernel) as why:
        print(f"random-machines: {why}")
        return CANNOT
    except (OSError, ValueError) as problem:
        say(f"random-machines: {problem}")
        return UNUSABLE
    except KeyboardInterrupt:
        return 130
