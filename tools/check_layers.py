#!/usr/bin/env python3
"""Fails when a file includes what is above it: the rooms of quarry/LAYERS, then shell, host, linux, cli.

In quarry/, a room includes itself, the rooms before it and the listed standard headers. A *_test.cpp may
look up, and at headers in tests/, but stays freestanding, and so do they: it runs inside a kernel too.
shell/ is freestanding by the same rules, on top of all rooms.
*_model_test, *_fuzz and *_bench files are hosted: what they like of quarry/, host/ and tests/.
"""
import pathlib, re, sys

STD = set("""array bit compare concepts cstdarg cstddef cstdint initializer_list limits new optional
             source_location span tuple type_traits utility version""".split())
HOSTED = ["host", "linux", "cli"]  # lowest first; tests/ and bench/ may include any
root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
rooms = [l.strip() for l in (root / "quarry/LAYERS").read_text().splitlines() if l.strip() and l[0] != "#"]
rank = {room: i for i, room in enumerate(rooms)}
bad = 0


def complain(path, line, text):
    global bad
    bad += 1
    print(f"{path.relative_to(root)}:{line}: {text}")


def includes(path):
    for n, text in enumerate(path.read_text().splitlines(), 1):
        if m := re.match(r'\s*#\s*include\s*([<"])([^>"]+)', text):
            yield n, *m.groups()


def freestanding(folder):
    """Sources of a folder, each with the room that it counts as."""
    for path in sorted((root / folder).rglob("*.[ch]pp")):
        yield path, path.relative_to(root / folder).parts[0] if folder == "quarry" else folder


helpers = set()  # headers in tests/ that unit tests include
rank["shell"] = len(rooms)
for path, room in [*freestanding("quarry"), *freestanding("shell")]:
    hosted = re.search(r"_(model_test|fuzz|bench)\.", path.name)
    test = "_test." in path.name
    if room not in rank:
        complain(path, 1, f"'{room}' is not a room in quarry/LAYERS")
    for n, kind, name in includes(path):
        folder = name.split("/")[0]
        target = name.split("/")[1] if folder == "quarry" else "shell" if folder == "shell" else None
        if folder in HOSTED and not (hosted and folder == "host"):
            complain(path, n, f"{path.relative_to(root).parts[0]}/ may not include {folder}/")
        elif hosted:
            pass
        elif kind == "<":
            if name not in STD:
                complain(path, n, f"<{name}> is not on the freestanding list")
        elif target is None:
            if test and folder == "tests" and (root / name).is_file():
                helpers.add(root / name)
            else:
                complain(path, n, f'"{name}" is outside quarry/ and shell/')
        elif target not in rank:
            complain(path, n, f"'{target}' is not a room in quarry/LAYERS")
        elif rank[target] > rank.get(room, 0) and not test:
            complain(path, n, f"{room} (layer {rank.get(room)}) may not include {target} (layer {rank[target]})")

for path in sorted(helpers):
    for n, kind, name in includes(path):
        if name not in STD if kind == "<" else name.split("/")[0] not in ("quarry", "shell", "tests"):
            complain(path, n, f"unit tests include this, and {name} is not freestanding")

for height, folder in enumerate(HOSTED):
    for path in sorted((root / folder).rglob("*.[ch]pp")):
        for n, kind, name in includes(path):
            if kind == '"' and name.split("/")[0] in HOSTED[height + 1:]:
                complain(path, n, f"{folder}/ may not include {name.split('/')[0]}/")

print(f"{bad} layering violations")
sys.exit(bad != 0)
