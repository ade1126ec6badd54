// tests/memblock_model.hpp: memblock as an obvious table of cells, and both side by side.
//
// A cell is a few bytes that are always treated alike. The model has no regions: where it needs them it
// reads them off the cells. What it promises is what Linux 6.1's memblock does.
#pragma once

#include <array>
#include <optional>

#include "quarry/early/memblock.hpp"

namespace quarry::early {

struct Cell {
  bool memory = false, reserved = false;
  bool begins = false;  // a memory region begins here although it could be one with the cell below
  Flags flags = Flags::none;
  NodeId node = kAnyNode, reserved_node = kAnyNode;
};

struct CellRange {
  std::size_t begin = 0, end = 0;
};

// Cell 0 begins at `kBase`, a multiple of each alignment that is asked for.
template <std::size_t kCells, std::uint64_t kCellBytes, std::uint64_t kBase = 0>
class MemblockModel {
 public:
  std::array<Cell, kCells> cells{};
  bool has_mirror = false, bottom_up = false, avoids_hotplug = false;
  std::uint64_t trimmed = 0;  // cut off, but still counted
  std::size_t limit = kCells;

  void add(CellRange range, Flags flags, NodeId node) {
    if (range.begin == range.end) return;
    bool is_first = true, adds = false;
    for (const Cell& cell : cells) is_first = is_first && !cell.memory;
    if (is_first) trimmed = 0;
    for (std::size_t i = range.begin; i < range.end; ++i) {
      Cell& cell = cells[i];
      if (cell.memory) continue;
      adds = cell.memory = true;
      cell.flags = flags;
      cell.node = node;
    }
    if (adds) merge();
  }
  void remove(CellRange range) {
    for (std::size_t i = range.begin; i < range.end; ++i) {
      cells[i].memory = cells[i].begins = false;
    }
  }
  void reserve(CellRange range) {
    for (std::size_t i = range.begin; i < range.end; ++i) {
      if (!cells[i].reserved) cells[i].reserved_node = kAnyNode;
      cells[i].reserved = true;
    }
  }
  void free(CellRange range) {
    for (std::size_t i = range.begin; i < range.end; ++i) cells[i].reserved = false;
  }
  template <class Change>
  void mark(CellRange range, Change change) {
    for (std::size_t i = range.begin; i < range.end; ++i)
      if (cells[i].memory) change(cells[i]);
    merge();
  }
  void set_reserved_node(CellRange range, NodeId node) {
    for (std::size_t i = range.begin; i < range.end; ++i)
      if (cells[i].reserved) cells[i].reserved_node = node;
  }
  void trim(std::size_t alignment) {
    each_run(&MemblockModel::joins_memory, &Cell::memory, [&](CellRange region) {
      const std::size_t begin = (region.begin + alignment - 1) / alignment * alignment;
      const std::size_t end = region.end / alignment * alignment;
      if (begin < end) trimmed += (region.end - region.begin - (end - begin)) * kCellBytes;
      for (std::size_t i = region.begin; i < region.end; ++i)
        if (i < begin || i >= end) remove({i, i + 1});
    });
  }
  void cap(CellRange range) {
    bool any = trimmed != 0;
    for (const Cell& cell : cells) any = any || cell.memory;
    if (range.begin == range.end || !any) return;
    for (const std::size_t edge : {range.begin, range.end})
      if (edge > 0 && edge < kCells && cells[edge].memory && joins_memory(edge)) cells[edge].begins = true;
    for (std::size_t i = 0; i < kCells; ++i) {
      if (i >= range.begin && i < range.end) continue;
      if (!has(cells[i].flags, Flags::nomap)) remove({i, i + 1});
      free({i, i + 1});
    }
  }
  void cut_above(std::size_t end) {
    remove({end, kCells});
    free({end, kCells});
  }
  // The cell at which `limit` cells of memory end; none when there are fewer.
  std::optional<std::size_t> max_address(std::size_t wanted) const {
    for (std::size_t i = 0; i < kCells; ++i) {
      if (!cells[i].memory) continue;
      if (wanted <= 1) return i + wanted;
      --wanted;
    }
    return std::nullopt;
  }

  // Sizes, alignment and bounds in cells; `max` 0: the limit.
  struct Wish {
    std::size_t size = 1, alignment = 1, min = 0, max = 0;
    NodeId node = kAnyNode;
    bool exact = false;
    std::size_t refused = 0;  // first answers that cannot be had, since no table has room for them
  };
  std::optional<std::size_t> find(const Wish& wish, Flags flags, NodeId node) const {
    const std::size_t first_page = kBase == 0 ? 4096 / kCellBytes : 0;
    const std::size_t low = wish.min < first_page ? first_page : wish.min;
    const std::size_t high = wish.max == 0 ? limit : wish.max;
    std::optional<std::size_t> best;
    for (std::size_t at = 0; at + wish.size <= high; at += wish.alignment) {
      if (at < low || !fits(at, wish.size, flags, node)) continue;
      best = at;
      if (bottom_up) break;
    }
    return best;
  }
  std::optional<std::size_t> climb(Wish wish) const { return climb_on(wish); }
  // alloc_internal: never above the limit, and without `min` in the end.
  std::optional<std::size_t> climb_twice(Wish wish) const {
    if (wish.max > limit) wish.max = limit;
    if (const auto at = climb_on(wish)) return at;
    wish.min = 0;
    return climb_on(wish);
  }

