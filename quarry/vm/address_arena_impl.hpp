// quarry/vm/address_arena_impl.hpp: bodies of AddressArena.
#pragma once

#include <new>

#include "quarry/vm/address_arena.hpp"

namespace quarry::vm {

inline AreaInfo info_of(const Area& area) noexcept {
  return {.range = area.range(),
          .guard = area.guard,
          .state = area.state,
          .kind = area.kind,
          .caller = area.caller,
          .phys = area.phys,
          .pages = area.pages};
}

template <port::Cores Cores>
AddressArena<Cores>::AddressArena(const Cores& cores, VirtRange range, PageSize page, AreaRecords records,
                                  Bytes backlog) noexcept
    : cores_{cores}, page_{page}, records_{records}, most_backlog_{backlog}, tree_{range} {
  check(is_whole(Bytes{range.begin().raw}) && is_whole(range.size()) && !range.empty(),
        "an arena of addresses is whole pages");
}

template <port::Cores Cores>
Result<Fit> AddressArena<Cores>::find_room(const AreaRequest& request) const noexcept {
  const std::uint64_t size = request.size.raw + request.guard.raw;
  const std::uint64_t alignment =
      request.alignment < page_.bytes() ? page_.bytes().raw : request.alignment.raw;
  const std::uint64_t low = request.within ? request.within->begin().raw : tree_.begin();
  const std::uint64_t high = request.within ? request.within->end().raw : tree_.last().end;
  const Fit fit = tree_.lowest_fit(size, alignment, low < tree_.begin() ? tree_.begin() : low);
  // Whatever fits further up ends further up.
  if (!fit || fit.at > high || high - fit.at < size) return Error::no_room;
  return fit;
}

template <port::Cores Cores>
Result<Area*> AddressArena<Cores>::take(const AreaRequest& request) noexcept {
  if (request.size.raw == 0 || !is_whole(request.size) || !is_whole(request.guard))
    return Error::bad_argument;
  if (request.alignment.raw != 0 && !is_power_of_two(request.alignment.raw)) return Error::bad_argument;
  if (request.guard.raw > UINT64_MAX - request.size.raw) return Error::no_room;
  const Result<void*> record = records_.take(records_.self);
  if (!record) return record.error();
  Area* const area = ::new (record.value()) Area{};
  Result<Fit> fit = Error::no_room;
  {
    const Hold hold{cores_, lock_};
    fit = find_room(request);
    if (fit) {
      tree_.insert(*area, fit.value(), request.size.raw + request.guard.raw);
      area->guard = request.guard;
      ++stats_.live;
    }
  }
  if (fit) return area;
  records_.give_back(records_.self, area);
  return fit.error();
}

template <port::Cores Cores>
void AddressArena<Cores>::publish(Area& area) noexcept {
  const Hold hold{cores_, lock_};
  check(area.state == AreaState::taken, "an area is published twice");
  area.state = AreaState::live;
}

template <port::Cores Cores>
void AddressArena<Cores>::abandon(Area& area) noexcept {
  {
    const Hold hold{cores_, lock_};
    check(area.state == AreaState::taken, "an area is abandoned that others know");
    tree_.remove(area);
    --stats_.live;
  }
  records_.give_back(records_.self, &area);
}

template <port::Cores Cores>
Result<Backlog> AddressArena<Cores>::retire(VirtAddr begin, AreaKind kind) noexcept {
  const Hold hold{cores_, lock_};
  Area* const area = area_of(tree_.find(begin.raw));
  if (area == nullptr || area->begin != begin.raw || area->state == AreaState::taken) return Error::not_found;
  if (area->state != AreaState::live || area->kind != kind) return Error::wrong_owner;
  area->state = AreaState::retired;
  area->next = backlog_;
  backlog_ = area;
  --stats_.live;
  ++stats_.retired;
  stats_.backlog.raw += area->guarded_range().size().raw;
  return stats_.backlog > most_backlog_ ? Backlog::full : Backlog::below;
}

template <port::Cores Cores>
Area* AddressArena<Cores>::detach_backlog() noexcept {
  const Hold hold{cores_, lock_};
  return std::exchange(backlog_, nullptr);
}

// Returns   whether nobody looks at the area, and nobody will; else it is back in the backlog.
template <port::Cores Cores>
bool AddressArena<Cores>::may_go(Area& area) noexcept {
  const Hold hold{cores_, lock_};
  if (area.readers == 0) {
    area.state = AreaState::purging;
    return true;
  }
  area.next = backlog_;
  backlog_ = &area;
  return false;
}

template <port::Cores Cores>
void AddressArena<Cores>::end(Area& area) noexcept {
  {
    const Hold hold{cores_, lock_};
    tree_.remove(area);
    --stats_.retired;
    stats_.backlog.raw -= area.guarded_range().size().raw;
  }
  records_.give_back(records_.self, &area);
}

template <port::Cores Cores>
template <class Forget>
std::uint64_t AddressArena<Cores>::purge(Forget&& forget) noexcept {
  // The last given back goes first: most often it lies highest, and what goes at the upper end leaves the tree as it is.
  Area* first = nullptr;
  Area** link = &first;
  for (Area *area = detach_backlog(), *next = nullptr; area != nullptr; area = next) {
    next = area->next;
    if (!may_go(*area)) continue;
    *link = area;
    link = &area->next;
  }
  *link = nullptr;
  if (first == nullptr) return 0;
  std::forward<Forget>(forget)(*first);
  std::uint64_t gone = 0;
  for (Area *area = first, *next = nullptr; area != nullptr; area = next, ++gone) {
    next = area->next;
    end(*area);
  }
  return gone;
}

template <port::Cores Cores>
Result<AreaInfo> AddressArena<Cores>::find(VirtAddr at) const noexcept {
  const Hold hold{cores_, lock_};
  const Area* const area = area_of(tree_.find(at.raw));
  if (area == nullptr || area->state != AreaState::live || !area->range().contains(at))
    return Error::not_found;
  return info_of(*area);
}

template <port::Cores Cores>
Area* AddressArena<Cores>::pin_next(VirtAddr from, AreaInfo& info) noexcept {
  const Hold hold{cores_, lock_};
  Area* area = area_of(tree_.first_from(from.raw));
  while (area != nullptr && (area->state == AreaState::taken || area->state == AreaState::purging))
    area = area_of(tree_.first_from(area->end));
  if (area == nullptr) return nullptr;
  ++area->readers;
  info = info_of(*area);
  return area;
}

template <port::Cores Cores>
void AddressArena<Cores>::unpin(Area& area) noexcept {
  const Hold hold{cores_, lock_};
  check(area.readers != 0, "an area is let go of that nobody looked at");
  --area.readers;
}

template <port::Cores Cores>
ArenaStats AddressArena<Cores>::stats() const noexcept {
  const Hold hold{cores_, lock_};
  return stats_;
}

}  // namespace quarry::vm
