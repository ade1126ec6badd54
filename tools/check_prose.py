#!/usr/bin/env python3
"""Fails when a file speaks of what its reader does not have: somebody's paths, machine or ticket numbers.

Recorded data (tests/linux, tests/seeds) says what it said, and is not read.
"""
import pathlib, re, sys

FORBIDDEN = {
    r"(?<![\w./])/(work|home|root)/[\w.-]": "a path of somebody's machine",
    r"\.\./shared\b|(?<![\w.])/?shared/[\w-]+\.md\b|\bstyle-example\b": "a folder outside the repository",
    r"\bissues? #?\d+\b|(?<![\w&#])#\d+ (?:asks|says|wants)": "a ticket number",
    r"(?i)\bas an? (?:AI|language model)\b|\b(?:chatgpt|claude|anthropic|openai)\b": "how the text came about",
}
LEFT_OUT = ("build", ".git", "tests/linux", "tests/seeds", "tools/check_prose.py", "tests/tidiness/rules")
root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
bad = read = 0
for path in sorted(p for p in root.rglob("*") if p.is_file()):
    name = path.relative_to(root).as_posix()
    if any(name == part or name.startswith(part + "/") for part in LEFT_OUT) or "__pycache__" in name:
        continue
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        continue  # not prose
    read += 1
    for pattern, what in FORBIDDEN.items():
        for match in re.finditer(pattern, text):
            bad += 1
            print(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: '{match[0]}' is {what}")
print(f"{bad} findings in {read} files")
sys.exit(bad != 0)
