#!/usr/bin/env python3
"""Fails when a source file has more than 600 lines; counts those of more than 400, which want a reason."""
import pathlib, statistics, sys

MOST, MANY = 600, 400
root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
lines = {path: len(path.read_text().splitlines()) for folder in ("quarry", "shell", "host", "linux", "cli", "kernel")
         for path in sorted((root / folder).rglob("*")) if path.suffix in (".cpp", ".hpp", ".h", ".S")}
long = {path: n for path, n in lines.items() if n > MANY}
for path, n in long.items():
    print(f"{path.relative_to(root)}: {n} lines" + (f", {MOST} are the most" if n > MOST else ""))
median = statistics.median(lines.values()) if lines else 0
print(f"{len(lines)} files, median {median:.0f} lines, {len(long)} over {MANY}")
sys.exit(any(n > MOST for n in lines.values()))
