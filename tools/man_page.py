#!/usr/bin/env python3
"""man_page.py [--write | --check] [TOOL]: the manual page, of what the tool says of itself.

Commands, options and examples are those of `quarry --help` and `quarry COMMAND --help`; what frames them stands here. Without a word it
prints the page; --write puts it into docs/quarry.1; --check fails if that is another one.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/quarry.1"

DESCRIPTION = """\
.B quarry
boots the memory system of a kernel, in a process, on the description of any machine, and says where every byte of its RAM
went, and why. On the same machine it decides as a booted Linux 6.1 does, address for address. Nothing is changed on the
machine that it runs on, and no privilege is needed.
.PP
A machine is told apart by what it is: a flattened device tree, a kernel's boot log, the directory of a recorded boot,
.B host
(the machine at hand, as far as it can be read),
.B qemu:
and a command line of QEMU, the name of a built-in one
.RB ( "quarry boot --list" ),
or
.B -
for standard input. Sizes take the suffixes K, M, G and T; addresses are hexadecimal."""

EXIT_STATUS = [
    ("0", "Done; of compare and replay: nothing differs."),
    ("1", "A difference, a mismatch or a finding."),
    ("2", "The arguments cannot be used."),
    ("3", "The input is malformed: one line on standard error says what, where and what was expected."),
    ("4", "The machine cannot boot: why, and the largest hole."),
]


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("·", "\\(bu")
    return "\\&" + text if text.startswith((".", "'")) else text


def sentence(text):
    """A meaning as a sentence of its own; what begins with a name keeps its letters."""
    first = text.split(" ", 1)[0]
    if first.isalpha():
        text = text[:1].upper() + text[1:]
    return escape(text if text.endswith((".", "?", "…")) else text + ".")


def help_of(tool, *words):
    return subprocess.run([tool, *words, "--help"], capture_output=True, text=True, check=True).stdout


def sections(text):
    """What a help text has: its first line, pairs of options, the examples."""
    about, usage, pairs, examples = text.split("\n", 1)[0], "", [], []
    where = ""
    for line in text.splitlines()[1:]:
        if line.startswith("Usage: "):
            usage = line.removeprefix("Usage: ")
        elif re.match(r"^\S.*:$", line) or line.strip() in ("Options:", "Positionals:"):
            where = line.strip().rstrip(":")
        elif line.startswith("Exit status"):
            where = ""
        elif line.startswith("[Option Group"):
            where = ""
        elif where == "Examples":
            if line.strip():
                examples.append(line[2:] if line.startswith("  ") else line)
            else:
                where = ""
        elif where in ("Options", "Positionals", "Subcommands") and line.strip():
            words = re.match(r"^\s+(\S.*?)(?:\s{2,}(.*))?$", line)
            continued = len(line) - len(line.lstrip()) > 20
            if continued and pairs:
                pairs[-1][1] = f"{pairs[-1][1]} {line.strip()}".strip()
            else:
                pairs.append([words[1], words[2] or ""])
    return about, usage, pairs, examples


def page(tool):
    _, _, commands, examples = sections(help_of(tool))
    commands = [pair for pair in commands if not pair[0].startswith("-")]
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    out = [f'.\\" Made by tools/man_page.py of what the tool says of itself.',
           f'.TH QUARRY 1 "" "{version}" "User Commands"',
           ".SH NAME", "quarry \\- where did the RAM go, and why",
           ".SH SYNOPSIS", ".B quarry", ".I COMMAND", "[\\fIMACHINE\\fR] [\\fIOPTION\\fR]...",
           ".SH DESCRIPTION", DESCRIPTION, ".SH COMMANDS"]
    for name, about in commands:
        out += [".TP", f".B {escape(name)}", sentence(about)]
    for name, _ in commands:
        _, usage, pairs, own = sections(help_of(tool, name))
        out += [f'.SH "QUARRY {name.upper()}"', ".SY " + escape(usage.split(" [OPTIONS]")[0])]
        rest = usage.split("[OPTIONS]")[-1].strip()
        out += [f"[\\fIOPTION\\fR]... {escape(rest)}".rstrip(), ".YS"]
        for words, meaning in pairs:
            if words.startswith("-h,"):
                continue
            out += [".TP", f".B {escape(words)}", sentence(meaning)]
        if own:
            out += [".PP", "Examples:", ".PP", ".EX", *(escape(line) for line in own), ".EE"]
    out += [".SH EXIT STATUS"]
    for status, meaning in EXIT_STATUS:
        out += [".TP", f".B {status}", escape(meaning)]
    out += [".SH EXAMPLES", ".EX", *(escape(line) for line in examples), ".EE",
            ".SH SEE ALSO", ".BR proc (5),", ".BR dmesg (1),", ".BR dtc (1)",
            ".PP", "The pages of docs/: the life of a byte, agreement with Linux, kernels, performance."]
    return "\n".join(out) + "\n"


def main():
    words = sys.argv[1:]
    mode = words.pop(0) if words and words[0] in ("--write", "--check") else ""
    text = page(words[0] if words else str(ROOT / "build/release/quarry"))
    if mode == "--write":
        PAGE.write_text(text)
    elif mode == "--check":
        if PAGE.read_text() != text:
            print("docs/quarry.1 is not what the tool says of itself; tools/man_page.py --write puts it there")
            return 1
        print(f"{text.count(chr(10) + '.TP')} commands, options and statuses")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
