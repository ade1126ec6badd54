"""Random machines: made by chance, booted by a real kernel in QEMU, and held against Quarry's boot of them."""
