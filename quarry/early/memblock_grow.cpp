// quarry/early/memblock_grow.cpp: how a full table doubles into memory it finds and reserves by itself.
//
//   1. a place of 2 * max regions of the kernel's size, whole pages: above what is being reserved, else below
//   2. storage in it, or spare storage
//   3. the regions move; the old place, if it was one, is free again; the new one is reserved
#include "quarry/base/bits.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::early {
namespace {

constexpr TextView kOwner{"memblock_double_array"};

// How many bytes of whole pages hold `regions`.
Bytes table_bytes(std::size_t regions, const Config& config) noexcept {
  const std::uint64_t page = config.page.bytes().raw;
  return Bytes{align_down(regions * config.region_bytes.raw + page - 1, page)};
}

}  // namespace

Result<Done> Memblock::make_room(Home& home, std::size_t more, PhysRange for_whom) noexcept {
  while (home.table.cnt() + more > home.table.max())
    if (const auto grown = double_array(home, for_whom); !grown) return grown.error();
  return Done{};
}

// `for_whom` is what is about to be reserved and is not in the table yet: the new place must avoid it.
Result<PhysRange> Memblock::find_table_place(const Home& home, PhysRange for_whom,
                                             Bytes size) const noexcept {
  if (&home != &reserved_) for_whom = {};
  Request request{.size = size, .alignment = config_.page.bytes(), .min = for_whom.end()};
  request.max = config_.current_limit;
  auto found = find_in_range(request);
  // Nothing lies below the first page, and a `max` that small would mean something else.
  if (!found && for_whom.begin().raw > config_.page.bytes().raw) {
    request.min = PhysAddr{0};
    if (for_whom.begin() < request.max) request.max = for_whom.begin();
    found = find_in_range(request);
  }
  if (!found) return found.error();
  return PhysRange::sized(found.value(), size);
}

Result<std::span<Region>> Memblock::storage_at(PhysRange place, std::size_t regions) const noexcept {
  const std::size_t bytes = regions * sizeof(Region);
  std::byte* memory = bytes <= place.size().raw ? direct_map_.at(place) : nullptr;
  if (memory == nullptr || !is_aligned(reinterpret_cast<std::uintptr_t>(memory), alignof(Region)))
    memory = config_.spare.of(bytes);
  if (memory == nullptr) return Error::no_room;
  return std::span<Region>{reinterpret_cast<Region*>(memory), regions};
}

void Memblock::tell_growth(const Home& home, Result<PhysRange> place) const noexcept {
  const std::size_t max = home.table.max();
  observer_.tell({.action = place ? Action::grow : Action::grow_failed,
                  .range = place ? place.value() : PhysRange{},
                  .owner = home.table.name(),
                  .size = Bytes{(place ? max : 2 * max) * config_.region_bytes.raw},
                  .alignment = config_.page.bytes(),
                  .pieces = place ? max : 2 * max});
}

// Frees the old place of a table, if it had one. When somebody else has freed it before, a table can lie there
// by now, this one or another: that part stays. Without room to cut it out of the reservations it stays reserved.
void Memblock::give_back(PhysRange old_place) noexcept {
  if (old_place.empty()) return;
  for (const PhysRange table : grown_tables())
    if (old_place.overlaps(table)) {
      if (old_place.begin() < table.begin()) give_back({old_place.begin(), table.begin()});
      if (table.end() < old_place.end()) give_back({table.end(), old_place.end()});
      return;
    }
  if (!remove_range(reserved_, old_place)) return;
  keep_zero(old_place);
  observer_.tell({.action = Action::free, .range = old_place, .owner = kOwner});
}

Result<Done> Memblock::double_array(Home& home, PhysRange for_whom) noexcept {
  if (!may_resize_) return Error::too_early;
  const std::size_t max = home.table.max();
  if (max > SIZE_MAX / 2 / sizeof(Region)) return Error::no_room;
  const PhysRange old_place = home.place;
  const auto failed = [&](Error why) noexcept {
    tell_growth(home, why);
    return why;
  };
  const auto place = find_table_place(home, for_whom, table_bytes(2 * max, config_));
  if (!place) return failed(place.error());
  const auto storage = storage_at(place.value(), 2 * max);
  if (!storage) return failed(storage.error());

  // The reserved table has room for its own place once it has moved. Another one's is reserved before, which
  // may double the reserved table and may fail.
  if (&home != &reserved_) {
    const auto taken = add_range(reserved_, place.value(), Flags::none, kAnyNode);
    if (!taken) return failed(taken.error());
  }
  home.table.move_to(storage.value());
  home.place = place.value();
  give_back(old_place);
  if (&home == &reserved_)
    check(home.table.add(place.value(), Flags::none, known(kAnyNode)).has_value(), "a grown table is full");
  tell_growth(home, place);
  return Done{};
}

}  // namespace quarry::early
