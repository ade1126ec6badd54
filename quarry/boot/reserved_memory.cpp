// quarry/boot/reserved_memory.cpp: static nodes in the tree's order, then dynamic ones, then their drivers.
#include "quarry/boot/reserved_memory.hpp"

#include <optional>

#include "quarry/base/bits.hpp"
#include "quarry/boot/contiguous.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot {
namespace {

using firmware::FdtReg;
using firmware::FdtReservedNode;

// A node that the kernel keeps in its list: static nodes with their first range, dynamic ones with nothing yet.
struct Entry {
  std::optional<FdtReservedNode> node;
  PhysAddr base;
  Bytes size;
  ReservedMemory* outcome = nullptr;
};

// By base, and at one base what has no size yet comes first. Dynamic nodes are all alike.
bool is_below(const Entry& a, const Entry& b) noexcept {
  if (a.base != b.base) return a.base < b.base;
  return a.size < b.size;
}

// Moves the entry at `at` down the path of larger children and back up to its place.
void sift(std::span<Entry> heap, std::size_t at) noexcept {
  std::size_t leaf = at;
  for (std::size_t right = 2 * leaf + 2; right <= heap.size(); right = 2 * leaf + 2)
    leaf = right < heap.size() && is_below(heap[right - 1], heap[right]) ? right : right - 1;
  while (leaf != at && !is_below(heap[at], heap[leaf])) leaf = (leaf - 1) / 2;
  Entry carried = heap[at];
  for (;; leaf = (leaf - 1) / 2) {
    const Entry passed = heap[leaf];
    heap[leaf] = carried;
    carried = passed;
    if (leaf == at) return;
  }
}

// A heap sort from the leaf upwards. It is not stable, and that is why it is this one: nodes that compare
// alike, which all dynamic nodes do, must end in the order in which Linux places them.
void sort(std::span<Entry> entries) noexcept {
  for (std::size_t at = entries.size() / 2; at-- > 0;) sift(entries, at);
  for (std::size_t last = entries.size(); last-- > 1;) {
    const Entry highest = entries[0];
    entries[0] = entries[last];
    entries[last] = highest;
    sift(entries.first(last), 0);
  }
}

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
  bool take_range(const FdtReservedNode& node, PhysRange range) noexcept;
  void list(const FdtReservedNode& node, PhysRange range, ReservedMemory* outcome) noexcept;
  Result<Done> report_overlaps() noexcept;
  bool place(Entry& entry) noexcept;
  bool place_inside(Entry& entry, Bytes alignment, PhysAddr begin, PhysAddr end) noexcept;
  Result<Done> set_up(Entry& entry) noexcept;
  bool becomes_area(const Entry& entry) const noexcept;
  void give_back(Entry& entry) noexcept;

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
  if (!reserved->well_formed)
    return state_.note(Note::Kind::printed, "Reserved memory: unsupported node format, ignoring");
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
  if (!node.available)
    status = "disabled";
  else if (node.has_reg)
    status = "invalid reg property, skipping node";
  else if (node.size.present)
    status = "not placed";
  const auto made = outcome(node, {}, status);
  if (!made) return made.error();
  if (node.available && !node.has_reg && node.size.present) list(node, {}, made.value());
  return Done{};
}

Result<Done> Scan::take_ranges(const FdtReservedNode& node) noexcept {
  bool is_first = true;
  for (const FdtReg reg : node.regs) {
    const PhysRange range = PhysRange::sized(reg.base, reg.size);
    const bool taken = take_range(node, range);
    const TextView status = !taken ? "failed to reserve memory" : node.no_map ? "no-map" : "reserved";
    const auto made = outcome(node, range, status);
    if (!made) return made.error();
    made.value()->is_taken = taken;
    if (is_first) list(node, range, made.value());
    is_first = false;
  }
  return Done{};
}

// Memory that somebody reserved cannot be taken out of the map any more; what is no memory can.
bool Scan::take_range(const FdtReservedNode& node, PhysRange range) noexcept {
  if (range.empty()) return false;
  early::Memblock& memblock = state_.memblock;
  if (!node.no_map) return static_cast<bool>(memblock.reserve(range, node.name()));
  if (memblock.overlaps_memory(range) && memblock.is_region_reserved(range)) return false;
  return static_cast<bool>(memblock.mark_nomap(range));
}

void Scan::list(const FdtReservedNode& node, PhysRange range, ReservedMemory* outcome) noexcept {
  const std::size_t limit = state_.machine.limits.max_reserved_nodes;
  if (limit != 0 && count_ == limit) {
    outcome->status = "not enough space for all defined regions";
    return;
  }
  entries_[count_++] = {node, range.begin(), range.size(), outcome};
}

