"""What all checks of the command share: calling it, and saying what came of a check."""
import os
import subprocess
import sys

TOOL, CORPUS = sys.argv[1:3]
BUILTINS = ["pc-2g", "numa-8n", "arm64-virt-8g", "arm-highmem-2g", "arm64-reserved"]


def report(name, problem):
    print(f"FAIL {name}: {problem}" if problem else f"ok {name}")


def tool(*words, stdin=b"", env=None):
    """Exit status, standard output, standard error."""
    done = subprocess.run([TOOL, *words], input=stdin, capture_output=True, timeout=60, env=dict(os.environ, **(env or {})))
    return done.returncode, done.stdout, done.stderr


def boot(*words, stdin=b"", env=None):
    return tool("boot", *words, stdin=stdin, env=env)


def refused(name, status, words, got, *texts):
    code, out, err = got
    lines = err.decode(errors="replace").splitlines()
    problem = ""
    if code != status:
        problem = f"exit status {code}, not {status}: {lines[:1]}"
    elif out:
        problem = "something went to standard output"
    elif len(lines) != 1 or not lines[0].startswith("quarry: "):
        problem = f"not one line that begins with 'quarry: ': {lines[:3]}"
    elif any(text not in lines[0] for text in (*words, *texts)):
        problem = f"{lines[0]!r} does not say {words}"
    report(name, problem)


def log(entries, more=()):
    lines = ["Linux version 6.1.0-1-amd64", "Command line: nokaslr", "BIOS-provided physical RAM map:"]
    lines += [f"BIOS-e820: [mem {begin:#018x}-{end - 1:#018x}] {kind}" for begin, end, kind in entries]
    return "\n".join(f"[    0.000000] {line}" for line in (*lines, *more)).encode() + b"\n"
