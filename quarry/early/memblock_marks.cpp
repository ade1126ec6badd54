// quarry/early/memblock_marks.cpp: flags, nodes, and the limits that cut memory off.
#include "quarry/base/bits.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::early {
namespace {

Region with_flags(Region region, Flags flags) noexcept {
  region.flags = region.flags | flags;
  return region;
}
Region without_flags(Region region, Flags flags) noexcept {
  region.flags = without(region.flags, flags);
  return region;
}

}  // namespace

Result<Done> Memblock::change_flags(PhysRange range, Flags flags, Region (*changed)(Region, Flags),
                                    TextView how) noexcept {
  const PhysRange marked = capped(range);
  if (!marked.empty())
    if (const auto room = make_room(memory_, 2, marked); !room) return room.error();
  const IndexRange inside = memory_.table.isolate(marked);
  for (std::size_t i = inside.first; i < inside.last; ++i)
    memory_.table.set_flags(i, changed(memory_.table[i], flags).flags);
  const std::size_t merged = memory_.table.merge(inside);
  observer_.tell({.action = Action::mark, .range = marked, .flags = flags, .reason = how, .merged = merged});
  return Done{};
}

Result<Done> Memblock::mark_hotplug(PhysRange range) noexcept {
  return change_flags(range, Flags::hotplug, with_flags, "set");
}
Result<Done> Memblock::clear_hotplug(PhysRange range) noexcept {
  return change_flags(range, Flags::hotplug, without_flags, "cleared");
}
Result<Done> Memblock::mark_mirror(PhysRange range) noexcept {
  if (config_.kernelcore_mirror == KernelcoreMirror::off) return Done{};
  const auto marked = change_flags(range, Flags::mirror, with_flags, "set");
  if (marked) has_mirror_ = true;
  return marked;
}
Result<Done> Memblock::mark_nomap(PhysRange range) noexcept {
  return change_flags(range, Flags::nomap, with_flags, "set");
}
Result<Done> Memblock::clear_nomap(PhysRange range) noexcept {
  return change_flags(range, Flags::nomap, without_flags, "cleared");
}

Result<Done> Memblock::change_node(Home& home, PhysRange range, NodeId node) noexcept {
  if (config_.numa == Numa::absent) return Done{};
  const PhysRange given = capped(range);
  if (!given.empty())
    if (const auto room = make_room(home, 2, given); !room) return room.error();
  const IndexRange inside = home.table.isolate(given);
  for (std::size_t i = inside.first; i < inside.last; ++i) home.table.set_node(i, node);
  const std::size_t merged = home.table.merge(inside);
  observer_.tell({.action = Action::set_node,
                  .range = given,
                  .node = node,
                  .owner = home.table.name(),
                  .merged = merged});
  return Done{};
}

Result<Done> Memblock::set_node(PhysRange range, NodeId node) noexcept {
  return change_node(memory_, range, node);
}
Result<Done> Memblock::set_reserved_node(PhysRange range, NodeId node) noexcept {
  return change_node(reserved_, range, node);
}

Result<Done> Memblock::trim_memory(Bytes alignment) noexcept {
  if (!is_power_of_two(alignment.raw)) return Error::bad_argument;
  const auto tell_cut = [&](PhysAddr begin, PhysAddr end) noexcept {
    if (begin < end)
      observer_.tell({.action = Action::remove,
                      .range = {begin, end},
                      .owner = "memblock_trim_memory",
                      .alignment = alignment});
  };
  for (std::size_t i = 0; i < memory_.table.count();) {
    const PhysRange old = memory_.table[i].range();
    const auto up = align_up(old.begin().raw, alignment.raw);
    const PhysAddr begin = up ? PhysAddr{up.value()} : old.end();
    const PhysAddr end{align_down(old.end().raw, alignment.raw)};
    if (begin >= end) {
      memory_.table.erase({i, i + 1});
      tell_cut(old.begin(), old.end());
      continue;
    }
    if (old != PhysRange{begin, end}) memory_.table.trim(i, {begin, end});
    tell_cut(old.begin(), begin);
    tell_cut(end, old.end());
    ++i;
  }
  return Done{};
}

// `range` reaches to an end of the address space, so that nothing is split and no room is needed. Linux
// asks for room all the same and gives up without it; here only the growing is the same.
void Memblock::cut_off(Home& home, PhysRange range, TextView owner) noexcept {
  if (range.empty()) return;
  if (may_resize_ && !make_room(home, 2, range)) {
    // grow_failed was told; the cut needs no room.
  }
  take_out(home, range);
  observer_.tell(
      {.action = &home == &memory_ ? Action::remove : Action::free, .range = range, .owner = owner});
}

Result<Done> Memblock::cap_memory_range(PhysRange range) noexcept {
  const PhysRange kept = capped(range);
  if (kept.empty() || memory_.table.total_size().raw == 0) return Done{};
  if (const auto room = make_room(memory_, 2, kept); !room) return room.error();
  const IndexRange inside = memory_.table.isolate(kept);
  const auto forget = [&](std::size_t at) noexcept {
    const Region region = memory_.table[at];
    if (has(region.flags, Flags::nomap)) return;
    memory_.table.erase({at, at + 1});
    observer_.tell({.action = Action::remove, .range = region.range(), .owner = "memblock_cap_memory_range"});
  };
  for (std::size_t i = memory_.table.count(); i > inside.last; --i) forget(i - 1);
  for (std::size_t i = inside.first; i > 0; --i) forget(i - 1);
  memory_.table.leave_unmerged();
  cut_off(reserved_, {PhysAddr{0}, kept.begin()}, "memblock_cap_memory_range");
  cut_off(reserved_, from(kept.end()), "memblock_cap_memory_range");
  return Done{};
}

// Where the first `limit` bytes of memory end; none when there are fewer.
std::optional<PhysAddr> Memblock::max_address(Bytes limit) const noexcept {
  std::uint64_t left = limit.raw;
  for (const Region& region : memory_.table.view()) {
    if (left <= region.size.raw) return PhysAddr{region.base.raw + left};
    left -= region.size.raw;
  }
  return std::nullopt;
}

Result<Done> Memblock::mem_limit_remove_map(Bytes limit) noexcept {
  const auto max = max_address(limit);
  if (limit.raw >= phys_addr_max().raw || !max) return Done{};
  return cap_memory_range({PhysAddr{0}, *max});
}

Result<Done> Memblock::enforce_memory_limit(Bytes limit) noexcept {
  const auto max = max_address(limit);
  if (limit.raw == 0 || !max) return Done{};
  cut_off(memory_, from(*max), "memblock_enforce_memory_limit");
  cut_off(reserved_, from(*max), "memblock_enforce_memory_limit");
  return Done{};
}

}  // namespace quarry::early
