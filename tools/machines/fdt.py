"""Flattened device trees, read and written.

Source    Devicetree Specification v0.4, chapter 5.
"""
import struct

MAGIC, VERSION, COMPATIBLE = 0xD00DFEED, 17, 16
BEGIN, END, PROPERTY, NOTHING, FINISH = 1, 2, 3, 4, 9


class Node:
    def __init__(self, name="", **properties):
        self.name = name
        self.properties = {key.replace("_", "-"): encoded(value) for key, value in properties.items()}
        self.children = []

    def __setitem__(self, name, value):
        self.properties[name] = encoded(value)

    def add(self, node):
        self.children.append(node)
        return node

    def find(self, path):
        node = self
        for part in filter(None, path.split("/")):
            node = next((child for child in node.children if child.name == part), None)
            if node is None:
                return None
        return node

    def make(self, path):
        node = self
        for part in filter(None, path.split("/")):
            node = next((child for child in node.children if child.name == part), None) or node.add(Node(part))
        return node

    def remove(self, path):
        parent, _, name = path.strip("/").rpartition("/")
        if owner := self.find(parent):
            owner.children = [child for child in owner.children if child.name != name]


class Tree:
    def __init__(self, root=None):
        self.root = root or Node()
        self.reservations = []  # (address, size)
        self.boot_cpu = 0


class Wide(list):
    """Numbers of two cells each."""


def cells(numbers, width=1):
    return b"".join(int(number).to_bytes(4 * width, "big") for number in numbers)


def pairs(ranges, base_cells=2, size_cells=2):
    return b"".join(cells([base], base_cells) + cells([size], size_cells) for base, size in ranges)


def encoded(value):
    """True: empty; numbers: cells; texts: strings; bytes as they are; {"u64": [...]} and {"hex": "..."} as in a case."""
    if value is True or value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, Wide):
        return cells(value, 2)
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"]) if "hex" in value else cells(value["u64"], 2)
    if isinstance(value, int):
        return cells([value])
    if isinstance(value, str):
        return value.encode() + b"\0"
    if all(isinstance(item, str) for item in value):
        return b"".join(item.encode() + b"\0" for item in value)
    return cells(value)


def write(tree):
    strings, places, body = bytearray(), {}, bytearray()

    def put(data):
        body.extend(data + bytes(-len(data) % 4))

    def put_node(node):
        put(cells([BEGIN]) + node.name.encode("latin-1") + b"\0")
        for name, value in node.properties.items():
            if name not in places:
                places[name] = len(strings)
                strings.extend(name.encode("latin-1") + b"\0")
            put(cells([PROPERTY, len(value), places[name]]) + value)
        for child in node.children:
            put_node(child)
        put(cells([END]))

    put_node(tree.root)
    put(cells([FINISH]))
    reservations = pairs(tree.reservations) + bytes(16)
    structure_at = 40 + len(reservations)
    strings_at = structure_at + len(body)
    header = cells([MAGIC, strings_at + len(strings), structure_at, strings_at, 40, VERSION, COMPATIBLE,
                    tree.boot_cpu, len(strings), len(body)])
    return header + reservations + bytes(body) + bytes(strings)


def read(blob):
    """The tree of a blob that a kernel has booted from: trusted to be whole."""
    magic, _, structure, strings, reservations, _, _, boot_cpu, _, _ = struct.unpack_from(">10I", blob)
    if magic != MAGIC:
        raise ValueError("not a flattened device tree")
    tree = Tree()
    tree.boot_cpu = boot_cpu
    while any(entry := struct.unpack_from(">QQ", blob, reservations)):
        tree.reservations.append(entry)
        reservations += 16

    def text(at):
        return blob[at:blob.index(b"\0", at)].decode("latin-1")

    above, at = [], structure
    while True:
        token = struct.unpack_from(">I", blob, at)[0]
        at += 4
        if token == BEGIN:
            node = Node(text(at))
            at += len(node.name) // 4 * 4 + 4
            if above:
                above[-1].children.append(node)
            else:
                tree.root = node
            above.append(node)
        elif token == PROPERTY:
            size, name = struct.unpack_from(">II", blob, at)
            above[-1].properties[text(strings + name)] = bytes(blob[at + 8:at + 8 + size])
            at += 8 + (size + 3) // 4 * 4
        elif token == END:
            above.pop()
        elif token == FINISH:
            return tree
        elif token != NOTHING:
            raise ValueError(f"a token of {token:#x} in a device tree")
