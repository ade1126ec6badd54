// tests/fuzzed_board.hpp: any bytes as a board with a device tree, and what of its RAM nobody may get.
//
//   memory        up to six banks, with odd ends, holes and overlaps, over nodes or not
//   reserved      static and dynamic nodes of every kind, the reservation block, the core header
//   the rest      kernel, initrd, a usable range, a command line, five geometries on three architectures
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "quarry/base/geometries.hpp"
#include "quarry/boot/arm_steps.hpp"
#include "quarry/boot/flow.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/fuzzed_machine.hpp"

namespace quarry::test {

class FuzzedBoard {
 public:
  enum class Kind : std::uint8_t { arm64_4k, arm64_16k, arm64_64k, arm, arm_lpae, riscv64 };
  static constexpr unsigned kKinds = 6;

  explicit FuzzedBoard(Bytestream& bytes) : kind_{static_cast<Kind>(bytes.byte() % kKinds)} {
    configure(bytes);
    tree_.cells("#address-cells", 2).cells("#size-cells", 2);
    draw_memory(bytes);
    draw_reserved(bytes);
    draw_chosen(bytes);
    for (unsigned i = bytes.byte() % 4; i > 0; --i) draw_option(bytes);
    if (has_nodes() && bytes.byte() % 3 == 0) draw_distances(bytes);
    machine.command_line = TextView{command_line.data(), command_line.size()};
    machine.tree = tree_.finish();
    taken.push_back({kTreeAt, kTreeAt + machine.tree.size()});
    std::ranges::sort(ram, {}, &FuzzedMachine::Range::begin);
  }
  FuzzedBoard(const FuzzedBoard&) = delete;
  FuzzedBoard& operator=(const FuzzedBoard&) = delete;

  Kind kind() const noexcept { return kind_; }
  bool is_arm64() const noexcept { return kind_ <= Kind::arm64_64k; }
  bool has_nodes() const noexcept { return is_arm64() || kind_ == Kind::riscv64; }
  std::uint64_t page() const noexcept { return machine.geometry.page_size().bytes().raw; }

  // What the tree reserves by place, and what the boot itself placed or was told to set aside.
  void learn(const boot::State& state) {
    for (const boot::ReservedMemory& node : state.reserved_memory)
      if (node.is_taken && !is_area(state, node.range)) keep_off(node.range);
    keep_off(state.crashkernel);
    keep_off(state.crashkernel_low);
    keep_off(state.elfcorehdr);
    // Where a size has no place, arm takes where it believes that RAM begins.
    if (has_nodes() || command_line.find("mem=20M") == std::string::npos) return;
    const std::uint64_t begin = boot::arm::phys_offset(state).raw;
    ram.push_back({begin, begin + 20 * kMiB});
    std::ranges::sort(ram, {}, &FuzzedMachine::Range::begin);
  }

  // Whether each byte of the page is RAM for somebody and reserved by nobody. What lay under the initrd comes
  // back with it.
  bool may_be_given(std::uint64_t page_begin) const {
    const std::uint64_t page_end = page_begin + page();
    std::uint64_t known = page_begin;
    for (const auto& range : ram)
      if (range.begin <= known && range.end > known) known = range.end;
    if (known < page_end) return false;
    if (page_begin < initrd_end() && page_end > initrd_begin()) return true;
    return std::ranges::none_of(
        taken, [&](const auto& range) { return range.begin < page_end && page_begin < range.end; });
  }

  std::string command_line;
  std::vector<FuzzedMachine::Range> ram, taken;
  boot::Machine machine;

 private:
  static constexpr std::uint64_t kBase = 0x4000'0000, kMiB = 1u << 20;
  static constexpr std::uint64_t kKernelAt = kBase + 2 * kMiB, kTreeAt = kBase + 6 * kMiB;

  void keep_off(PhysRange range) {
    if (!range.empty()) taken.push_back({range.begin().raw, range.end().raw});
  }
  std::uint64_t initrd_begin() const noexcept { return machine.initrd.begin().raw & ~(page() - 1); }
  std::uint64_t initrd_end() const noexcept {
    return machine.initrd.empty() ? 0 : (machine.initrd.end().raw + page() - 1) & ~(page() - 1);
  }
  static bool is_area(const boot::State& state, PhysRange range) {
    for (const boot::CmaArea& area : state.cma)
      if (area.range == range) return true;
    return false;
  }

