"""A random machine: the case of an architecture and a seed, always the same."""
from . import architectures, make_arm, make_pc
from .dice import Dice

MAKERS = {"x86_64": make_pc.make, "arm64": make_arm.make, "armhf": make_arm.make}


def make(arch, seed):
    dice = Dice(f"{arch} {seed}")
    case = {"name": f"random-{architectures.ARCHITECTURES[arch].short}-{seed:04d}", "arch": arch,
            "about": f"a random machine, seed {seed}"}
    MAKERS[arch](dice, case)
    if not case.get("cmdline"):
        case.pop("cmdline", None)
    return case
