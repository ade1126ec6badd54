"""A hunt: random machines made, booted, compared, and what differs made small; goes on where it was broken off."""
import pathlib

from . import captures, compare, make, shrink


def one(case, folder, work, seconds, tool):
    """The verdict about a machine, booted unless it was before."""
    if not captures.is_done(folder):
        captures.capture(case, work, folder, seconds)
    return compare.compare(folder, tool)


def told(verdict):
    if verdict.findings:
        return "; ".join(f"{d.kind}, {d.name}: {d.ours[:60]} | {d.theirs[:60]}" for d in verdict.findings[:3])
    explained = f", {len(verdict.differences)} explained" if verdict.differences else ""
    return f"{verdict.agree} agree{explained}"


def hunt(arch, seeds, work, out, options, say):
    """Verdicts of all; `options` has seconds, tool, shrink (boots a machine; 0: none)."""
    verdicts, out = [], pathlib.Path(out)
    for seed in seeds:
        case = make.make(arch, seed)
        verdict = one(case, out / case["name"], work, options.seconds, options.tool)
        verdicts.append(verdict)
        say(f"{case['name']:24} {verdict.outcome:9} {told(verdict)}")
        small = out / "small" / f"{case['name']}-small"
        if verdict.findings and options.shrink and not captures.is_done(small):
            shrink.shrink_capture(out / case["name"], work, out / "small", options.seconds, options.shrink, options.tool, say)
    return verdicts