  void configure(Bytestream& bytes) {
    static constexpr Geometry geometries[] = {k4KSparse, k16KSparse,  k64KSparse,
                                              k4KFlat,   k4KFlatHuge, k4KSparse};
    static constexpr unsigned linear_bits[] = {32, 36, 39, 48, 52};
    machine.geometry = geometries[static_cast<unsigned>(kind_)];
    if (kind_ == Kind::riscv64)
      machine.arch = boot::Arch::riscv64;
    else
      machine.arch = is_arm64() ? boot::Arch::arm64 : boot::Arch::arm;
    boot::Limits& limits = machine.limits;
    limits.phys_bits = is_arm64() ? 48 : kind_ == Kind::arm ? 32 : 40;
    limits.va_bits = is_arm64() ? linear_bits[bytes.byte() % 5] : 32;
    if (kind_ == Kind::riscv64) {
      limits.phys_bits = 56;
      limits.va_bits = 39 + 9 * (bytes.byte() % 3);
      limits.maps_below_kernel = bytes.byte() % 4 == 0;
    }
    limits.max_nodes = 8;
    limits.has_cma = bytes.byte() % 4 != 0;
    limits.cma_size = Bytes{(bytes.byte() % 4) * 4 * kMiB};
    limits.max_cma_areas = bytes.byte() % 4;
    limits.max_reserved_nodes = bytes.byte() % 8 == 0 ? 3 : 64;
    limits.has_restricted_dma = bytes.byte() % 2 == 0;
    limits.has_zone_dma32 = has_nodes();
    limits.has_highmem = !has_nodes() && bytes.byte() % 4 != 0;
    limits.has_numa = has_nodes();
    machine.cpus = 1 + bytes.byte() % 3;
    machine.tree_at = PhysAddr{kTreeAt};
    machine.kernel.whole = {PhysAddr{kKernelAt}, PhysAddr{kKernelAt + 0x10000 + 4096u * bytes.byte()}};
    keep_off(machine.kernel.whole);
    if (has_nodes()) return;
    machine.kernel.page_directory = {PhysAddr{kBase + 0x4000}, PhysAddr{kBase + 0x8000}};
    keep_off(machine.kernel.page_directory);
  }

  // Somewhere near the banks: a page number of 12 bits in units of 4 KiB to 512 KiB, and odd bytes at times.
  static std::uint64_t draw_place(Bytestream& bytes) {
    const unsigned how = bytes.byte();
    const std::uint64_t far = how % 16 == 3 ? std::uint64_t{1} << 32 : 0;
    return kBase + far + (std::uint64_t{bytes.word() % 4096} << (12 + how % 8)) +
           (how & 64 ? bytes.byte() : 0);
  }
  static std::uint64_t draw_size(Bytestream& bytes, std::uint64_t most) {
    const unsigned how = bytes.byte();
    if (how < 4) return how;
    const std::uint64_t size =
        (std::uint64_t{bytes.word() % 1024 + 1} << (12 + how % 3)) + (how & 64 ? bytes.byte() : 0);
    return std::min(size, most);
  }

  void draw_memory(Bytestream& bytes) {
    const std::uint64_t first = (16 + bytes.byte() % 16) * kMiB - (bytes.byte() % 4 == 0 ? 4096 : 0);
    add_bank(kBase, first, bytes);
    for (unsigned i = bytes.byte() % 6; i > 0; --i) {
      const std::uint64_t base = draw_place(bytes);
      add_bank(base, draw_size(bytes, 4 * kMiB), bytes);
    }
  }

  void add_bank(std::uint64_t base, std::uint64_t size, Bytestream& bytes) {
    tree_.begin("memory@0").text("device_type", "memory").numbers("reg", base, size);
    const unsigned how = bytes.byte();
    if (how % 8 == 1) tree_.cells("numa-node-id", how / 8 % 4);
    if (how % 32 == 2) tree_.flag("hotpluggable");
    if (how % 32 == 3) tree_.text("status", "disabled");
    tree_.end();
    if (size != 0 && how % 32 != 3) ram.push_back({base, base + size});
  }

  void draw_reserved(Bytestream& bytes) {
    for (unsigned i = bytes.byte() % 4; i > 0; --i) {
      const std::uint64_t base = draw_place(bytes), size = draw_size(bytes, kMiB);
      if (size == 0) continue;  // it would end the block
      tree_.reserve(base, size);
      taken.push_back({base, base + size});
    }
    tree_.begin("reserved-memory").cells("#address-cells", 2).cells("#size-cells", 2).flag("ranges");
    for (unsigned i = bytes.byte() % 12; i > 0; --i) draw_node(bytes);
    tree_.end();
  }