  // Whether a table says what the cells say, region by region.
  bool is_memory(const Regions& regions) const {
    return are_alike(regions, &MemblockModel::joins_memory, &Cell::memory);
  }
  bool is_reserved(const Regions& regions) const {
    return are_alike(regions, &MemblockModel::joins_reserved, &Cell::reserved);
  }
  // Whether a walk upwards yields what the cells say.
  template <class Walked>
  bool is_free(const Walked& walk, NodeId node, Flags flags) const {
    auto at = walk.begin();
    bool alike = true;
    each_run(&MemblockModel::joins_free, &Cell::memory, [&](CellRange run) {
      const Cell& cell = cells[run.begin];
      if (!alike || cell.reserved || !takes(cell, flags, node)) return;
      alike = !(at == walk.end()) && *at == MemoryRange{bytes(run), cell.node, cell.flags};
      if (alike) ++at;
    });
    return alike && at == walk.end();
  }
  static PhysRange bytes(CellRange range) { return {address(range.begin), address(range.end)}; }
  static PhysAddr address(std::size_t cell) { return PhysAddr{kBase + cell * kCellBytes}; }
  static CellRange cells_of(PhysRange range) {
    return {static_cast<std::size_t>((range.begin().raw - kBase) / kCellBytes),
            static_cast<std::size_t>((range.end().raw - kBase) / kCellBytes)};
  }

 private:
  // Leaves in `wish` how many answers are still to be passed over.
  std::optional<std::size_t> climb_on(Wish& wish) const {
    for (const Flags flags : {Flags::mirror, Flags::none}) {
      if (flags == Flags::mirror && !has_mirror) continue;
      for (const NodeId node : {wish.node, kAnyNode}) {
        const auto at = find(wish, flags, node);
        if (at && wish.refused-- == 0) return at;
        if (wish.exact || node == kAnyNode) break;
      }
    }
    return std::nullopt;
  }
  bool takes(const Cell& cell, Flags flags, NodeId node) const {
    if (node != kAnyNode && cell.node != node) return false;
    if (avoids_hotplug && has(cell.flags, Flags::hotplug) && !has(flags, Flags::hotplug)) return false;
    if (has(flags, Flags::mirror) && !has(cell.flags, Flags::mirror)) return false;
    if (has(cell.flags, Flags::nomap) && !has(flags, Flags::nomap)) return false;
    return !has(cell.flags, Flags::driver_managed) || has(flags, Flags::driver_managed);
  }
  // An allocation lies in one region of memory.
  bool fits(std::size_t at, std::size_t size, Flags flags, NodeId node) const {
    for (std::size_t i = at; i < at + size; ++i) {
      if (!cells[i].memory || cells[i].reserved || !takes(cells[i], flags, node)) return false;
      if (i > at && !joins_memory(i)) return false;
    }
    return true;
  }
  void merge() {
    for (Cell& cell : cells) cell.begins = false;
  }
  bool joins_memory(std::size_t at) const {
    const Cell &low = cells[at - 1], &high = cells[at];
    return low.memory && high.memory && !high.begins && low.flags == high.flags && low.node == high.node;
  }
  bool joins_reserved(std::size_t at) const {
    return cells[at - 1].reserved && cells[at].reserved &&
           cells[at - 1].reserved_node == cells[at].reserved_node;
  }
  bool joins_free(std::size_t at) const {
    return joins_memory(at) && cells[at - 1].reserved == cells[at].reserved;
  }
  // Visits each run of cells that a region would be. What it does to the run's cells changes no other run.
  template <class Visit>
  void each_run(bool (MemblockModel::*joins)(std::size_t) const, bool Cell::* is_in, Visit visit) const {
    for (std::size_t begin = 0; begin < kCells;) {
      std::size_t end = begin + 1;
      if (cells[begin].*is_in) {
        while (end < kCells && cells[end].*is_in && (this->*joins)(end)) ++end;
        visit(CellRange{begin, end});
      }
      begin = end;
    }
  }
  bool are_alike(const Regions& regions, bool (MemblockModel::*joins)(std::size_t) const,
                 bool Cell::* is_in) const {
    const bool is_memory = is_in == &Cell::memory;
    std::size_t count = 0;
    bool alike = true;
    each_run(joins, is_in, [&](CellRange run) {
      const Cell& cell = cells[run.begin];
      const Region want{.base = bytes(run).begin(),
                        .size = bytes(run).size(),
                        .flags = is_memory ? cell.flags : Flags::none,
                        .node = is_memory ? cell.node : cell.reserved_node};
      alike = alike && count < regions.size() && regions[count] == want;
      ++count;
    });
    return alike && count == regions.size();
  }
};

}  // namespace quarry::early
