"""`quarry compare` over captures: what agrees, what differs and whether the reason is known."""
import collections
import dataclasses
import json
import pathlib
import re
import subprocess

from . import captures

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "build/release/quarry"
SECONDS = 120
# What `quarry compare` says where it does not know: a difference with one of these is a finding.
GUESSES = re.compile(r"not explained$|not modelled$|one of Linux.s own allocations|modelled on this architecture")


@dataclasses.dataclass(frozen=True)
class Difference:
    kind: str
    name: str
    ours: str
    theirs: str
    reason: str

    @property
    def is_explained(self):
        return not GUESSES.search(self.reason)

    @property
    def sort(self):
        """What stays the same while a machine shrinks: numbers in names may change."""
        return self.kind, re.sub(r"\d+", "N", self.name)


@dataclasses.dataclass
class Verdict:
    name: str
    outcome: str
    agree: int = 0
    unknown: int = 0
    differences: list = dataclasses.field(default_factory=list)

    @property
    def findings(self):
        return [difference for difference in self.differences if not difference.is_explained]


def compare(folder, tool=TOOL):
    """The verdict about one capture. A tool that dies on it is a finding too."""
    folder = pathlib.Path(folder)
    verdict = Verdict(folder.name, captures.outcome_of(folder))
    try:
        done = subprocess.run([tool, "compare", folder, "--format", "json"], capture_output=True, timeout=SECONDS)
        status, said = done.returncode, done.stderr.decode(errors="replace").strip()
    except subprocess.TimeoutExpired:
        status, said = None, f"still at it after {SECONDS} s"
    if status not in (0, 1):
        verdict.differences.append(Difference("boot", "quarry compare", said or f"exit status {status}", verdict.outcome, "not explained"))
        return verdict
    for quantity in json.loads(done.stdout)["quantities"]:
        if quantity["verdict"] == "differ":
            verdict.differences.append(Difference(quantity["kind"], quantity["name"], quantity["quarry"], quantity["linux"],
                                                  quantity["reason"]))
        else:
            verdict.agree += quantity["verdict"] == "agree"
            verdict.unknown += quantity["verdict"] == "unknown"
    return verdict


def captured(folder):
    """The captures in a folder, or the folder itself if it is one."""
    folder = pathlib.Path(folder)
    if captures.is_done(folder):
        return [folder]
    return sorted(path.parent for path in folder.glob("*/result.json"))


def summary(verdicts):
    """By outcome and kind, and each difference that is not explained."""
    text = ""
    outcomes = collections.Counter(verdict.outcome for verdict in verdicts)
    text += "outcomes: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) + "\n"
    kinds = collections.Counter((difference.kind, difference.reason) for verdict in verdicts for difference in verdict.differences)
    for (kind, reason), count in kinds.most_common():
        boots = [verdict.name for verdict in verdicts
                 if any((other.kind, other.reason) == (kind, reason) for other in verdict.differences)]
        text += f"  {count:4} {kind:18} {reason} ({', '.join(boots[:3])}{', ...' if len(boots) > 3 else ''})\n"
    return text


def totals(verdicts, word="compare"):
    differ = sum(len(verdict.differences) for verdict in verdicts)
    findings = sum(len(verdict.findings) for verdict in verdicts)
    known = differ + sum(verdict.agree for verdict in verdicts)
    return f"{word}: {len(verdicts)} machines, {known} quantities, {differ} differ, {differ - findings} explained"
