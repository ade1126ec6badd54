"""Makes a machine that differs small while it still differs in the same way: each smaller one is booted again."""
import copy
import pathlib
import shutil

from . import captures, compare
from .sizes import KIB, MIB, down, number

LISTS = (("dt", "reserved"), ("dt", "memreserve"), ("dt", "memory"), ("dt", "usable_range"), ("e820",), ("srat",))
WHOLES = (("dt", "distance"), ("dt", "cpu_nodes"), ("slit",), ("dist",), ("srat",), ("dt", "usable_range"), ("dt", "memreserve"),
          ("dt", "reserved"), ("kernel",), ("numa",))
FLAGS = ("alignment", "alloc_ranges", "no_map", "status", "cma_default", "node", "hotpluggable", "usable")


def at(case, path):
    for name in path:
        case = case.get(name) if isinstance(case, dict) else None
    return case


def without(case, path, index=None):
    """A copy without a field, or without one entry of it."""
    smaller = copy.deepcopy(case)
    owner = at(smaller, path[:-1]) if len(path) > 1 else smaller
    if index is None:
        owner.pop(path[-1])
    else:
        owner[path[-1]].pop(index)
        if not owner[path[-1]]:
            owner.pop(path[-1])
    return smaller


def shorter_lines(case):
    words = case.get("cmdline", "").split()
    for index in range(len(words)):
        smaller = copy.deepcopy(case)
        smaller["cmdline"] = " ".join(words[:index] + words[index + 1:])
        if not smaller["cmdline"]:
            smaller.pop("cmdline")
        yield smaller


def fewer_entries(case):
    for path in LISTS:
        entries = at(case, path) or []
        keep = 1 if path == ("dt", "memory") else 5 if path == ("e820",) else 0  # the clean begin of a machine
        for index in range(len(entries) - 1, keep - 1, -1):
            yield without(case, path, index)
        if path == ("dt", "memory"):  # all banks in one node: take them out one by one
            for row, entry in enumerate(entries):
                for index in range(len(entry.get("reg", [])) - 1, -1, -1):
                    if len(entry["reg"]) > 1:
                        smaller = copy.deepcopy(case)
                        smaller["dt"]["memory"][row]["reg"].pop(index)
                        yield smaller


def plainer_entries(case):
    for path in LISTS[:3]:
        for index, entry in enumerate(at(case, path) or []):
            for flag in FLAGS if isinstance(entry, dict) else ():
                if flag in entry:
                    smaller = copy.deepcopy(case)
                    at(smaller, path)[index].pop(flag)
                    yield smaller


def rounded(value, step):
    return max(step, down(number(value), step))


def rounder_sizes(case):
    """Each range on whole megabytes, or pages."""
    for path in LISTS[:5]:
        for index, entry in enumerate(at(case, path) or []):
            spans = entry.get("reg", []) if isinstance(entry, dict) else [entry]
            for row, span in enumerate(spans):
                for step in (MIB, 4 * KIB):
                    rounder = [down(number(span[0]), step), rounded(span[1], step)]
                    if rounder != [number(part) for part in span[:2]]:
                        smaller = copy.deepcopy(case)
                        target = at(smaller, path)[index]
                        (target["reg"][row] if isinstance(target, dict) else target)[:2] = rounder
                        yield smaller
                        break


def smaller_machines(case):
    """Candidates, those that take away most first."""
    for path in WHOLES:
        if at(case, path) is not None:
            yield without(case, path)
    if case.get("smp", 1) > 1 and not case.get("numa"):
        yield {**copy.deepcopy(case), "smp": 1}
    yield from shorter_lines(case)
    yield from fewer_entries(case)
    yield from plainer_entries(case)
    yield from rounder_sizes(case)


def sorts(verdict):
    return {difference.sort for difference in verdict.findings}


def shrink(case, wanted, try_it, most, say):
    """The smallest machine found in `most` boots whose findings have one of `wanted`.

    `try_it` boots a case and returns its verdict, or None where it did not boot.
    """
    boots, is_done = 0, False
    while not is_done:
        is_done = True
        for smaller in smaller_machines(case):
            if boots == most:
                say(f"{most} boots are over")
                return case
            boots += 1
            verdict = try_it(smaller)
            if verdict and sorts(verdict) & wanted:
                case, is_done = smaller, False
                say(f"boot {boots}: smaller, {len(str(case))} characters")
                break
    return case


def shrink_capture(folder, work, out, seconds, most, tool, say):
    """Shrinks what a capture differs in; the result is a capture in `out`. Returns its folder, or None if nothing differs."""
    folder, out = pathlib.Path(folder), pathlib.Path(out)
    case = captures.read_case(folder)
    wanted = sorts(compare.compare(folder, tool))
    if not wanted:
        return None
    trial = out / f".trial-{case['name']}"

    def try_it(smaller):
        try:
            captures.capture(smaller, work, trial, seconds)
        except (ValueError, OSError, KeyError, IndexError):  # a machine that cannot be made: not smaller, but broken
            return None
        return compare.compare(trial, tool)

    small = shrink(case, wanted, try_it, most, say)
    small = {**small, "name": case["name"] + "-small", "about": case.get("about", "") + ", made small"}
    captures.capture(small, work, out / small["name"], seconds)
    shutil.rmtree(trial, ignore_errors=True)
    return out / small["name"]