  void draw_node(Bytestream& bytes) {
    const unsigned how = bytes.byte(), what = bytes.byte();
    tree_.begin("node");
    const std::uint64_t base =
        draw_place(bytes) & ((how & 1) != 0 ? ~(std::uint64_t{2} * kMiB - 1) : ~std::uint64_t{0});
    const std::uint64_t size = (how & 2) != 0 ? 4 * kMiB : draw_size(bytes, 4 * kMiB);
    if (how % 16 < 9)
      tree_.numbers("reg", base, size);
    else if (how % 16 < 11)
      tree_.numbers("reg", base, size, draw_place(bytes), draw_size(bytes, kMiB));
    else
      tree_.numbers("size", size);
    if (how & 32) tree_.numbers("alignment", std::uint64_t{1} << (12 + bytes.byte() % 12));
    if (how & 64) tree_.numbers("alloc-ranges", draw_place(bytes), draw_size(bytes, 16 * kMiB));
    if (what & 1) tree_.flag("no-map");
    if (what & 2) tree_.flag("reusable");
    if (what & 4) tree_.text("compatible", "shared-dma-pool");
    if (what % 32 == 24) tree_.text("compatible", "restricted-dma-pool");
    if (what & 64) tree_.flag("linux,cma-default");
    if (what % 64 == 16) tree_.text("status", "disabled");
    tree_.end();
  }

  void draw_chosen(Bytestream& bytes) {
    const unsigned how = bytes.byte();
    tree_.begin("chosen");
    if (how & 1) {
      const PhysRange initrd = PhysRange::sized(PhysAddr{draw_place(bytes)}, Bytes{draw_size(bytes, kMiB)});
      machine.initrd = initrd;
      tree_.numbers("linux,initrd-start", initrd.begin().raw).numbers("linux,initrd-end", initrd.end().raw);
      // On arm64 the initrd's pages are memory whatever the tree says.
      if (is_arm64() && !initrd.empty()) ram.push_back({initrd_begin(), initrd_end()});
    }
    if (how % 8 == 6) tree_.numbers("linux,elfcorehdr", draw_place(bytes), draw_size(bytes, kMiB));
    if (how % 16 == 4) {
      const std::uint64_t more = draw_place(bytes), size = draw_size(bytes, 4 * kMiB);
      tree_.numbers("linux,usable-memory-range", kBase, 64 * kMiB, more, size);
      if (size != 0) ram.push_back({more, more + size});
    }
    tree_.end();
  }

  void draw_distances(Bytestream& bytes) {
    tree_.begin("distance-map").text("compatible", "numa-distance-map-v1");
    tree_.cells("distance-matrix", 0, 0, 10, 0, 1, bytes.byte(), 1, 0, bytes.byte(), 1, 1, 10).end();
  }

  void draw_option(Bytestream& bytes) {
    static constexpr const char* options[] = {"mem=20M",
                                              "mem=32M@0x40000000",
                                              "cma=8M",
                                              "cma=4M@0x41000000",
                                              "cma=0",
                                              "cma=4M@0x40000000-1G",
                                              "vmalloc=16M",
                                              "vmalloc=900M",
                                              "crashkernel=2M",
                                              "crashkernel=1M@0x40c00000",
                                              "movable_node",
                                              "kernelcore=4M",
                                              "movablecore=50%",
                                              "numa=off",
                                              "cma_pernuma=4M",
                                              "hugetlb_cma=1G",
                                              "crashkernel=2M,high",
                                              "crashkernel=2M,high crashkernel=1M,low",
                                              "mem=garbage",
                                              "cma=,"};
    if (!command_line.empty()) command_line += ' ';
    const unsigned which = bytes.byte() % std::size(options);
    command_line += options[which];
    // arm64 takes the kernel's image back, from before its padding on.
    if (is_arm64() && command_line.find("mem=") != std::string::npos)
      ram.push_back({kKernelAt - 0x10000, machine.kernel.whole.end().raw});
    if (which == 1 && !has_nodes()) ram.push_back({kBase, kBase + 32 * kMiB});
  }

  Kind kind_;
  ScaledFdtBuilder<4> tree_;
};

}  // namespace quarry::test
