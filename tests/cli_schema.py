"""quarry.boot/1: what the JSON of a boot looks like, and the laws that its numbers keep."""
import json

EXACT = 1 << 53

# A type is a schema: a list of one is an array, a dict an object with just these keys, a tuple a row.
REGION = {"base": int, "size": int, "flags": [str], "node": (int, None)}
RESOURCE = {"base": int, "end": int, "name": str}
RESOURCE["children"] = [RESOURCE]
SCHEMA = {
    "schema": str,
    "machine": {"arch": str, "page_size": int, "cmdline": str, "cpus": int},
    "firmware": [{"base": int, "size": int, "type": str, "source": str}],
    "memblock": {"memory": [REGION], "reserved": [dict(REGION, owner=str)]},
    "nodes": [{
        "id": int, "start_pfn": int, "spanned_pages": int, "present_pages": int, "distances": [int], "fallback": [int],
        "zonelist": ["zoneref"],
        "zones": [{"name": str, "start_pfn": int, "spanned_pages": int, "present_pages": int, "managed_pages": int,
                   "cma_pages": int, "free_area": [int], "free_area_handover": [int]}]}],
    "reserved_memory": [{"name": str, "base": int, "size": int, "flags": [str], "status": str}],
    "cma": [{"name": str, "base": int, "size": int, "default": bool}],
    "crashkernel": [{"base": int, "size": int}],
    "iomem": [RESOURCE],
    "ledger": [{"owner": str, "bytes": int, "rule": str, "fate": str, "given_back": bool, "given_back_by": (str,)}],
    "totals": {"ram_bytes": int, "mem_total_kib": int, "mem_total_low_kib": int, "mem_total_high_kib": int, "cma_total_kib": int,
               "high_total_kib": int},
    "timeline": [{"step": str, "function": str, "given_pages": int, "total_pages": int, "free_pages": int,
                  "cma_pages": int, "zones": [{"node": int, "zone": str, "managed_pages": int, "cma_pages": int,
                                               "free_pages": int}]}],
}


# There only on a machine that runs into one.
LINUX_BUGS = [{"base": int, "size": int, "what": str}]
# There only where of the kernel no more than the version is known.
BOUNDS = {"stands_in": str, "stands_for": str,
          "reasons": [{"what": str, "source": str, "low_kib": "signed", "high_kib": "signed"}]}
BOOTMEM = {
    "nodes": [{"id": int, "start_pfn": int, "end_pfn": int, "map_pfn": int, "map_bytes": int, "free_pages": int,
               "reserved_pages": int, "last_end_off": int, "hint_idx": int}],
    "released_pages": int, "bitmap_pages": int, "lost_pages": int, "blocks": int}


def mismatch(value, schema, at="$"):
    """The first place where a value is not of its schema; empty: it is."""
    if schema == "signed":
        return "" if type(value) is int and abs(value) < EXACT else f"{at} is {value!r}, no number"
    if schema == "zoneref":
        fits = isinstance(value, list) and len(value) == 2 and type(value[0]) is int and type(value[1]) is str
        return "" if fits else f"{at} is no [node, zone]"
    if schema == "change":
        return "" if type(value) is int and abs(value) < EXACT else f"{at} is {value!r}, no change"
    if isinstance(schema, tuple):
        fits = value is None if value is None else type(value) is schema[0]
        return "" if fits else f"{at} is {value!r}"
    if isinstance(schema, list):
        if not isinstance(value, list):
            return f"{at} is no array"
        return next(filter(None, (mismatch(v, schema[0], f"{at}[{i}]") for i, v in enumerate(value))), "")
    if isinstance(schema, dict):
        if not isinstance(value, dict) or list(value) != list(schema):
            return f"{at} has the keys {list(value) if isinstance(value, dict) else value!r}"
        return next(filter(None, (mismatch(value[k], s, f"{at}.{k}") for k, s in schema.items())), "")
    if type(value) is not schema:
        return f"{at} is {value!r}, no {schema.__name__}"
    return f"{at} is {value}, not below 2^53" if schema is int and not 0 <= value < EXACT else ""


# --- Laws ---------------------------------------------------------------------------------------------------

def ledger_problem(j):
    total = sum(line["bytes"] for line in j["ledger"])
    if total != j["totals"]["ram_bytes"]:
        return f"the ledger adds up to {total} of {j['totals']['ram_bytes']} bytes of RAM"
    if any(a["bytes"] < b["bytes"] for a, b in zip(j["ledger"], j["ledger"][1:])):
        return "the ledger is not sorted by size"
    if any(not line["owner"] or not line["rule"] for line in j["ledger"]):
        return "a line of the ledger has no owner or no rule"
    if any(line["owner"].endswith(", given back") != line["given_back"] for line in j["ledger"]):
        return "what comes back is named so and marked so"
    managed = sum(line["bytes"] for line in j["ledger"] if line["fate"] != "kept")
    if managed != 1024 * j["totals"]["mem_total_kib"]:
        return f"free, given back, contiguous and gigantic are {managed} bytes, MemTotal is {j['totals']['mem_total_kib']} KiB"
    return ""


