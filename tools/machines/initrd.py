"""The initrd of a capture: /init and a static busybox, the same bytes each time.

Source    the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""
import gzip
import pathlib

INIT = pathlib.Path(__file__).with_name("init.sh")
DIRECTORY, PROGRAM = 0o40755, 0o100755


def archive(init, busybox, more=None):
    """A cpio archive; `more` are files by name."""
    entries = [(name, DIRECTORY, b"") for name in ("bin", "dev", "proc", "sys")]
    entries += [("init", PROGRAM, init), ("bin/busybox", PROGRAM, busybox)]
    entries += [(name, PROGRAM, data) for name, data in (more or {}).items()] + [("TRAILER!!!", 0, b"")]
    out = bytearray()
    for inode, (name, mode, data) in enumerate(entries, 1):
        path = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def write(path, busybox):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(archive(INIT.read_bytes(), busybox), 9, mtime=0))
