"""A kernel, its initrd and any e820 map that a case has, as one image that QEMU loads.

QEMU and its BIOS make a map of their own. So the protected-mode part of the bzImage, the initrd and the boot
parameters are put in one Multiboot image, and a few instructions enter the kernel by the 32-bit boot protocol:

    1M        head, entry code, GDT
    1M +  4K  boot_params       + 8K  command line       + 12K  setup_data: the map's entries after the 128th
    2M        the kernel, which moves itself to 16M
    96M       the initrd

Source    Documentation/arch/x86/boot.rst and zero-page.rst of Linux 6.1; Multiboot Specification 0.6.96, section 3.
"""
import struct

from .sizes import MIB, number

HEAD, PARAMETERS, COMMAND_LINE, MORE_MAP, KERNEL = MIB, MIB + 0x1000, MIB + 0x2000, MIB + 0x3000, 2 * MIB
MAP_END = MIB + 0x8000
INITRD = 96 * MIB
ENTRIES_IN_PLACE, SETUP_E820_EXT = 128, 1
TYPES = {"usable": 1, "reserved": 2, "acpi": 3, "nvs": 4, "unusable": 5, "pmem7": 7, "pram": 12,
         "soft_reserved": 0xEFFFFFFF}


def entry(base, size, kind):
    return struct.pack("<QQI", number(base), number(size), TYPES.get(kind, kind))


def boot_parameters(setup, case, initrd_size):
    """The zero page, and the setup_data that it points to."""
    page = bytearray(4096)
    end = 0x202 + setup[0x201]
    page[0x1F1:end] = setup[0x1F1:end]
    first, rest = case["e820"][:ENTRIES_IN_PLACE], case["e820"][ENTRIES_IN_PLACE:]
    fields = {0x1FA: ("H", 0xFFFF),  # video mode: as it is
              0x210: ("B", 0xFF),  # the loader: unknown
              0x211: ("B", page[0x211] | 1),  # loaded high
              0x214: ("I", KERNEL), 0x218: ("I", initrd_at(case)), 0x21C: ("I", initrd_size),
              0x228: ("I", COMMAND_LINE), 0x1E8: ("B", len(first)), 0x250: ("Q", MORE_MAP if rest else 0)}
    for at, (form, value) in fields.items():
        struct.pack_into("<" + form, page, at, value)
    table = b"".join(entry(*line) for line in first)
    page[0x2D0:0x2D0 + len(table)] = table
    more = b"".join(entry(*line) for line in rest)
    return bytes(page), struct.pack("<QII", 0, SETUP_E820_EXT, len(more)) + more if rest else b""


def initrd_at(case):
    return number(case.get("load", {}).get("initrd", INITRD))


def entry_code(gdt_pointer):
    """Flat segments, esi = boot_params, ebx = ebp = edi = 0, interrupts off; then into the kernel."""
    return (b"\xFA" + b"\x0F\x01\x15" + struct.pack("<I", gdt_pointer)  # cli; lgdt
            + b"\x66\xB8\x18\x00\x8E\xD8\x8E\xC0\x8E\xD0\x8E\xE0\x8E\xE8"  # ax = 0x18, and all segments
            + b"\xBC" + struct.pack("<I", PARAMETERS) + b"\xBE" + struct.pack("<I", PARAMETERS)  # esp, esi
            + b"\x31\xED\x31\xFF\x31\xDB"  # xor ebp, edi, ebx
            + b"\xEA" + struct.pack("<IH", KERNEL, 0x10))  # jump


def image(bzimage, initrd, command_line, case):
    sectors = bzimage[0x1F1] or 4
    kernel = bzimage[512 * (sectors + 1):]
    parameters, more = boot_parameters(bzimage, case, len(initrd))
    at = initrd_at(case)
    if KERNEL + len(kernel) > at or len(more) > MAP_END - MORE_MAP or len(command_line) >= 4096:
        raise ValueError("initrd too low, map or command line too long for the loader's image")
    head = bytearray(KERNEL - HEAD)
    code, gdt, pointer, end = 0x40, 0x100, 0x120, at + len(initrd)
    magic, has_addresses = 0x1BADB002, 1 << 16
    struct.pack_into("<8I", head, 0, magic, has_addresses, -(magic + has_addresses) & 0xFFFFFFFF,
                     HEAD, HEAD, end, end, HEAD + code)
    struct.pack_into("<4Q", head, gdt, 0, 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF)
    struct.pack_into("<HI", head, pointer, 31, HEAD + gdt)
    for place, data in ((HEAD + code, entry_code(HEAD + pointer)), (PARAMETERS, parameters),
                        (COMMAND_LINE, command_line.encode() + b"\0"), (MORE_MAP, more)):
        head[place - HEAD:place - HEAD + len(data)] = data
    return bytes(head) + kernel + bytes(at - KERNEL - len(kernel)) + initrd
