"""Puts sources into groups that compile as one file: no two of a group declare the same name.

What a file declares at the beginning of a line, outside any class or function, is what could clash: the
layout puts nothing else there. A guess is enough, as a group that does not compile is taken apart again.
"""
import pathlib
import re

SKIP = re.compile(r"(namespace|using namespace|return|public|private|protected|extern|case|default|else|template|requires)\b")


def declared(path):
    names = set()
    for line in pathlib.Path(path).read_text().splitlines():
        if not re.match(r"[A-Za-z_\[]", line) or SKIP.match(line):
            continue
        if found := re.match(r"[A-Z_]+\((.*?)\)?(\s*\{.*)?$", line):  # TEST(name), RC_GTEST_PROP(Suite, name, (...))
            names.add(found[1])
            names.update(re.findall(r"^\w+", found[1]))
        elif found := re.search(r"([\w:~]+)\s*(?=[({=;\[]|$)", re.sub(r"\[\[.*?\]\]|alignas\(.*?\)|<[^<>]*>", "", line)):
            names.add(found[1])
    return {name for name in names if "::" not in name}


def groups(paths, most):
    """Neighbours stay together where they can, so that a change disturbs few groups."""
    made = []
    for path in paths:
        names = declared(path)
        home = next((group for group in made if len(group[0]) < most and not names & group[1]), None)
        if home is None:
            made.append(home := ([], set()))
        home[0].append(path)
        home[1].update(names)
    return [group[0] for group in made]
