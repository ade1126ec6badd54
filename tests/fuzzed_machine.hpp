// tests/fuzzed_machine.hpp: any bytes as the description of an x86_64 machine, and what of its RAM nobody may get.
//
// Addresses are drawn so that things meet: small page numbers, a few far places, odd bytes, sizes of zero, ends past
// 2^64. What is said to be RAM stays small; what is said to be something else may be all there is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "quarry/boot/machine.hpp"

namespace quarry::test {

class Bytestream {
 public:
  Bytestream(const std::uint8_t* data, std::size_t size) noexcept : data_{data}, left_{size} {}
  bool empty() const noexcept { return left_ == 0; }
  // 0 when there is nothing left.
  unsigned byte() noexcept {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  unsigned word() noexcept { return byte() << 8 | byte(); }
  std::uint64_t address() noexcept {
    const unsigned how = byte();
    const std::uint64_t page = word() % 4096;
    const std::uint64_t far = how & 1 ? std::uint64_t{1} << (20 + how / 8) : 0;
    return far + page * 4096 + (how & 2 ? byte() : 0) - (how & 4 ? 1 : 0);
  }
  std::uint64_t size(std::uint64_t most_pages) noexcept {
    const unsigned how = byte();
    if (how < 8) return how;
    return (word() % most_pages + 1) * 4096 + (how & 1 ? byte() : 0);
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

struct FuzzedMachine {
  struct Range {
    std::uint64_t begin = 0, end = 0;
  };

  explicit FuzzedMachine(Bytestream& bytes) {
    using firmware::MapType;
    add(0x100000, 8u << 20, MapType::usable);
    add(0xf0000, 0x10000, MapType::reserved);
    const unsigned count = bytes.byte() % 24;
    for (unsigned i = 0; i < count; ++i) draw_entry(bytes);
    for (unsigned i = bytes.byte() % 6; i > 0; --i) draw_affinity(bytes);
    for (unsigned i = bytes.byte() % 4; i > 0; --i)
      cpus.push_back({.cpu = i, .domain = bytes.byte() % 4, .enabled = bytes.byte() % 8 != 0});
    for (unsigned i = bytes.byte() % 4; i > 0; --i) draw_option(bytes);
    machine.kernel.whole = {PhysAddr{0x200000}, PhysAddr{0x200000 + 4096u * (1 + bytes.byte())}};
    keep_off(machine.kernel.whole);
    if (bytes.byte() % 2 != 0) {
      const std::uint64_t at = bytes.address() & ~std::uint64_t{4095};
      setup.push_back({PhysRange::sized(PhysAddr{at % (std::uint64_t{1} << 40)}, Bytes{64}), "setup_data"});
      keep_off(setup.back().range);
    }
    machine.command_line = TextView{command_line.data(), command_line.size()};
    machine.map = entries;
    machine.memory_affinity = memory;
    machine.cpu_affinity = cpus;
    machine.setup_data = setup;
    std::ranges::sort(ram, {}, &Range::begin);
  }
  FuzzedMachine(const FuzzedMachine&) = delete;
  FuzzedMachine& operator=(const FuzzedMachine&) = delete;

  // Whether each byte of the page is RAM for somebody and something else for nobody.
  bool may_be_given(std::uint64_t page_begin) const {
    const std::uint64_t page_end = page_begin + 4096;
    std::uint64_t known = page_begin;
    for (const Range& range : ram)
      if (range.begin <= known && range.end > known) known = range.end;
    if (known < page_end) return false;
    return std::ranges::none_of(
        taken, [&](const Range& range) { return range.begin < page_end && page_begin < range.end; });
  }

  std::vector<firmware::MapEntry> entries;
  std::vector<firmware::MemoryAffinity> memory;
  std::vector<firmware::CpuAffinity> cpus;
  std::vector<boot::Machine::Table> setup;
  std::string command_line;
  std::vector<Range> ram, taken;
  boot::Machine machine;

 private:
  void keep_off(PhysRange range) { taken.push_back({range.begin().raw, range.end().raw}); }

  void add(std::uint64_t base, std::uint64_t size, firmware::MapType type) {
    entries.push_back({PhysAddr{base}, Bytes{size}, type});
    // Where entries overlap the highest type wins: one of type 0 never does.
    if (size == 0 || type == firmware::MapType{0}) return;
    const std::uint64_t end = base + size < base ? UINT64_MAX : base + size;
    (type == firmware::MapType::usable ? ram : taken).push_back({base, end});
  }

  void draw_entry(Bytestream& bytes) {
    using firmware::MapType;
    static constexpr MapType types[] = {MapType::reserved, MapType::acpi, MapType::nvs,
                                        MapType::unusable, MapType::pmem, MapType::pram,
                                        MapType{0},        MapType{99},   MapType::soft_reserved};
    const unsigned what = bytes.byte();
    const std::uint64_t base = bytes.address();
    if (what % 2 == 0)
      add(base, bytes.size(1024), MapType::usable);
    else
      add(base, what % 16 == 15 ? UINT64_MAX - bytes.address() : bytes.size(4096), types[what / 2 % 9]);
  }

  void draw_affinity(Bytestream& bytes) {
    const std::uint64_t base = bytes.address() & ~std::uint64_t{4095};
    const unsigned how = bytes.byte();
    const std::uint64_t size = how % 4 == 0 ? std::uint64_t{1} << (24 + how / 8) : bytes.size(4096);
    memory.push_back({.base = PhysAddr{base},
                      .size = Bytes{size},
                      .domain = how / 4 % 4,
                      .enabled = how % 16 != 5,
                      .hotpluggable = how % 8 == 3});
  }

  void draw_option(Bytestream& bytes) {
    static constexpr const char* options[] = {
        "numa=off",          "numa=fake=3",    "movable_node",      "kernelcore=2M",    "movablecore=50%",
        "kernelcore=mirror", "crashkernel=2M", "crashkernel=1M@4M", "mem=6M",           "hugepages=2",
        "numa=noacpi",       "mem=nopentium",  "memmap=garbage!",   "crashkernel=,high"};
    if (!command_line.empty()) command_line += ' ';
    const unsigned which = bytes.byte() % 20;
    if (which < std::size(options)) {
      command_line += options[which];
      return;
    }
    const std::uint64_t base = (bytes.word() % 4096) * std::uint64_t{4096};
    const std::uint64_t size = (1 + bytes.byte()) * std::uint64_t{4096};
    command_line += "memmap=" + std::to_string(size) + '$' + std::to_string(base);
    taken.push_back({base, base + size});
  }
};

}  // namespace quarry::test
