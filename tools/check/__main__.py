"""Runs the checks: python3 tools/check [--all] [--list] [NAME]... as ./check does."""
import argparse
import os
import pathlib
import sys

sys.dont_write_bytecode = True
import runner
import steps


def chosen(everything, names, long):
    """The steps that match the names, or all of them, with the builds they come after."""
    by_name = {step.name: step for step in everything}
    for name in names:
        if not any(step.matches(name) for step in everything):
            sys.exit(f"check: no step is called {name}; ./check --list names them all")
    keep = {s.name for s in everything if long or not s.long}
    if names:
        # What a name begins means the quick steps among those, or the long ones if there are no others.
        keep = set(names) & by_name.keys()
        for name in names:
            meant = [s for s in everything if s.matches(name)]
            keep |= {s.name for s in meant if long or not s.long} or {s.name for s in meant}
    while missing := {name for kept in keep for name in by_name[kept].after} - keep:
        keep |= missing
    return [step for step in everything if step.name in keep]


def main():
    parser = argparse.ArgumentParser(prog="check", add_help=False)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.chdir(pathlib.Path(__file__).resolve().parents[2])
    everything = steps.all_steps()
    if options.list:
        for step in everything:
            print(f"{'*' if step.long else ' '} {step.name:<24} {step.about}")
        return 0
    return runner.run(chosen(everything, options.names, options.all))


sys.exit(main())
