// quarry/boot/reserved_memory.cpp: static nodes in the tree's order, then dynamic ones, then their drivers.
#include "quarry/boot/reserved_memory.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/boot/contiguous.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/reserved_memory_drivers.hpp"
#include "quarry/boot/reserved_memory_order.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot {
namespace {

using firmware::FdtReg;
using firmware::FdtReservedNode;

using Entry = ReservedMemoryEntry;
using Kind = ReservedMemoryEvent::Kind;

class Scan {
 public:
  Scan(State& state, const firmware::Fdt& tree) noexcept : state_{state}, tree_{tree} {}

  Result<Done> take_static_nodes() noexcept;
  Result<Done> settle() noexcept;

 private:
  std::span<Entry> listed() const noexcept { return entries_.first(count_); }
  Result<ReservedMemory*> outcome(const FdtReservedNode& node, PhysRange range, TextView status) noexcept;
  Result<Done> take(const FdtReservedNode& node) noexcept;
  Result<Done> take_ranges(const FdtReservedNode& node) noexcept;
  bool is_anybodys(PhysRange range) const noexcept;
  bool take_range(const FdtReservedNode& node, PhysRange range) noexcept;
  Result<Done> list(const Entry& entry) noexcept;
  Result<Done> report_overlaps() noexcept;
  Result<bool> place(Entry& entry) noexcept;
  bool place_anywhere(Entry& entry) noexcept;
  bool place_inside(Entry& entry, Bytes alignment, PhysRange window) noexcept;
  bool place_nothing(Entry& entry, Bytes alignment, PhysRange window) noexcept;
  Result<bool> give_up(Entry& entry, Kind kind, TextView status) noexcept;

