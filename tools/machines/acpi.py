"""ACPI's SRAT and SLIT, made of what a case says.

Source    ACPI Specification 6.5, sections 5.2.6, 5.2.16 and 5.2.17.
"""
import struct

from .sizes import number


def table(signature, revision, body):
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"QUARRY", b"MACHINES", 1, b"QRRY", 1)
    whole = bytearray(head + body)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)


def affinity(entry):
    """{"memory": [base, size]}, {"apic": id} or {"x2apic": id}, each with "node" and "flags": 1 enabled, 2 hot-pluggable."""
    node, flags = entry.get("node", 0), entry.get("flags", 1)
    if "memory" in entry:
        base, size = map(number, entry["memory"])
        return struct.pack("<BBIHQQIIQ", 1, 40, node, 0, base, size, 0, flags, 0)
    if "apic" in entry:
        high = (node >> 8).to_bytes(3, "little")
        return struct.pack("<BBBBIB3sI", 0, 16, node & 0xFF, entry["apic"], flags, 0, high, 0)
    return struct.pack("<BBHIIIII", 2, 24, 0, node, entry["x2apic"], flags, 0, 0)


def tables_of(case):
    """File name -> table."""
    found = {}
    if case.get("srat"):
        found["srat.bin"] = table(b"SRAT", 3, struct.pack("<IQ", 1, 0) + b"".join(map(affinity, case["srat"])))
    if case.get("slit"):
        rows = case["slit"]
        found["slit.bin"] = table(b"SLIT", 1, struct.pack("<Q", len(rows)) + bytes(d for row in rows for d in row))
    return found
