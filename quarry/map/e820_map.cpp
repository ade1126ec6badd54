#include "quarry/map/e820_map.hpp"

#include "quarry/firmware/boot_params.hpp"

namespace quarry::map {
namespace {

PhysRange range_of(const MapEntry& entry) noexcept { return PhysRange::sized(entry.base, entry.size); }

MapEntry entry_of(PhysAddr begin, PhysAddr end, MapType type) noexcept { return {begin, end - begin, type}; }

// Legacy persistent and specific-purpose memory keeps the borders that the firmware drew: they may be those of devices.
//
// Source    Linux 6.1, "e820_nomerge" (behaviour).
constexpr bool merges(MapType type) noexcept {
  return type != MapType::soft_reserved && type != MapType::pram;
}

// How a range lies in an entry, the entry ranging over [begin, end):
//
//   none    |  |  [====)         whole  |   [====)   |
//   inside  [=====|====|===)     head   |   [====|===)     tail  [====|====)   |
enum class Lie : std::uint8_t { none, whole, inside, head, tail };

Lie lie_of(PhysRange range, PhysRange entry) noexcept {
  if (entry.begin() >= range.begin() && entry.end() <= range.end()) return Lie::whole;
  if (entry.begin() < range.begin() && entry.end() > range.end()) return Lie::inside;
  if (!range.overlaps(entry)) return Lie::none;
  return entry.begin() < range.begin() ? Lie::tail : Lie::head;
}

}  // namespace

Result<E820Storage> E820Storage::from(Arena& arena, std::size_t capacity) noexcept {
  if (capacity > SIZE_MAX / 2) return Error::no_room;
  const auto entries = arena.take<MapEntry>(capacity);
  const auto origins = arena.take<std::uint32_t>(capacity);
  const auto spare = arena.take<MapEntry>(capacity);
  const auto spare_origins = arena.take<std::uint32_t>(capacity);
  const auto edges = arena.take<Edge>(2 * capacity);
  const auto heap = arena.take<std::uint32_t>(capacity);
  if (!entries || !origins || !spare || !spare_origins || !edges || !heap) return Error::no_room;
  return E820Storage{.entries = entries.value(),
                     .origins = origins.value(),
                     .spare = spare.value(),
                     .spare_origins = spare_origins.value(),
                     .edges = edges.value(),
                     .heap = heap.value()};
}

E820Map::E820Map(const E820Storage& storage) noexcept : storage_{storage} {
  const std::size_t capacity = storage.entries.size();
  check(storage.origins.size() >= capacity && storage.heap.size() >= capacity, "too little storage");
  check(storage.spare.size() >= capacity && storage.spare_origins.size() >= capacity, "too little storage");
  check((storage.edges.size() >> 1) >= capacity, "too little storage");
}

std::uint32_t E820Map::origin(std::size_t at) const noexcept {
  check(at < size_, "index outside the map");
  return storage_.origins[at];
}

void E820Map::put(const MapEntry& entry, std::uint32_t origin) noexcept {
  if (size_ == capacity() && when_full_ == WhenFull::drop_rest) return;
  check(size_ < capacity(), "the room was counted");
  storage_.entries[size_] = entry;
  storage_.origins[size_++] = origin;
}

// ---- Filling ----------------------------------------------------------------------------------------

Result<Done> E820Map::add(const MapEntry& entry, std::uint32_t origin) noexcept {
  if (size_ == capacity() && when_full_ == WhenFull::refuse) return Error::no_room;
  put(entry, origin);
  return Done{};
}

Result<Done> E820Map::append(std::span<const MapEntry> table, std::uint32_t first_origin) noexcept {
  for (const MapEntry& entry : table)
    if (wraps(entry)) return Error::overflow;
  if (table.size() > capacity() - size_ && when_full_ == WhenFull::refuse) return Error::no_room;
  for (const MapEntry& entry : table) put(entry, first_origin++);
  return Done{};
}

Result<MapSource> E820Map::set_up(std::span<const MapEntry> reported, std::uint32_t alt_mem_k,
                                  std::uint32_t ext_mem_k) noexcept {
  clear();
  auto source = MapSource::reported;
  Result<Done> filled = Error::overflow;
  if (reported.size() >= 2) filled = append(reported);
  if (!filled && filled.error() == Error::overflow) {  // that is no table
    const firmware::MemoryFallback fallback = firmware::memory_fallback(alt_mem_k, ext_mem_k);
    const MapEntry made[] = {fallback.low, fallback.high};
    source = fallback.source == firmware::MemoryFallback::Source::e801 ? MapSource::e801 : MapSource::bios_88;
    filled = append(made);
  }
  if (!filled) return filled.error();
  const auto sane = sanitize();
  // An entry that ends exactly at 2^64 keeps Linux from sanitising, and it goes on with what it has.
  if (!sane && sane.error() == Error::no_room) {
    clear();
    return Error::no_room;
  }
  return source;
}

Result<std::size_t> E820Map::extend(std::span<const MapEntry> table, std::uint32_t first_origin) noexcept {
  std::size_t sound = 0;
  while (sound < table.size() && !wraps(table[sound])) ++sound;
  const std::size_t before = size_;
  const auto filled = append(table.first(sound), first_origin);
  if (!filled) return filled.error();
  const auto sane = sanitize();
  if (!sane && sane.error() == Error::no_room) {
    size_ = before;
    return Error::no_room;
  }
  return sound;
}

// ---- Sanitising -------------------------------------------------------------------------------------

Result<Sanitized> E820Map::sanitize() noexcept {
  if (size_ < 2) return Sanitized::too_few;
  for (const MapEntry& entry : entries())
    if (entry.size.raw > UINT64_MAX - entry.base.raw) return Error::overflow;

  auto outcome = Sanitized::done;
  std::size_t count = 0;
  Sweep sweep{entries(), storage_.edges, storage_.heap};
  for (Piece piece; sweep.next(piece);) {
    if (count != 0 && merges(piece.type) && storage_.spare[count - 1].type == piece.type) {
      MapEntry& last = storage_.spare[count - 1];
      if (range_of(last).end() == piece.range.begin()) {
        last.size = piece.range.end() - last.base;
        continue;
      }
    }
    if (count == capacity()) {
      if (when_full_ == WhenFull::refuse) return Error::no_room;
      outcome = Sanitized::cut;
      break;
    }
    storage_.spare[count] = entry_of(piece.range.begin(), piece.range.end(), piece.type);
    storage_.spare_origins[count++] = storage_.origins[piece.entry];
  }
  std::swap(storage_.entries, storage_.spare);
  std::swap(storage_.origins, storage_.spare_origins);
  size_ = count;
  return outcome;
}

// ---- Changing ---------------------------------------------------------------------------------------

// Whether there is room when an entry that has `range` inside makes `pieces_of_one` more, and one that is
// cut at one end makes one less than that.
bool E820Map::splits_fit(PhysRange range, std::optional<MapType> only,
                         std::size_t pieces_of_one) const noexcept {
  std::size_t needed = 0;
  for (const MapEntry& entry : entries()) {
    if (only && entry.type != *only) continue;
    const Lie lie = lie_of(range, range_of(entry));
    if (lie == Lie::inside) needed += pieces_of_one;
    if (lie == Lie::head || lie == Lie::tail) needed += pieces_of_one - 1;
  }
  return needed <= capacity() - size_ || when_full_ == WhenFull::drop_rest;
}

Result<Bytes> E820Map::update_range(PhysRange range, MapType from, MapType to) noexcept {
  if (from == to) return Error::bad_argument;
  if (range.empty()) return Bytes{0};
  if (!splits_fit(range, from, 2)) return Error::no_room;
  std::uint64_t changed = 0;
  const std::size_t count = size_;
  for (std::size_t i = 0; i < count; ++i) {
    MapEntry& entry = storage_.entries[i];
    if (entry.type != from) continue;
    const PhysRange whole = range_of(entry);
    const std::uint32_t origin = storage_.origins[i];
    switch (lie_of(range, whole)) {
      case Lie::none: break;
      case Lie::whole:
        entry.type = to;
        changed += entry.size.raw;
        break;
      case Lie::inside:
        put(entry_of(range.begin(), range.end(), to), origin);
        put(entry_of(range.end(), whole.end(), from), origin);
        entry.size = range.begin() - whole.begin();
        changed += range.size().raw;
        break;
      case Lie::tail:
        put(entry_of(range.begin(), whole.end(), to), origin);
        entry.size = range.begin() - whole.begin();
        changed += (whole.end() - range.begin()).raw;
        break;
      case Lie::head:
        put(entry_of(whole.begin(), range.end(), to), origin);
        entry = entry_of(range.end(), whole.end(), from);
        changed += (range.end() - whole.begin()).raw;
        break;
    }
  }
  return Bytes{changed};
}

Result<Bytes> E820Map::remove_range(PhysRange range, std::optional<MapType> only) noexcept {
  if (range.empty()) return Bytes{0};
  if (!splits_fit(range, only, 1)) return Error::no_room;
  std::uint64_t removed = 0;
  std::size_t kept = 0;
  const std::size_t count = size_;
  // What splits off goes to the end of the table first, for the entries move down over those that vanish.
  for (std::size_t i = 0; i < count; ++i) {
    MapEntry entry = storage_.entries[i];
    const PhysRange whole = range_of(entry);
    const Lie lie = only && entry.type != *only ? Lie::none : lie_of(range, whole);
    if (lie == Lie::whole) {
      removed += entry.size.raw;
      continue;
    }
    if (lie == Lie::inside) {
      put(entry_of(range.end(), whole.end(), entry.type), storage_.origins[i]);
      entry.size = range.begin() - whole.begin();
      removed += range.size().raw;
    } else if (lie == Lie::tail) {
      entry.size = range.begin() - whole.begin();
      removed += (whole.end() - range.begin()).raw;
    } else if (lie == Lie::head) {
      entry = entry_of(range.end(), whole.end(), entry.type);
      removed += (range.end() - whole.begin()).raw;
    }
    storage_.origins[kept] = storage_.origins[i];
    storage_.entries[kept++] = entry;
  }
  for (std::size_t i = count; i < size_; ++i) {
    storage_.origins[kept] = storage_.origins[i];
    storage_.entries[kept++] = storage_.entries[i];
  }
  size_ = kept;
  return Bytes{removed};
}

// ---- Asking -----------------------------------------------------------------------------------------

Pfn E820Map::end_of_ram(Pfn limit, PageSize page) const noexcept {
  Pfn last{0};
  for (const MapEntry& entry : entries()) {
    if (entry.type != MapType::usable) continue;
    const PhysRange range = range_of(entry);
    const Pfn begin = page.pfn_down(range.begin()), end = page.pfn_down(range.end());
    if (begin >= limit) continue;
    const Pfn cut = end < limit ? end : limit;
    if (cut > last) last = cut;
  }
  return last;
}

std::optional<MapType> E820Map::type_at(PhysAddr at) const noexcept {
  for (const MapEntry& entry : entries())
    if (range_of(entry).contains(at)) return entry.type;
  return std::nullopt;
}

bool E820Map::maps_any(PhysRange range, MapType type) const noexcept {
  for (const MapEntry& entry : entries())
    if (entry.type == type && range_of(entry).overlaps(range)) return true;
  return false;
}

bool E820Map::maps_all(PhysRange range, MapType type) const noexcept {
  PhysAddr covered = range.begin();
  for (const MapEntry& entry : entries()) {
    if (entry.type != type || !range_of(entry).overlaps(range)) continue;
    if (entry.base > covered) return false;
    covered = range_of(entry).end();
    if (covered >= range.end()) return true;
  }
  return false;
}

Bytes E820Map::bytes_of(MapType type) const noexcept {
  std::uint64_t sum = 0;
  for (const MapEntry& entry : entries())
    if (entry.type == type) sum += entry.size.raw;
  return Bytes{sum};
}

std::optional<std::size_t> E820Map::audit() const noexcept {
  const std::span<const MapEntry> all = entries();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].size == Bytes{0} || all[i].type == MapType{0} || wraps(all[i])) return i;
    if (i == 0) continue;
    const PhysAddr end = range_of(all[i - 1]).end();
    if (end > all[i].base) return i;
    if (end == all[i].base && all[i - 1].type == all[i].type && merges(all[i].type)) return i;
  }
  return std::nullopt;
}

}  // namespace quarry::map