  State& state_;
  const firmware::Fdt& tree_;
  std::span<Entry> entries_;
  std::size_t count_ = 0;
};

Result<ReservedMemory*> Scan::outcome(const FdtReservedNode& node, PhysRange range,
                                      TextView status) noexcept {
  ReservedMemory made{};
  made.name = node.name();
  made.range = range;
  made.flags = node.no_map ? early::Flags::nomap : early::Flags::none;
  made.is_reusable = node.reusable;
  made.status = status;
  return state_.reserved_memory.push(state_.arena, made);
}

Result<Done> Scan::take_static_nodes() noexcept {
  const auto reserved = firmware::reserved_memory(tree_);
  if (!reserved) return Done{};
  if (!reserved->well_formed) return say(state_, {.kind = Kind::unsupported_format, .node = {}});
  std::size_t children = 0;
  for (const firmware::FdtNode child : reserved->node.children()) {
    static_cast<void>(child);
    ++children;
  }
  const auto entries = state_.arena.take<Entry>(children);
  if (!entries) return entries.error();
  entries_ = entries.value();
  for (const firmware::FdtNode child : reserved->node.children())
    if (const auto taken = take(firmware::reserved_node(tree_, child)); !taken) return taken;
  return Done{};
}

Result<Done> Scan::take(const FdtReservedNode& node) noexcept {
  if (node.available && node.has_reg && node.regs.whole()) return take_ranges(node);
  TextView status = "neither reg nor size, ignored";
  if (!node.available) {
    status = "disabled";
  } else if (node.has_reg) {
    status = "invalid reg property, skipping node";
    if (const auto said = say(state_, {.kind = Kind::malformed_reg, .node = node.name()}); !said) return said;
  } else if (node.size.present) {
    status = "not placed";
  }
  const auto made = outcome(node, {}, status);
  if (!made) return made.error();
  if (!node.available || node.has_reg || !node.size.present) return Done{};
  return list({node, PhysAddr{0}, Bytes{0}, made.value()});
}

Result<Done> Scan::take_ranges(const FdtReservedNode& node) noexcept {
  bool is_first = true;
  for (const FdtReg reg : node.regs) {
    const PhysRange range = PhysRange::sized(reg.base, reg.size);
    const Ground ground = is_anybodys(range) ? Ground::shared : Ground::own;
    const bool taken = take_range(node, range);
    const TextView status = !taken ? "failed to reserve memory" : node.no_map ? "no-map" : "reserved";
    if (!taken) {
      const auto said = say(state_, {.kind = Kind::not_reserved, .node = node.name(), .range = range});
      if (!said) return said;
    }
    const auto made = outcome(node, range, status);
    if (!made) return made.error();
    made.value()->is_taken = taken;
    if (is_first)
      if (const auto listed = list({node, range.begin(), range.size(), made.value(), ground}); !listed)
        return listed;
    is_first = false;
  }
  return Done{};
}

// Whether a part of it is reserved or unmapped already.
bool Scan::is_anybodys(PhysRange range) const noexcept {
  if (range.empty()) return false;
  if (state_.memblock.is_region_reserved(range)) return true;
  for (const early::Region& region : state_.memblock.memory().view())
    if (early::has(region.flags, early::Flags::nomap) && region.range().overlaps(range)) return true;
  return false;
}

// Memory that somebody reserved cannot be taken out of the map any more; what is no memory can.
bool Scan::take_range(const FdtReservedNode& node, PhysRange range) noexcept {
  if (range.empty()) return false;
  early::Memblock& memblock = state_.memblock;
  if (!node.no_map) return static_cast<bool>(memblock.reserve(range, node.name()));
  if (memblock.overlaps_memory(range) && memblock.is_region_reserved(range)) return false;
  return static_cast<bool>(memblock.mark_nomap(range));
}

Result<Done> Scan::list(const Entry& entry) noexcept {
  const std::size_t limit = state_.machine.limits.max_reserved_nodes;
  if (limit != 0 && count_ == limit) {
    entry.outcome->status = "not enough space for all defined regions";
    return say(state_, {.kind = Kind::too_many_nodes, .node = entry.node->name()});
  }
  entries_[count_++] = entry;
  return Done{};
}

Result<Done> Scan::report_overlaps() noexcept {
  if (count_ < 2) return Done{};
  sort_reserved_memory(listed());
  for (std::size_t i = 0; i + 1 < count_; ++i) {
    const Entry &low = entries_[i], &high = entries_[i + 1];
    const PhysRange range = PhysRange::sized(low.base, low.size);
    if (range.end() <= high.base) continue;
    const auto said = say(state_, {.kind = Kind::overlap,
                                   .node = low.node->name(),
                                   .range = range,
                                   .other = high.node->name(),
                                   .other_range = PhysRange::sized(high.base, high.size)});
    if (!said) return said;
  }
  return Done{};
}

Result<Done> Scan::settle() noexcept {
  if (const auto reported = report_overlaps(); !reported) return reported;
  for (Entry& entry : listed()) {
    if (entry.size.raw == 0) {
      const auto placed = place(entry);
      if (!placed) return placed.error();
      if (!placed.value()) continue;
    }
    if (const auto done = ask_drivers(state_, entry); !done) return done;
  }
  return Done{};
}

Result<bool> Scan::give_up(Entry& entry, Kind kind, TextView status) noexcept {
  entry.outcome->status = status;
  const PhysRange wanted = PhysRange::sized(PhysAddr{0}, entry.outcome->wanted);
  const auto said = say(state_, {.kind = kind, .node = entry.node->name(), .range = wanted});
  if (!said) return said.error();
  return false;
}

// Finds memory for a dynamic node.
//
// Returns   whether its driver may go on: not for a static node of size 0, which asks for nothing.
Result<bool> Scan::place(Entry& entry) noexcept {
  const FdtReservedNode& node = *entry.node;
  if (!node.size.present) return false;
  if (!node.size.well_formed) return give_up(entry, Kind::malformed_size, "invalid size property");
  if (node.alignment.present && !node.alignment.well_formed)
    return give_up(entry, Kind::malformed_align, "invalid alignment property");
  entry.outcome->wanted = Bytes{node.size.value};
  if (node.has_alloc_ranges && !node.alloc_ranges.whole())
    return give_up(entry, Kind::malformed_window, "invalid alloc-ranges property, skipping node");
  if (place_anywhere(entry)) return true;
  return give_up(entry, Kind::not_allocated, "failed to allocate memory");
}

// In the first of the node's windows that has room; a window that ends at 0 is all of memory.
bool Scan::place_anywhere(Entry& entry) noexcept {
  const FdtReservedNode& node = *entry.node;
  const PhysRange everywhere{PhysAddr{0}, early::kAnywhere};
  Bytes alignment{node.alignment.value};
  if (wants_area(state_, node) && alignment < area_alignment(state_)) alignment = area_alignment(state_);
  if (!node.has_alloc_ranges) return place_inside(entry, alignment, everywhere);
  for (const FdtReg reg : node.alloc_ranges) {
    const PhysRange window = PhysRange::sized(reg.base, reg.size);
    if (place_inside(entry, alignment, window.end().raw == 0 ? everywhere : window)) return true;
  }
  return false;
}

bool Scan::place_inside(Entry& entry, Bytes alignment, PhysRange window) noexcept {
  early::Memblock& memblock = state_.memblock;
  ReservedMemory& outcome = *entry.outcome;
  if (outcome.wanted.raw == 0) return place_nothing(entry, alignment, window);
  const early::Request request{
      .size = outcome.wanted, .alignment = alignment, .min = window.begin(), .max = window.end()};
  const auto at = memblock.phys_alloc_range(request, entry.node->name());
  if (!at) {
    const Bytes hole = largest_hole(memblock, window);
    if (outcome.largest_hole < hole) outcome.largest_hole = hole;
    return false;
  }
  const PhysRange range = PhysRange::sized(at.value(), outcome.wanted);
  if (entry.node->no_map && !memblock.mark_nomap(range)) {
    static_cast<void>(memblock.free(range, entry.node->name()));
    return false;
  }
  entry.base = range.begin();
  entry.size = range.size();
  outcome.range = range;
  outcome.is_taken = true;
  outcome.status = entry.node->no_map ? "no-map" : "reserved";
  outcome.largest_hole = Bytes{0};
  return true;
}

// No bytes have a place, too: the end of the highest free range.
bool Scan::place_nothing(Entry& entry, Bytes alignment, PhysRange window) noexcept {
  const std::uint64_t multiple = alignment.raw != 0 && is_power_of_two(alignment.raw) ? alignment.raw : 1;
  bool is_found = false;
  for (const early::MemoryRange& free : state_.memblock.free_ranges()) {
    if (free.range.begin() > window.end() || free.range.end() < window.begin()) continue;
    const PhysAddr end = free.range.end() < window.end() ? free.range.end() : window.end();
    const PhysAddr at{align_down(end.raw, multiple)};
    if (at < free.range.begin() || at < window.begin() || (is_found && at < entry.base)) continue;
    entry.base = at;
    is_found = true;
  }
  if (is_found) entry.outcome->status = "size 0, nothing to place";
  return is_found;
}

}  // namespace

Result<Done> scan_reserved_memory(State& state, const firmware::Fdt& tree) noexcept {
  if (const auto done = reserve_memreserve(state, tree); !done) return done;
  Scan scan{state, tree};
  if (const auto done = scan.take_static_nodes(); !done) return done;
  if (const auto done = reserve_elfcorehdr(state, tree); !done) return done;
  return scan.settle();
}

}  // namespace quarry::boot
