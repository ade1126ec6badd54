"""Reserved-memory nodes of every kind, and what the tree's header reserves.

Static ones lie on free RAM, on each other, on what is reserved already, over the edge of a bank or where there is no RAM; dynamic ones have sizes,
alignments and ranges of their own. What would keep the machine from booting is left out: nothing reusable or unmapped lies on the
kernel's own place.
"""
from .sizes import KIB, MIB, down

CMA_STEP = 4 * MIB  # the alignment that a contiguous area needs with 4 KiB pages
POOL = "shared-dma-pool"
KINDS = {"static": 4, "nomap": 2, "pool": 2, "coherent": 1, "restricted": 1, "dynamic": 2, "dynamic-pool": 2, "dynamic-nomap": 2,
         "dynamic-coherent": 1, "zero": 1, "outside": 1, "over": 1, "taken": 1, "straddle": 1, "two": 1, "odd-pool": 0.5}


class Ground:
    """What may be reserved where."""

    def __init__(self, dice, banks, clean, taken):
        self.dice, self.banks, self.taken, self.clean = dice, banks, taken, clean
        spans = [(max(begin, clean[1]), begin + size) if begin <= clean[0] < begin + size else (begin, begin + size)
                 for begin, size in banks]
        self.free = [span for span in spans if span[1] - span[0] > 8 * MIB]
        self.placed = []
        self.has_default = False

    def place(self, most=None, step=None):
        """A range on free RAM, or none."""
        if not self.free:
            return None
        begin, end = self.dice.choice(self.free)
        size = self.dice.size(4 * KIB, max(8 * KIB, min((end - begin) // 4, most or end)), step)
        at = self.dice.inside(begin, end, size, step or self.dice.choice([4 * KIB, 4 * KIB, 4 * KIB, 64 * KIB, 2 * MIB]))
        if at is None:
            return None
        self.placed.append((at, size))
        return [at, size]


def static(ground, kind):
    dice = ground.dice
    step = CMA_STEP if kind == "pool" else None
    where = ground.place(step=step)
    if where and kind in ("static", "nomap") and dice.chance(0.1):  # bytes, not pages
        where = [where[0] + dice.randrange(4096), max(1, where[1] - dice.randrange(8192))]
    return {"reg": [where]} if where else None


def outside(ground):
    end = max(begin + size for begin, size in ground.banks)
    return {"reg": [[end + ground.dice.choice([0, 4 * KIB, 64 * MIB]), ground.dice.size(4 * KIB, 16 * MIB)]]}


def over(ground):
    """On a node that was placed before."""
    if not ground.placed:
        return None
    at, size = ground.dice.choice(ground.placed)
    shift = ground.dice.choice([0, 0, size // 2 & ~0xFFF, 4 * KIB])
    return {"reg": [[at + shift, ground.dice.choice([size, max(4 * KIB, size // 2 & ~0xFFF)])]]}


def taken(ground):
    """On the initrd or the tree, or beside them: reserved already, and not to be reused."""
    at, size = ground.dice.choice(ground.taken)
    shift = ground.dice.choice([-4 * KIB, 0, 4 * KIB, down(size, 4 * KIB)])
    return {"reg": [[at + shift, ground.dice.choice([4 * KIB, 64 * KIB])]]}


def straddle(ground):
    begin, size = ground.dice.choice(ground.banks)
    end = begin + size
    half = ground.dice.choice([4 * KIB, MIB, CMA_STEP])
    return {"reg": [[down(end, 4 * KIB) - half, 2 * half]]} if end - half > ground.clean[1] else None


def dynamic(ground, kind):
    dice = ground.dice
    node = {"size": dice.size(64 * KIB, 24 * MIB, dice.choice([4 * KIB, 64 * KIB, CMA_STEP]))}
    if dice.chance(0.6):
        node["alignment"] = dice.choice([4 * KIB, 64 * KIB, MIB, CMA_STEP, 16 * MIB])
    if kind == "dynamic-pool":
        node["size"] = max(CMA_STEP, down(node["size"], CMA_STEP))
        node["alignment"] = CMA_STEP
    if ground.free and dice.chance(0.4):
        chosen = [dice.choice(ground.free) for _ in range(dice.choice([1, 1, 2]))]
        node["alloc_ranges"] = [[begin & ~0xFFF, (end - begin) & ~0xFFF] for begin, end in chosen]
    return node


def request(ground, kind):
    dice = ground.dice
    if kind.startswith("dynamic"):
        node = dynamic(ground, kind)
    elif kind in ("zero", "outside", "over", "taken", "straddle"):
        node = {"zero": lambda g: {"size": 0} if dice.chance(0.5) else {"reg": [[g.clean[1], 0]]}, "outside": outside, "over": over,
                "taken": taken, "straddle": straddle}[kind](ground)
    elif kind == "two":
        places = [ground.place(16 * MIB), ground.place(16 * MIB)]
        node = {"reg": places} if all(places) else None
    else:
        node = static(ground, kind)
    if node is None:
        return None
    if "nomap" in kind or kind in ("outside", "over", "taken") and dice.chance(0.4):
        node["no_map"] = True
    if kind in ("pool", "dynamic-pool", "odd-pool"):
        node |= {"compatible": POOL, "reusable": True}
        if dice.chance(0.1):
            node["no_map"] = True  # a contradiction: refused
        if not ground.has_default and dice.chance(0.4):
            node["cma_default"] = ground.has_default = True
    elif "coherent" in kind:
        node |= {"compatible": POOL} | ({"no_map": True} if dice.chance(0.6) else {})
    elif kind == "restricted":
        node["compatible"] = "restricted-dma-pool"
    if dice.chance(0.05):
        node["status"] = "disabled"
    return node


def nodes(dice, banks, clean, taken_ranges):
    """The "dt" fields of a case: reserved and memreserve."""
    ground, found = Ground(dice, banks, clean, taken_ranges), []
    for index in range(dice.choice([0, 1, 2, 3, 5, 8, 40 if dice.chance(0.1) else 4])):
        node = request(ground, dice.choices(list(KINDS), list(KINDS.values()))[0])
        if node:
            name = f"r{index}" + (f"@{node['reg'][0][0]:x}" if "reg" in node else "")
            found.append({"name": name, **node})
    fields = {"reserved": found} if found else {}
    if ground.free and dice.chance(0.3):
        fields["memreserve"] = []
        for _ in range(dice.randrange(1, 5)):
            begin, end = dice.choice(ground.free)
            fields["memreserve"].append([dice.randrange(begin, end - 64 * KIB), dice.randrange(1, 64 * KIB)])
    return fields
