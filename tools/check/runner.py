"""Runs steps side by side on the cores there are, prints a line for each, and counts."""
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import Callable

CORES = os.cpu_count() or 1
LOGS = pathlib.Path("build/check")
SKIPPED = 77  # the exit status of a script that could not do its work here, as automake has it


class Failed(Exception):
    """The step found something wrong; the text is its detail."""


class Skipped(Exception):
    """The step cannot be done here; the text says why."""


@dataclasses.dataclass
class Step:
    name: str
    about: str
    body: Callable[["Job"], str | None]  # returns the detail; the last line of the log if None
    after: tuple[str, ...] = ()  # steps that come before; if one of them fails, this is skipped
    cores: int = 1
    counts: bool = False  # its log says `N passed, N failed`, or GoogleTest's words for that
    long: bool = False
    tools: tuple[str, ...] = ()  # without one of these programs, the step is skipped

    def matches(self, name):
        return self.name == name or self.name.startswith(name + "-")


class Job:
    """A step at work: its log, its latest line, and the process it waits for."""

    def __init__(self, step):
        self.step = step
        self.begin = time.monotonic()
        self.lines = []
        self.process = None
        self.blocked_by = []  # the steps before it that did not pass
        self.outcome = None  # ok, FAIL or skip
        self.detail = ""
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = open(LOGS / f"{step.name}.log", "w", errors="replace")

    def say(self, line):
        self.lines.append(line)
        print(line, file=self.log, flush=True)

    def run(self, *command, env=None, timeout=900, check=True):
        """Runs a command, its output into the log. Returns the lines; raises Failed unless it succeeds."""
        words = [str(word) for word in command]
        print("$", *words, file=self.log, flush=True)
        first = len(self.lines)
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace", stdin=subprocess.DEVNULL, start_new_session=True,
                                        env={**os.environ, **(env or {})})
        clock = threading.Timer(timeout, self.stop)
        clock.start()
        for line in self.process.stdout:
            self.say(line.rstrip("\n"))
        status = self.process.wait()
        late = not clock.is_alive()
        clock.cancel()
        self.process = None
        if late:
            raise Failed(f"{words[0]}: still at it after {timeout} s")
        if status == SKIPPED:
            raise Skipped(self.last_line())
        if check and status != 0:
            raise Failed(self.worst_line() or f"{words[0]}: exit status {status}")
        return self.lines[first:]

    def stop(self):
        if process := self.process:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def last_line(self):
        return next((line.strip() for line in reversed(self.lines) if line.strip()), "")

    def worst_line(self):
        """The one that says what went wrong, for those who read only one."""
        found = (line.strip() for line in self.lines if re.search(r"\b(error|FAILED|FAIL|does not hold)\b", line))
        counted = self.last_line() if self.step.counts else ""
        return counted or next(found, "") or self.last_line()

    def work(self):
        try:
            for name in self.blocked_by:
                raise Skipped(f"{name} did not pass")
            for tool in self.step.tools:
                if not shutil.which(tool):
                    raise Skipped(f"no {tool}")
            self.detail = self.step.body(self) or self.last_line()
            self.outcome = "ok"
        except Skipped as reason:
            self.outcome, self.detail = "skip", str(reason)
        except Failed as reason:
            self.outcome, self.detail = "FAIL", str(reason)
        except Exception as surprise:  # a defect of the check itself must not pass for a success
            self.outcome, self.detail = "FAIL", repr(surprise)
        if self.outcome == "ok" and self.step.counts and self.tally()[0] == 0:
            self.outcome, self.detail = "FAIL", "ran no test"
        self.log.close()

    def tally(self):
        """Tests passed, failed and skipped: as the log counts them, or the step itself as one."""
        own = {"ok": (1, 0, 0), "FAIL": (0, 1, 0), "skip": (0, 0, 1)}[self.outcome]
        if not self.step.counts or self.outcome == "skip":
            return own
        passed = failed = skipped = 0
        for line in self.lines[-200:]:
            if found := re.fullmatch(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", line.strip()):
                passed, failed, skipped = (int(number or 0) for number in found.groups())
            elif found := re.match(r"\[  (PASSED|FAILED|SKIPPED) *\] (\d+) tests?\b", line):
                passed, failed, skipped = (int(found[2]) if found[1] == word else count for word, count in
                                           zip(("PASSED", "FAILED", "SKIPPED"), (passed, failed, skipped)))
        if self.outcome == "FAIL" and failed == 0:
            failed = 1  # it died, or what it did besides its tests went wrong
        return (passed, failed, skipped) if passed + failed else own


class Screen:
    """What a person sees: a line a step, and on a terminal one more that says what is going on."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.coloured = self.live and "NO_COLOR" not in os.environ

    def colour(self, word, text):
        code = {"ok": 32, "FAIL": 31, "skip": 33}[word]
        return f"\033[{code}m{text}\033[0m" if self.coloured else text

    def clear(self):
        if self.live:
            print("\r\033[K", end="")

    def show(self, jobs, left):
        if self.live:
            text = f"{left} to do: " + "  ".join(f"{job.step.name} {job.last_line()[:60]}" for job in jobs)
            print("\r\033[K" + text[:shutil.get_terminal_size().columns - 1], end="", flush=True)

    def report(self, job):
        self.clear()
        seconds = f"{time.monotonic() - job.begin:.1f} s"
        print(self.colour(job.outcome, f"{job.outcome:<5}") +
              f" {job.step.name:<24} {job.detail[:100]:<50} {seconds:>8}", flush=True)
        if job.outcome == "FAIL":
            told = [line for line in job.lines if not re.match(r"\[\d+/\d+\]", line)]  # ninja's progress is not news
            for line in told[-30:]:
                print("      " + line[:200])
            print(f"      all of it: {LOGS / job.step.name}.log", flush=True)


def next_step(waiting, done, free):
    """The first step whose turn it is. One that wants more cores than are free holds back the rest."""
    for step in waiting:
        if all(name in done for name in step.after):
            return step if min(step.cores, CORES) <= free else None
    return None


def run(steps):
    """Runs the steps; returns the exit status."""
    begin, screen = time.monotonic(), Screen()
    waiting, running, done = list(steps), {}, {}
    try:
        while waiting or running:
            free = CORES - sum(min(job.step.cores, CORES) for job in running)
            while step := next_step(waiting, done, free):
                waiting.remove(step)
                free -= min(step.cores, CORES)
                job = Job(step)
                job.blocked_by = [name for name in step.after if done[name].outcome != "ok"]
                running[job] = threading.Thread(target=job.work, daemon=True)
                running[job].start()
            for job in [job for job in running if job.outcome and not running[job].is_alive()]:
                del running[job]
                done[job.step.name] = job
                screen.report(job)
            screen.show(running, len(waiting) + len(running))
            time.sleep(0.05)
    except KeyboardInterrupt:
        for job in running:
            job.stop()
        screen.clear()
        sys.exit(130)
    screen.clear()
    passed, failed, skipped = (sum(column) for column in zip(*(job.tally() for job in done.values())))
    minutes, seconds = divmod(int(time.monotonic() - begin), 60)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{len(done)} steps in {minutes} min {seconds} s, {used.ru_utime + used.ru_stime:.0f} s of processor time")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed else 0
