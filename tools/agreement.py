#!/usr/bin/env python3
"""agreement.py [--write | --check] [TOOL [CORPUS]]: how far Quarry's boots agree with the recorded ones.

Runs `quarry compare` over every recorded boot and prints the tables of docs/agreement.md: by kind of quantity and
architecture, and what differs, with the reason; and MemTotal, predicted and real, of each. --write puts them there, --check
fails if what is there differs.
"""
import json
import pathlib
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import mem_total_tables

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/agreement.md"
PARTS = ["agreement", "mem-total"]
MACHINES = ["x86", "arm64", "armhf"]
VERDICTS = ["agree", "differ", "unknown"]
FEW_CASES = 3


def compare(tool, case):
    done = subprocess.run([tool, "compare", case, "--format", "json"], capture_output=True, timeout=120)
    if done.returncode not in (0, 1):
        sys.exit(f"{case}: exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return json.loads(done.stdout)


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def by_kind(counts, kinds):
    """A line a kind: agree, differ and unknown of each architecture."""
    text = row("kind", *(f"{m} agree | differ | unknown" for m in MACHINES))
    text += "|---" + "|---:" * (3 * len(MACHINES)) + "|\n"
    total = Counter()
    for kind in kinds:
        cells = [counts[m, kind, v] for m in MACHINES for v in VERDICTS]
        total.update({(m, v): counts[m, kind, v] for m in MACHINES for v in VERDICTS})
        text += row(kind, *(f"{cell:,}" if cell else "" for cell in cells))
    return text + row("**all**", *(f"**{total[m, v]:,}**" for m in MACHINES for v in VERDICTS))


def by_reason(differences, kinds):
    """A line for what differs for one reason."""
    text = row("kind", "where", "differ", "in boots", "reason") + "|---|---|---:|---|---|\n"
    order = {kind: at for at, kind in enumerate(kinds)}
    for (machine, kind, reason), cases in sorted(differences.items(),
                                                 key=lambda d: (order[d[0][1]], MACHINES.index(d[0][0]), d[0][2])):
        boots = sorted(set(cases))
        named = ", ".join(boots) if len(boots) <= FEW_CASES else len(boots)
        text += row(kind, machine, f"{len(cases):,}", named, reason)
    return text


def cases_in(corpus):
    cases = sorted(path.parent for path in pathlib.Path(corpus).glob("*/case.json"))
    if not cases:
        sys.exit(f"{corpus}: no recorded boots: expected directories with a case.json (ninja corpus unpacks them)")
    return cases


def tables(tool, cases):
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda case: compare(tool, str(case)), cases))
    counts, differences, kinds, boots = Counter(), defaultdict(list), [], Counter()
    for case, result in zip(cases, results):
        machine = case.name.split("-")[0]
        boots[machine] += 1
        for quantity in result["quantities"]:
            counts[machine, quantity["kind"], quantity["verdict"]] += 1
            if quantity["verdict"] == "differ":
                differences[machine, quantity["kind"], quantity["reason"]].append(case.name)
    known = {kind for _, kind, _ in counts}
    # In the order in which a boot comes by them, which each result has.
    for result in results:
        for at, kind in enumerate(result["kinds"]):
            if kind not in kinds:
                before = [k for k in list(result["kinds"])[:at] if k in kinds]
                kinds.insert(kinds.index(before[-1]) + 1 if before else 0, kind)
    assert known == set(kinds)
    agree = sum(n for (_, _, verdict), n in counts.items() if verdict == "agree")
    shown = sum(n for (_, _, verdict), n in counts.items() if verdict != "unknown")
    text = f"{', '.join(f'{boots[m]} boots of {m}' for m in MACHINES)}: {agree:,} of {shown:,} quantities agree.\n\n"
    return text + by_kind(counts, kinds) + "\nWhat differs, and why:\n\n" + by_reason(differences, kinds)


def main(words):
    mode = words.pop(0) if words and words[0] in ("--write", "--check") else ""
    if len(words) > 2 or any(word.startswith("-") for word in words):
        sys.exit(__doc__)
    tool = words[0] if words else str(ROOT / "build/release/quarry")
    corpus = words[1] if len(words) > 1 else str(ROOT / "build/release/corpus")
    cases = cases_in(corpus)
    texts = [tables(tool, cases), mem_total_tables.tables(tool, cases)]
    if not mode:
        print("\n".join(texts), end="")
        return 0
    page = PAGE.read_text(encoding="utf-8")
    for part, text in zip(PARTS, texts):
        begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->\n"
        if page.count(begin) != 1 or page.count(end) != 1:
            sys.exit(f"{PAGE}: expected one '{begin.strip()}' and one '{end.strip()}'")
        head, rest = page.split(begin)
        there, tail = rest.split(end)
        if mode == "--write":
            page = head + begin + text + end + tail
        elif there != text:
            wrong = next((a for a, b in zip(text.splitlines(), there.splitlines()) if a != b), "a table ends elsewhere")
            print(f"docs/agreement.md is not what tools/agreement.py prints; it prints\n  {wrong}\ntools/agreement.py --write puts it there")
            return 1
    if mode == "--write":
        PAGE.write_text(page, encoding="utf-8")
    else:
        print(texts[0].splitlines()[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