def timeline_problem(j):
    total = 0
    for moment in j["timeline"]:
        total += moment["given_pages"]
        zones = moment["zones"]
        sums = [sum(z[key] for z in zones) for key in ("managed_pages", "free_pages", "cma_pages")]
        if [total, moment["free_pages"], moment["cma_pages"]] != sums or moment["total_pages"] != total:
            return f"after {moment['step']} the pages do not add up"
    last = [(z["node"], z["zone"], z["managed_pages"], z["cma_pages"]) for z in j["timeline"][-1]["zones"]]
    ends = [(n["id"], z["name"], z["managed_pages"], z["cma_pages"]) for n in j["nodes"] for z in n["zones"]]
    return "" if last == ends else "the last moment is not the end"


def bounds_problem(j):
    totals = j["totals"]
    low, real, high = (totals[f"mem_total_{name}kib"] for name in ("low_", "", "high_"))
    if "mem_total_bounds" not in j:
        return "" if low == real == high else f"MemTotal is {real} and between {low} and {high}, and nothing says why"
    reasons = j["mem_total_bounds"]["reasons"]
    sums = [real + sum(reason[key] for reason in reasons) for key in ("low_kib", "high_kib")]
    inside = [min(max(bound, 0), totals["ram_bytes"] // 1024) for bound in sums]
    return "" if reasons and inside == [low, high] else f"the reasons add up to {sums}, not {low} to {high}"


def nodes_problem(j):
    pages = sum(z["managed_pages"] for n in j["nodes"] for z in n["zones"])
    if pages * (j["machine"]["page_size"] // 1024) != j["totals"]["mem_total_kib"]:
        return f"{pages} managed pages are not MemTotal"
    for node in j["nodes"]:
        if node["present_pages"] != sum(z["present_pages"] for z in node["zones"]):
            return f"node {node['id']} has not the pages of its zones"
        if node["fallback"] and node["fallback"][0] != node["id"] and node["present_pages"]:
            return f"node {node['id']} does not ask itself first"
        for zone in node["zones"]:
            blocks = lambda area: sum(count << order for order, count in enumerate(area))
            if blocks(zone["free_area"]) > zone["managed_pages"] or zone["managed_pages"] > zone["present_pages"] \
                    or zone["present_pages"] > zone["spanned_pages"]:
                return f"node {node['id']} {zone['name']}: free, managed, present, spanned do not ascend"
            if blocks(zone["free_area_handover"]) > zone["managed_pages"]:
                return f"node {node['id']} {zone['name']}: more was handed over than is managed"
    return ""


def runs(regions):
    joined = []
    for begin, end in sorted((r["base"], r["base"] + r["size"]) for r in regions if r["size"]):
        if joined and joined[-1][1] >= begin:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([begin, end])
    return joined


def without(pieces, begin, end):
    left = []
    for b, e in pieces:
        left += [p for p in ([b, min(e, begin)], [max(b, end), e]) if p[0] < p[1]]
    return left


def replay_problem(j, lines):
    """The events, applied in order to nothing, make the tables that memblock has in the end."""
    tables = {"reserved": [], "memory": []}
    puts = {"reserve": "reserved", "alloc": "reserved", "grow": "reserved", "add": "memory"}
    takes = {"free": "reserved", "remove": "memory"}
    for line in lines.splitlines():
        event = json.loads(line)
        if event.get("allocator") == "bootmem":
            continue
        begin, end = event["base"], event["base"] + event["size"]
        if event["action"] in puts:
            tables[puts[event["action"]]].append([begin, end])
        elif event["action"] in takes:
            table = takes[event["action"]]
            tables[table] = without(tables[table], begin, end)
    for name, pieces in tables.items():
        got = runs([{"base": b, "size": e - b} for b, e in pieces])
        if got != runs(j["memblock"][name]):
            return f"the events make another memblock.{name}"
    return ""


def owners_problem(j):
    nobody = [hex(r["base"]) for r in j["memblock"]["reserved"] if not r["owner"]]
    return f"nobody owns the reserved regions at {', '.join(nobody)}" if nobody else ""


def bootmem_problem(j):
    b, shift = j["bootmem"], j["machine"]["page_size"]
    if b["released_pages"] != sum(n["free_pages"] for n in b["nodes"]) - b["lost_pages"] + b["bitmap_pages"]:
        return "what was handed over is not what was free, less what was lost, and the bitmaps"
    for n in b["nodes"]:
        pages = n["end_pfn"] - n["start_pfn"]
        if n["free_pages"] + n["reserved_pages"] != pages:
            return f"node {n['id']}: free and reserved are not its pages"
        if n["map_bytes"] < pages / 8 or n["hint_idx"] > pages or n["last_end_off"] > pages * shift:
            return f"node {n['id']}: bitmap, hint_idx and last_end_off do not fit it"
        if not any(r["base"] <= n["map_pfn"] * shift and n["map_pfn"] * shift + n["map_bytes"] <= r["base"] + r["size"]
                   and "bootmem bitmap" in r["owner"] for r in j["memblock"]["reserved"]):
            return f"node {n['id']}: memblock has not reserved its bitmap"
    owned = {line["owner"]: line["bytes"] for line in j["ledger"]}
    if owned.get("lost by bootmem", 0) != b["lost_pages"] * shift:
        return "the ledger has lost another number of pages"
    if owned.get("bootmem bitmap, given back", 0) != b["bitmap_pages"] * shift:
        return "the ledger has bitmaps of another size"
    return ""
