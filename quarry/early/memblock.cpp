#include "quarry/early/memblock.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::early {

Memblock::Memblock(const Config& config, Storage storage, DirectMap direct_map, Observer observer) noexcept
    : config_{config},
      direct_map_{direct_map},
      observer_{observer},
      memory_{RegionTable{"memory", storage.memory}, storage.memory, {}},
      reserved_{RegionTable{"reserved", storage.reserved}, storage.reserved, {}} {
  check(config.phys_addr_bits == 32 || config.phys_addr_bits == 64, "phys_addr_t has 32 or 64 bits");
  check(config.region_bytes.raw != 0, "a region has a size");
  check(is_power_of_two(config.cache_line.raw), "a cache line is no power of two");
  if (!storage.physmem.empty()) physmem_ = Home{RegionTable{"physmem", storage.physmem}, storage.physmem, {}};
  set_current_limit(config.current_limit);
}

PhysAddr Memblock::phys_addr_max() const noexcept {
  return config_.phys_addr_bits == 32 ? PhysAddr{UINT32_MAX} : PhysAddr{UINT64_MAX};
}

// What of `range` has addresses: Linux's memblock_cap_size.
PhysRange Memblock::capped(PhysRange range) const noexcept {
  const PhysAddr max = phys_addr_max();
  const PhysAddr begin = range.begin() < max ? range.begin() : max;
  return {begin, range.end() < max ? range.end() : max};
}

PhysRange Memblock::from(PhysAddr at) const noexcept {
  const PhysAddr max = phys_addr_max();
  return {at < max ? at : max, max};
}

NodeId Memblock::known(NodeId node) const noexcept {
  return config_.numa == Numa::absent ? NodeId::first : node;
}

Result<Change> Memblock::add_range(Home& home, PhysRange range, Flags flags, NodeId node) noexcept {
  // A table that is all reserved may free its old place inside `range`: the pieces are counted anew.
  for (;;) {
    if (const auto change = home.table.add(range, flags, known(node))) return *change;
    if (const auto grown = double_array(home, range); !grown) return grown.error();
  }
}

// Linux wants room for two more regions before it looks at what is there.
Result<std::size_t> Memblock::remove_range(Home& home, PhysRange range) noexcept {
  if (range.empty()) return std::size_t{0};
  if (const auto room = make_room(home, 2, range); !room) return room.error();
  return take_out(home, range);
}

// For a removal that has room.
std::size_t Memblock::take_out(Home& home, PhysRange range) noexcept {
  const Removal removal = home.table.remove(range);
  if (&home == &reserved_ && !range.empty()) {
    const PhysRange gap = gap_before(home.table.view(), removal.at);
    ceilings_.lift(gap);
    floors_.lower(gap);
  }
  return removal.split;
}

Result<Done> Memblock::add(PhysRange range, TextView owner, Flags flags, NodeId node) noexcept {
  check(without(flags, kAllFlags) == Flags::none, "a flag without a name");
  const PhysRange known_range = capped(range);
  const auto change = add_range(memory_, known_range, flags, node);
  if (!change) return change.error();
  observer_.tell({.action = Action::add,
                  .range = known_range,
                  .flags = flags,
                  .node = node,
                  .owner = owner,
                  .pieces = change.value().pieces,
                  .merged = change.value().merged});
  return Done{};
}

Result<Done> Memblock::remove(PhysRange range, TextView owner) noexcept {
  const PhysRange gone = capped(range);
  const auto split = remove_range(memory_, gone);
  if (!split) return split.error();
  observer_.tell({.action = Action::remove, .range = gone, .owner = owner, .pieces = split.value()});
  return Done{};
}

Result<Done> Memblock::reserve(PhysRange range, TextView owner) noexcept {
  const PhysRange taken = capped(range);
  const auto change = add_range(reserved_, taken, Flags::none, kAnyNode);
  if (!change) return change.error();
  if (!observer_.listens()) return Done{};
  observer_.tell({.action = Action::reserve,
                  .range = taken,
                  .owner = owner,
                  .pieces = change.value().pieces,
                  .merged = change.value().merged});
  return Done{};
}

Result<Done> Memblock::free(PhysRange range, TextView owner) noexcept {
  const PhysRange freed = capped(range);
  const auto split = remove_range(reserved_, freed);
  if (!split) return split.error();
  keep_zero(freed);
  if (!observer_.listens()) return Done{};
  observer_.tell({.action = Action::free, .range = freed, .owner = owner, .pieces = split.value()});
  return Done{};
}

Result<Done> Memblock::physmem_add(PhysRange range, TextView owner) noexcept {
  if (!physmem_) return Error::not_found;
  const PhysRange known_range = capped(range);
  const auto change = add_range(*physmem_, known_range, Flags::none, kAnyNode);
  if (!change) return change.error();
  observer_.tell({.action = Action::add,
                  .range = known_range,
                  .owner = owner,
                  .reason = "physmem",
                  .pieces = change.value().pieces,
                  .merged = change.value().merged});
  return Done{};
}

PfnRange Memblock::free_late(PhysRange range, TextView owner) noexcept {
  const PfnRange pages = PfnRange::inside(range, config_.page);
  const PhysRange bytes =
      pages.empty() ? PhysRange{}
                    : PhysRange{config_.page.address_of(pages.begin()), config_.page.address_of(pages.end())};
  observer_.tell({.action = Action::free_late, .range = bytes, .owner = owner});
  return pages;
}

std::array<PhysRange, 3> Memblock::discard() noexcept {
  std::array<PhysRange, 3> places{memory_.place, reserved_.place, physmem_ ? physmem_->place : PhysRange{}};
  for (Home* home : {&reserved_, &memory_, physmem_ ? &*physmem_ : nullptr}) {
    if (home == nullptr) continue;
    if (!home->place.empty()) free_late(home->place, home->table.name());
    home->table.reset(home->first_storage);
    home->place = {};
  }
  ceilings_.forget();
  floors_.forget();
  may_resize_ = false;
  return places;
}

void Memblock::set_current_limit(PhysAddr limit) noexcept {
  config_.current_limit = limit < phys_addr_max() ? limit : phys_addr_max();
}

std::optional<Law> Memblock::audit() const noexcept {
  const AuditLimits limits{phys_addr_max(), config_.numa == Numa::present};
  for (const Home* home : {&memory_, &reserved_, physmem_ ? &*physmem_ : nullptr}) {
    if (home == nullptr) continue;
    const RegionTable& table = home->table;
    const AuditedTable numbers{table.view(), table.max(), table.total_size(), table.uncounted_trims(),
                               table.is_merged()};
    if (const auto broken = early::audit(numbers, limits)) return broken;
  }
  if (knows_bounds() && !are_ceilings_true()) return Law::nothing_fits_above_ceilings;
  if (knows_bounds() && !are_floors_true()) return Law::nothing_fits_below_floors;
  return std::nullopt;
}

}  // namespace quarry::early
