"""Sizes and addresses as people write them, and what a case's file may hold for them."""
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SUFFIXES = {"K": 10, "M": 20, "G": 30, "T": 40}


def number(value):
    """A number, or text such as "0x40000000", "64M", "1.5G", "-1"."""
    if isinstance(value, (int, float)):
        return int(value)
    text = value.strip()
    shift = SUFFIXES.get(text[-1:].upper())
    if shift is None:
        return int(text, 0)
    digits = text[:-1]
    return int(float(digits) * (1 << shift)) if "." in digits else int(digits, 0) << shift


def ranges(pairs):
    return [(number(base), number(size)) for base, size in pairs]


def down(value, alignment):
    return value // alignment * alignment


def up(value, alignment):
    return -(-value // alignment) * alignment


def text(size):
    """As a kernel's command line takes it."""
    for suffix in "GMK":
        if size and size % (1 << SUFFIXES[suffix]) == 0:
            return f"{size >> SUFFIXES[suffix]}{suffix}"
    return str(size)
