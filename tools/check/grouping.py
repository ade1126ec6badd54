"""Puts sources into groups that compile as one file: no two of a group declare the same name, nor one what the other means otherwise.

What a file declares at the beginning of a line, outside any class or function, is what could clash: the layout puts nothing
else there. A guess is enough: a group that does not compile is taken apart again, by tools/compile_group, and by
tools/compile_united what CMake unites (cmake/unite.cmake).

usage: python3 tools/check/grouping.py MOST SOURCE...     prints a line `NUMBER SOURCE` each
"""
import dataclasses
import functools
import pathlib
import re
import sys

INCLUDE = re.compile(r'^#include "([\w/]+\.hpp)"', re.M)
SKIP = re.compile(r"(namespace|using namespace|return|public|private|protected|extern|case|default|else|template|requires)\b")
HELPER = re.compile(r'#include "(tests/[\w/]+\.hpp|[\w/]*test[\w/]*\.hpp)"')


@dataclasses.dataclass
class Names:
    """What a source and the helpers of tests that it includes declare, and what it takes from elsewhere."""
    declared: dict  # (namespace, name) -> the file that declares it
    taken: set  # names that are called or instantiated without saying whose


@functools.cache
def included_by(path):
    return [name for name in INCLUDE.findall(pathlib.Path(path).read_text()) if pathlib.Path(name).is_file()]


def headers_of(path):
    found, left = set(), [path]
    while left:
        new = set(included_by(left.pop())) - found
        found |= new
        left += new
    return found


@functools.cache
def names_of(path):
    names, inside = {}, []
    text = pathlib.Path(path).read_text()
    for line in text.splitlines():
        if opened := re.match(r"namespace(?: ([\w:]+))? \{$", line):
            inside.append(opened[1] or "")
        elif line.startswith("}  // namespace") and inside:
            inside.pop()
        if (helper := HELPER.match(line)) and pathlib.Path(helper[1]).is_file():
            names.update(names_of(helper[1]).declared)
        if not re.match(r"[A-Za-z_\[]", line) or SKIP.match(line):
            continue
        where = "::".join(filter(None, inside)).removesuffix("::testing")  # which tests have with `using namespace`
        if found := re.match(r"[A-Z_]+\((.*?)\)?(\s*\{.*)?$", line):  # TEST(name), RC_GTEST_PROP(Suite, name, (...))
            found = [found[1], *re.findall(r"^\w+", found[1])]
        elif found := re.match(r"(?:struct|class|union|enum(?: class)?) (?:alignas\(.*?\) |\[\[.*?\]\] )*(\w+)", line):
            found = [found[1]]
        elif found := re.findall(r"([\w:~]+)\s*(?=[({=;\[]|$)", re.sub(r"\[\[.*?\]\]|alignas\(.*?\)|<[^<>]*>", "", line)):
            found = found if "=" in line else found[:1]
        names.update({(where, name): path for name in found or () if "::" not in name})
    if path.endswith(".cpp"):  # what a header of it announces is everybody's
        for header in headers_of(path):
            if not HELPER.match(f'#include "{header}"'):
                names = {key: origin for key, origin in names.items() if key not in names_of(header).declared}
    own = {name for _, name in names}
    return Names(names, set(re.findall(r"(?<![\w.>:])([A-Za-z_]\w+)(?=[({<])", text)) - own)


class Group:
    def __init__(self):
        self.paths, self.declared, self.taken = [], {}, set()

    def has_room_for(self, names):
        return (all(self.declared.get(key, origin) == origin for key, origin in names.declared.items()) and
                not any(name in self.taken for _, name in names.declared.keys() - self.declared.keys()) and
                not any(name in names.taken for _, name in self.declared.keys() - names.declared.keys()))

    def add(self, path, names):
        self.paths.append(path)
        self.declared.update(names.declared)
        self.taken |= names.taken


def groups(paths, most):
    """Neighbours stay together where they can, so that a change disturbs few groups."""
    made = []
    for path in paths:
        names = names_of(path)
        home = next((group for group in made if len(group.paths) < most and group.has_room_for(names)), None)
        if home is None:
            made.append(home := Group())
        home.add(path, names)
    return [group.paths for group in made]


if __name__ == "__main__":
    for number, group in enumerate(groups(sys.argv[2:], int(sys.argv[1]))):
        for path in group:
            print(number, path)
