"""The architectures: what QEMU, Debian and the kernel call them, and where their RAM begins."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Architecture:
    name: str
    deb: str  # Debian's word
    qemu: str
    machine: str
    cpu: str  # "": QEMU's default
    flavour: str  # of the kernel, unless a case says another
    packages: tuple  # each depends on the newest kernel of a flavour
    console: str
    ram_base: int = 0
    section_bits: int = 0  # a constant of the kernel's source that nothing in a running system shows
    short: str = ""  # how the names of its cases begin


ARCHITECTURES = {arch.name: arch for arch in (
    Architecture("x86_64", "amd64", "qemu-system-x86_64", "pc", "", "cloud-amd64",
                 ("linux-image-cloud-amd64", "linux-image-amd64"),
                 "console=ttyS0,115200 earlycon=uart8250,io,0x3f8,115200n8", 0, 27, "x86"),
    Architecture("arm64", "arm64", "qemu-system-aarch64", "virt", "cortex-a57", "cloud-arm64",
                 ("linux-image-cloud-arm64",), "console=ttyAMA0 earlycon=pl011,0x9000000", 0x40000000, 27, "arm64"),
    Architecture("armhf", "armhf", "qemu-system-arm", "virt,highmem=off", "cortex-a15", "armmp",
                 ("linux-image-armmp", "linux-image-armmp-lpae"), "console=ttyAMA0", 0x40000000, 0, "armhf"),
)}


def of(case):
    return ARCHITECTURES[case["arch"]]


def flavour_of(case):
    return case.get("kernel", of(case).flavour)
