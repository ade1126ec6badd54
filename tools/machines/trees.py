"""The device tree of a case: QEMU's virt board with just what a kernel needs to reach PID 1, and the case's memory.

Source    QEMU 7.2, hw/arm/virt.c (addresses and interrupts); the kernel's Documentation/devicetree/bindings/
          numa.txt and reserved-memory/reserved-memory.yaml.
"""
from .fdt import Node, Tree, cells, pairs, write
from .sizes import number, ranges

GIC, CLOCK = 1, 2  # phandles
ONE_SHARED, ONE_PRIVATE, LEVEL = 0, 1, 4
TIMER_LINES = (13, 14, 11, 10)
FLAGS = {"no_map": "no-map", "reusable": "reusable", "cma_default": "linux,cma-default",
         "dma_default": "linux,dma-default"}


def board(arch, processors):
    is_64 = arch.name == "arm64"
    root = Node(interrupt_parent=GIC, model="linux,dummy-virt", compatible="linux,dummy-virt")
    root["#size-cells"] = root["#address-cells"] = 2
    calls = (0xC4000001, 0x84000002, 0xC4000003) if is_64 else (0x84000001, 0x84000002, 0x84000003)
    root.add(Node("psci", compatible=["arm,psci-1.0", "arm,psci-0.2", "arm,psci"], method="hvc",
                  cpu_suspend=calls[0], cpu_off=calls[1], cpu_on=calls[2]))
    cpus = root.add(Node("cpus"))
    cpus["#address-cells"], cpus["#size-cells"] = 1, 0
    for at in range(processors):
        cpus.add(Node(f"cpu@{at:x}", device_type="cpu", compatible=f"arm,{arch.cpu}", reg=at, enable_method="psci"))
    root.add(Node("timer", compatible=["arm,armv8-timer", "arm,armv7-timer"] if is_64 else "arm,armv7-timer", always_on=True,
                  interrupts=[cell for line in TIMER_LINES
                              for cell in (ONE_PRIVATE, line, (1 << processors) - 1 << 8 | LEVEL)]))
    gic = root.add(Node("intc@8000000", compatible="arm,cortex-a15-gic", phandle=GIC, interrupt_controller=True,
                        reg=pairs([(0x8000000, 0x10000), (0x8010000, 0x10000)])))
    gic["#interrupt-cells"] = 3
    clock = root.add(Node("apb-pclk", compatible="fixed-clock", clock_frequency=24000000, phandle=CLOCK))
    clock["#clock-cells"] = 0
    root.add(Node("pl011@9000000", compatible=["arm,pl011", "arm,primecell"], reg=pairs([(0x9000000, 0x1000)]),
                  interrupts=[ONE_SHARED, 1, LEVEL], clocks=[CLOCK, CLOCK], clock_names=["uartclk", "apb_pclk"]))
    root.add(Node("chosen", stdout_path="/pl011@9000000"))
    return Tree(root)


def memory_node(bank):
    where = ranges(bank.get("reg", []))
    node = Node(bank.get("name") or f"memory@{where[0][0] if where else 0:x}")
    if bank.get("device_type", "memory"):
        node["device_type"] = bank.get("device_type", "memory")
    if "reg" in bank:
        node["reg"] = pairs(where)
    if "usable" in bank:
        node["linux,usable-memory"] = pairs(ranges(bank["usable"]))
    if bank.get("node") is not None:
        node["numa-node-id"] = bank["node"]
    if bank.get("hotpluggable"):
        node["hotpluggable"] = True
    if bank.get("status"):
        node["status"] = bank["status"]
    return node


def reserved_node(request, width):
    node = Node(request["name"])
    if "reg" in request:
        node["reg"] = pairs(ranges(request["reg"]), *width)
    for name in ("size", "alignment"):
        if name in request:
            node[name] = cells([number(request[name])], width[1])
    if "alloc_ranges" in request:
        node["alloc-ranges"] = pairs(ranges(request["alloc_ranges"]), *width)
    for name in ("compatible", "status"):
        if request.get(name):
            node[name] = request[name]
    for flag, name in FLAGS.items():
        if request.get(flag):
            node[name] = True
    return node


def put_processors(root, edits):
    if "cpu_nodes" in edits:
        for cpu, node in zip((n for n in root.find("cpus").children if n.name.startswith("cpu@")), edits["cpu_nodes"]):
            cpu["numa-node-id"] = node
    if "distance" in edits:
        root.add(Node("distance-map", compatible="numa-distance-map-v1",
                      distance_matrix=[cell for entry in edits["distance"] for cell in entry]))


def tree_of(case, arch, command_line, initrd):
    """The blob; `initrd` is (begin, end)."""
    tree = board(arch, case.get("smp", 1))
    root, edits = tree.root, case.get("dt") or {}
    chosen = root.find("chosen")
    chosen["bootargs"] = command_line
    chosen["linux,initrd-start"], chosen["linux,initrd-end"] = cells([initrd[0]], 2), cells([initrd[1]], 2)
    for bank in edits.get("memory") or [{"reg": [[arch.ram_base, number(case["memory"])]]}]:
        root.add(memory_node(bank))
    put_processors(root, edits)
    if "reserved" in edits:
        width = edits.get("reserved_cells", [2, 2])
        folder = root.add(Node("reserved-memory", ranges=True))
        folder["#address-cells"], folder["#size-cells"] = width
        for request in edits["reserved"]:
            folder.add(reserved_node(request, width))
    tree.reservations = ranges(edits.get("memreserve", []))
    for key, name in (("usable_range", "linux,usable-memory-range"), ("elfcorehdr", "linux,elfcorehdr")):
        if key in edits:
            chosen[name] = pairs(ranges(edits[key]))
    for path in edits.get("delete", []):
        root.remove(path)
    for path, properties in edits.get("set", {}).items():
        for name, value in properties.items():
            if value is False:
                root.make(path).properties.pop(name, None)
            else:
                root.make(path)[name] = value
    return write(tree)
