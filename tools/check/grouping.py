"""Puts sources into groups that compile as one file: no two of a group declare the same name.

What a file declares at the beginning of a line, outside any class or function, is what could clash: the
layout puts nothing else there. A guess is enough, as a group that does not compile is taken apart again.
"""
import functools
import pathlib
import re

SKIP = re.compile(r"(namespace|using namespace|return|public|private|protected|extern|case|default|else|template|requires)\b")
HELPER = re.compile(r'#include "(tests/[\w/]+\.hpp|[\w/]*test[\w/]*\.hpp)"')


@functools.cache
def declared(path):
    """Name -> the file that declares it, of a source and the helpers of tests that it includes."""
    names = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if (helper := HELPER.match(line)) and pathlib.Path(helper[1]).is_file():
            names.update(declared(helper[1]))
        if not re.match(r"[A-Za-z_\[]", line) or SKIP.match(line):
            continue
        if found := re.match(r"[A-Z_]+\((.*?)\)?(\s*\{.*)?$", line):  # TEST(name), RC_GTEST_PROP(Suite, name, (...))
            names.update(dict.fromkeys([found[1], *re.findall(r"^\w+", found[1])], path))
        elif found := re.findall(r"([\w:~]+)\s*(?=[({=;\[]|$)", re.sub(r"\[\[.*?\]\]|alignas\(.*?\)|<[^<>]*>", "", line)):
            names.update(dict.fromkeys(found if "=" in line else found[:1], path))
    return {name: origin for name, origin in names.items() if "::" not in name}


def groups(paths, most):
    """Neighbours stay together where they can, so that a change disturbs few groups."""
    made = []
    for path in paths:
        names = declared(path)
        home = next((group for group in made if len(group[0]) < most and
                     all(group[1].get(name, origin) == origin for name, origin in names.items())), None)
        if home is None:
            made.append(home := ([], {}))
        home[0].append(path)
        home[1].update(names)
    return [group[0] for group in made]