Result<Done> Scan::report_overlaps() noexcept {
  if (count_ < 2) return Done{};
  sort(listed());
  for (std::size_t i = 0; i + 1 < count_; ++i) {
    const PhysRange low = PhysRange::sized(entries_[i].base, entries_[i].size);
    if (low.end() <= entries_[i + 1].base) continue;
    const auto noted =
        state_.note(Note::Kind::printed, "reserved mem: OVERLAP DETECTED!", low, entries_[i + 1].base.raw);
    if (!noted) return noted;
  }
  return Done{};
}

Result<Done> Scan::settle() noexcept {
  if (const auto reported = report_overlaps(); !reported) return reported;
  for (Entry& entry : listed()) {
    if (entry.size.raw == 0 && !place(entry)) continue;
    if (const auto done = set_up(entry); !done) return done;
  }
  return Done{};
}

// Finds memory for a dynamic node.
//
// Returns   whether its driver may go on: not for a static node of size 0, which asks for nothing.
bool Scan::place(Entry& entry) noexcept {
  const FdtReservedNode& node = *entry.node;
  ReservedMemory& outcome = *entry.outcome;
  if (!node.size.present) return false;
  if (!node.size.well_formed) {
    outcome.status = "invalid size property";
    return false;
  }
  if (node.alignment.present && !node.alignment.well_formed) {
    outcome.status = "invalid alignment property";
    return false;
  }
  outcome.wanted = Bytes{node.size.value};
  Bytes alignment{node.alignment.value};
  if (becomes_area(entry) && alignment < area_alignment(state_)) alignment = area_alignment(state_);
  if (!node.has_alloc_ranges) {
    if (place_inside(entry, alignment, PhysAddr{0}, early::kAnywhere)) return true;
  } else if (!node.alloc_ranges.whole()) {
    outcome.status = "invalid alloc-ranges property, skipping node";
    return false;
  } else {
    for (const FdtReg window : node.alloc_ranges) {
      const PhysRange range = PhysRange::sized(window.base, window.size);
      if (place_inside(entry, alignment, range.begin(), range.end())) return true;
    }
  }
  outcome.status = "failed to allocate memory";
  return false;
}

bool Scan::place_inside(Entry& entry, Bytes alignment, PhysAddr begin, PhysAddr end) noexcept {
  early::Memblock& memblock = state_.memblock;
  ReservedMemory& outcome = *entry.outcome;
  if (outcome.wanted.raw == 0) {
    outcome.status = "size 0, nothing to place";
    return true;
  }
  const early::Request request{.size = outcome.wanted, .alignment = alignment, .min = begin, .max = end};
  const auto at = memblock.phys_alloc_range(request, entry.node->name());
  if (!at) {
    const Bytes hole = largest_hole(memblock, {begin, end});
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

bool Scan::becomes_area(const Entry& entry) const noexcept {
  const FdtReservedNode& node = *entry.node;
  return state_.machine.limits.has_cma && node.compatible_with("shared-dma-pool") && node.reusable &&
         !node.no_map;
}

// What the drivers that Linux asks at this moment make of a node: CMA, coherent DMA, restricted DMA. One
// that refuses gives the memory back.
Result<Done> Scan::set_up(Entry& entry) noexcept {
  const FdtReservedNode& node = *entry.node;
  if (node.compatible_with("shared-dma-pool")) {
    const bool is_bypassed =
        state_.machine.limits.has_cma && node.cma_default && command_line_of(state_).has("cma");
    const std::uint64_t alignment = area_alignment(state_).raw;
    const PhysRange range = PhysRange::sized(entry.base, entry.size);
    if (!is_bypassed && becomes_area(entry) && is_aligned(entry.base.raw | entry.size.raw, alignment) &&
        !range.empty() && state_.memblock.is_region_reserved(range)) {
      entry.outcome->status = "created CMA memory pool";
      const auto listed = state_.cma.push(
          state_.arena, {.name = node.name(), .range = range, .is_default = node.cma_default});
      if (!listed) return listed.error();
    } else if (!node.reusable && (node.no_map || state_.machine.arch != Arch::arm)) {
      entry.outcome->status = "created DMA memory pool";
    } else {
      give_back(entry);
    }
  } else if (node.compatible_with("restricted-dma-pool")) {
    if (node.reusable || node.cma_default || node.dma_default || node.no_map)
      give_back(entry);
    else
      entry.outcome->status = "created restricted DMA pool";
  }
  return Done{};
}

void Scan::give_back(Entry& entry) noexcept {
  const PhysRange range = PhysRange::sized(entry.base, entry.size);
  static_cast<void>(entry.node->no_map ? state_.memblock.clear_nomap(range)
                                       : state_.memblock.free(range, entry.node->name()));
  entry.outcome->is_taken = false;
  entry.outcome->status = "compatible matching fail";
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
