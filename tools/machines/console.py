"""One boot in QEMU: its console, and how it ended."""
import os
import re
import select
import subprocess
import time

BEGIN, END = b"@@CAPTURE-BEGIN", b"@@CAPTURE-END"
LAST_WORDS = (b"end Kernel panic", b"System halted")
STAMP = re.compile(r"\[ *\d+\.\d{6}\] ")

def boot(words, seconds):
    """Runs QEMU until the record is there, the kernel gives up, or the time is over.

    Returns the console's bytes and the outcome: captured, panic, timeout, or how QEMU ended.
    """
    out, deadline = bytearray(), time.monotonic() + seconds
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while (left := deadline - time.monotonic()) > 0 and select.select([process.stdout], [], [], left)[0]:
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                status = process.wait()
                return bytes(out), "panic" if b"Kernel panic" in out else f"qemu exited with {status}"
            out += data
            tail = out[-len(data) - 200:]
            if END in tail:
                return bytes(out), "captured"
            if any(words in tail for words in LAST_WORDS):
                return bytes(out), "panic"
        return bytes(out), "timeout"
    finally:
        stop(process)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    process.stdout.close()


def log_of(console):
    """The kernel's own lines, without what firmware and terminals put around them."""
    lines = []
    for line in console.split(BEGIN)[0].decode("utf-8", "replace").replace("\r", "").split("\n"):
        if match := STAMP.search(line):
            before = line[:match.start()]
            if not lines or re.fullmatch(r"[\x00-\x1f\[\]?0-9;a-zA-Z]*", before):
                lines.append(line[match.start():])
        elif lines and line.startswith("** ") and "dropped" in line:
            lines.append(line)
    return "\n".join(lines) + "\n"


def record_of(console):
    """What stands between the lines that begin and end the record; nothing if it never began."""
    return console.partition(BEGIN)[2].partition(END)[0]
