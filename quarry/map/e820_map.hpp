// quarry/map/e820_map.hpp: the e820 policy: overlapping typed entries become one sorted, disjoint map.
//
// The order of work is Linux's: entries are added as they come, the map is sanitised, ranges are updated
// and removed, and it is sanitised again. Between those steps it may be unsorted and overlap.
//
// Source    Linux 6.1, arch/x86/kernel/e820.c (behaviour of the functions named below).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "quarry/base/arena.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/firmware/memory_map.hpp"
#include "quarry/map/sweep.hpp"

namespace quarry::map {

using firmware::MapEntry;
using firmware::MapType;

// The memory of a map, all of it the caller's.
struct E820Storage {
  std::span<MapEntry> entries;
  std::span<std::uint32_t> origins;
  std::span<MapEntry> spare;
  std::span<std::uint32_t> spare_origins;
  std::span<Edge> edges;          // two for each entry
  std::span<std::uint32_t> heap;  // one for each entry

  // For `capacity` entries. Sanitising n entries can make 2n - 1 of them, which is room enough for any map.
  //
  // Errors    no_room.
  static Result<E820Storage> from(Arena& arena, std::size_t capacity) noexcept;
};

// What becomes of a map that grows larger than its storage.
enum class WhenFull : std::uint8_t {
  refuse,     // no_room, and nothing changed
  drop_rest,  // as in Linux: an entry too many is lost, the highest ones when the map is sanitised
};

enum class Sanitized : std::uint8_t {
  done,
  too_few,  // fewer than two entries: Linux leaves the map as it is
  cut,      // the storage is full; the highest entries are lost
};

// Where the map that set_up() made comes from.
enum class MapSource : std::uint8_t { reported, e801, bios_88 };

class E820Map {
 public:
  // The number of entries is bounded by `storage.entries`, and by nothing else.
  explicit E820Map(const E820Storage& storage) noexcept;

  std::span<const MapEntry> entries() const noexcept { return storage_.entries.first(size_); }
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return storage_.entries.size(); }
  // Until this is said, a map that is full refuses.
  void set_when_full(WhenFull when_full) noexcept { when_full_ = when_full; }
  // Which added entry the entry at `at` comes from: the number given to add(). A merged entry names the one
  // that decides its first byte; attribute(), over the table as reported, names the one of each byte.
  std::uint32_t origin(std::size_t at) const noexcept;
  void clear() noexcept { size_ = 0; }

  // Adds one entry as it is, also a useless one. The default origin is the number of entries so far.
  //
  // Errors    no_room: see WhenFull. Nothing changed.
  // Source    "e820__range_add".
  Result<Done> add(const MapEntry& entry) noexcept { return add(entry, static_cast<std::uint32_t>(size_)); }
  Result<Done> add(const MapEntry& entry, std::uint32_t origin) noexcept;

  // Adds a whole table, whose entries' origins count from `first_origin`.
  //
  // Errors    overflow: an entry wraps past 2^64. no_room: see WhenFull. Nothing changed.
  // Source    "__append_e820_table".
  Result<Done> append(std::span<const MapEntry> table, std::uint32_t first_origin = 0) noexcept;

  // Starts over with the firmware's table; one that is too short or has an entry that wraps is no
  // table, and two entries are made of what the older BIOS calls said. Then sanitises.
  //
  // Units     KiB above 1 MiB.
  // Errors    no_room: nothing but the map's content is lost: it is empty.
  // Source    "e820__memory_setup_default".
  Result<MapSource> set_up(std::span<const MapEntry> reported, std::uint32_t alt_mem_k,
                           std::uint32_t ext_mem_k) noexcept;
  // Adds the entries that came by setup_data: those before the first that wraps. Then sanitises.
  //
  // Returns   how many were added.
  // Errors    no_room: nothing changed.
  // Source    "e820__memory_setup_extended".
  Result<std::size_t> extend(std::span<const MapEntry> table, std::uint32_t first_origin) noexcept;

  // Makes the map sorted and disjoint. Of overlapping entries the highest type wins; neighbours of equal
  // type merge, except soft-reserved ones, which are cut wherever any entry begins or ends; empty
  // entries and those of type zero disappear.
  //
  // Errors    overflow: an entry ends at 2^64 or later, and Linux does not touch such a map. no_room: see
  //           WhenFull. Nothing changed.
  // Cost      O(n log n).
  // Source    "e820__update_table".
  Result<Sanitized> sanitize() noexcept;

  // Changes the type of what is `from` inside `range`; entries at its edges are split. Bytes of
  // overlapping entries count as often as they are there.
  //
  // Returns   how many bytes changed.
  // Errors    no_room: see WhenFull; nothing changed. bad_argument: `from` is `to`.
  // Source    "e820__range_update".
  Result<Bytes> update_range(PhysRange range, MapType from, MapType to) noexcept;
  // Takes `range` out of all entries, or out of those of one type.
  //
  // Returns   how many bytes were taken.
  // Errors    no_room: see WhenFull; nothing changed.
  // Source    "e820__range_remove".
  Result<Bytes> remove_range(PhysRange range, std::optional<MapType> only = std::nullopt) noexcept;

  // The page after the last whole usable page below `limit`.
  //
  // Source    "e820__end_of_ram_pfn", with `limit` the architecture's last; "e820__end_of_low_ram_pfn", 4 GiB.
  Pfn end_of_ram(Pfn limit, PageSize page) const noexcept;

  // What the map says about one byte, and about a run of bytes. The map is sanitised.
  //
  // Source    "e820__get_entry_type", "e820__mapped_any", "e820__mapped_all".
  std::optional<MapType> type_at(PhysAddr at) const noexcept;
  bool maps_any(PhysRange range, MapType type) const noexcept;
  bool maps_all(PhysRange range, MapType type) const noexcept;

  // Bytes of one type. The map is sanitised.
  Bytes bytes_of(MapType type) const noexcept;

  // The law of a sanitised map: no entry is empty or of type zero, ascending, disjoint, no neighbours
  // that should have merged. Returns the index of the first entry that breaks it.
  std::optional<std::size_t> audit() const noexcept;

 private:
  bool splits_fit(PhysRange range, std::optional<MapType> only, std::size_t pieces_of_one) const noexcept;
  void put(const MapEntry& entry, std::uint32_t origin) noexcept;

  E820Storage storage_;
  std::size_t size_ = 0;  // law: size_ <= capacity()
  WhenFull when_full_ = WhenFull::refuse;
};

// Whether the entry's last byte lies past 2^64.
constexpr bool wraps(const MapEntry& entry) noexcept {
  return entry.size.raw != 0 && entry.size.raw - 1 > UINT64_MAX - entry.base.raw;
}

}  // namespace quarry::map
