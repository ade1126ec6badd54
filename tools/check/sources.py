"""Which files there are, by what they are for; the same rules as in CMakeLists.txt."""
import pathlib
import re

HOSTED = ("host", "linux", "cli")
BARE = ("quarry", "shell")  # freestanding
FOLDERS = (*BARE, *HOSTED, "tests", "benchmarks", "kernel", "examples")


def files(*endings, folders=FOLDERS):
    return sorted(str(path) for folder in folders for path in pathlib.Path(folder).rglob("*")
                  if path.name.endswith(endings) and path.is_file())


def is_hosted(path):
    """Whether a file below quarry/ or shell/ may use an operating system."""
    return re.search(r"_(model_test|fuzz|bench)\.", path) is not None


def bare_library():
    """The library, the shell on top of it, and the examples that show it in a kernel."""
    return [path for path in files(".cpp", folders=(*BARE, "examples"))
            if not re.search(r"_(test|fuzz|bench)\.|^examples/kernel_", path)]  # a kernel's is for one machine


def bare_tests():
    return [path for path in files("_test.cpp", folders=BARE) if not is_hosted(path)]


def fuzzers():
    """Name -> source; fuzz_NAME is the program."""
    found = files("_fuzz.cpp", folders=(*BARE, *HOSTED, "tests"))
    return {pathlib.Path(path).stem.removesuffix("_fuzz"): path for path in found}


def scripts():
    """Shell scripts, by their first line."""
    candidates = [path for path in pathlib.Path(".").glob("*") if path.is_file()]
    candidates += [p for f in (".ci", "tools", "tests", "benchmarks", "kernel") for p in pathlib.Path(f).rglob("*") if p.is_file()]
    shell = re.compile(rb"#!\s*/(usr/)?bin/(env )?(ba)?sh\b")
    return sorted(str(path) for path in candidates if shell.match(path.open("rb").read(40)))
