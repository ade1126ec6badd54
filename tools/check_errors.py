#!/usr/bin/env python3
"""Fails when a room of the library can return an Error that none of its unit tests expects by name.

usage: check_errors.py [ROOT [ROOM]...]        the rooms that keep this rule, or those that are named
"""
import pathlib, re, sys

KEPT = ["early"]
root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
missing = seen = 0
for room in sys.argv[2:] or KEPT:
    returned, expected = {}, set()
    for path in sorted((root / "quarry" / room).glob("*.[ch]pp")):
        text = re.sub(r"//.*", "", path.read_text())
        names = set(re.findall(r"\bError::(\w+)", text))
        if path.name.endswith("_test.cpp"):
            expected |= names
        elif not re.search(r"_(fuzz|bench)\.|_test\.hpp", path.name):
            # What is only compared with was returned by somebody else.
            names = set(re.findall(r"(?<![=!]= )\bError::(\w+)", text))
            returned.update({name: path for name in names if name not in returned})
    seen += len(returned)
    for name, path in sorted(returned.items()):
        if name not in expected:
            missing += 1
            print(f"{path.relative_to(root)}: no test of {room} expects Error::{name}")
print(f"{missing} of {seen} errors without a test that provokes them")
sys.exit(missing != 0)
