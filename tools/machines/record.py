"""What the first process of a recorded boot sent, as the files of a capture."""
import base64
import gzip
import io
import os
import tarfile

SECTION_FIELDS = ("phys_index", "state", "valid_zones")
MAP_FIELDS = ("start", "end", "type")


class Garbled(Exception):
    """The record did not come through whole."""


def unpacked(sent):
    """File name -> content, of a tar.gz in base64."""
    try:
        archive = io.BytesIO(gzip.decompress(base64.b64decode(b"".join(sent.split()), validate=True)))
        with tarfile.open(fileobj=archive) as tar:
            return {os.path.normpath(item.name): tar.extractfile(item).read() for item in tar.getmembers() if item.isfile()}
    except (ValueError, OSError, EOFError, tarfile.TarError) as problem:
        raise Garbled(str(problem)) from problem


def lines_of(listed):
    """(path, line) of each `path:line`."""
    for line in listed.decode(errors="replace").splitlines():
        path, _, rest = line.partition(":")
        yield path.removeprefix("./"), rest


def path_of(entry):
    return entry[0]  # the lines of one file stay in order


def grouped(listed):
    """Name -> field -> the field's first line, of paths name/field."""
    found = {}
    for path, line in lines_of(listed):
        name, _, field = path.rpartition("/")
        found.setdefault(name, {}).setdefault(field, line)
    return found


def plain(listed):
    return "".join(f"{path}: {line}\n" for path, line in sorted(lines_of(listed), key=path_of))


def sections(listed, nodes):
    """`name index state zones=... nodes=...`, in the order of their names."""
    of = {}
    for path in nodes.decode().split():
        section, _, node = path.partition("/")
        of.setdefault(section, []).append(node)
    text = ""
    for name, fields in sorted(grouped(listed).items()):
        index, state, zones = (fields.get(field, "") for field in SECTION_FIELDS)
        text += f"{name} {index} {state} zones={zones} nodes={' '.join(of.get(name, []))}\n"
    return text


def node_files(listed):
    """node.txt, and the gigantic and huge pages of each node."""
    node, pages = "", ""
    for path, line in sorted(lines_of(listed), key=path_of):
        if "/hugepages/" in path:
            pages += f"per-node.txt: {path.removesuffix('/nr_hugepages')} {line}\n"
        else:
            node += f"{path}: {line}\n"
    return node, pages


def files_of(sent):
    """The files of a capture, those that have something in them."""
    got = unpacked(sent)
    lists = {name.removesuffix(".list"): got.pop(name) for name in list(got) if name.endswith(".list")}

    def of(name):
        return lists.get(name, b"")

    files = {name.lower().replace("apic", "madt"): data for name, data in got.items()}
    node, pages = node_files(of("node"))
    texts = {"vm.txt": plain(of("vm")), "node.txt": node, "hugepages.txt": pages + plain(of("hugepages")),
             "cma.txt": plain(of("cma")), "memory_blocks.txt": sections(of("sections"), of("section-nodes")),
             "memmap.txt": "".join(" ".join([name] + [fields.get(field, "") for field in MAP_FIELDS]) + "\n"
                                   for name, fields in sorted(grouped(of("memmap")).items()))}
    files |= {name: text.encode() for name, text in texts.items()}
    return {name: data for name, data in files.items() if data}
