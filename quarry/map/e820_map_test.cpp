#include "quarry/map/e820_map.hpp"

#include <array>

#include "tests/test.hpp"

namespace quarry::map {
namespace {

constexpr MapType kUsable = MapType::usable, kReserved = MapType::reserved, kAcpi = MapType::acpi,
                  kNvs = MapType::nvs, kSoft = MapType::soft_reserved;

template <std::size_t kCapacity>
struct Storage {
  std::array<MapEntry, kCapacity> entries{}, spare{};
  std::array<std::uint32_t, kCapacity> origins{}, spare_origins{}, heap{};
  std::array<Edge, 2 * kCapacity> edges{};
  E820Storage view() noexcept { return {entries, origins, spare, spare_origins, edges, heap}; }
};

constexpr MapEntry at(std::uint64_t begin, std::uint64_t end, MapType type) noexcept {
  return {PhysAddr{begin}, Bytes{end - begin}, type};
}

bool is(const E820Map& map, std::span<const MapEntry> want) noexcept {
  if (map.size() != want.size()) return false;
  for (std::size_t i = 0; i < want.size(); ++i)
    if (map.entries()[i] != want[i]) return false;
  return true;
}

// What a table becomes; each list is given as an array.
template <std::size_t kGiven, std::size_t kWanted>
bool becomes(const MapEntry (&given)[kGiven], const MapEntry (&wanted)[kWanted]) noexcept {
  Storage<16> storage;
  E820Map map{storage.view()};
  for (const MapEntry& entry : given)
    if (!map.add(entry)) return false;
  const auto done = map.sanitize();
  return done && done.value() == Sanitized::done && is(map, wanted) && !map.audit();
}

PhysRange range(std::uint64_t begin, std::uint64_t end) noexcept { return {PhysAddr{begin}, PhysAddr{end}}; }

}  // namespace

TEST(the_highest_type_wins_whatever_the_order) {
  expect(becomes({at(0, 100, kUsable), at(40, 60, kReserved)},
                 {at(0, 40, kUsable), at(40, 60, kReserved), at(60, 100, kUsable)}));
  expect(becomes({at(40, 60, kReserved), at(0, 100, kUsable)},
                 {at(0, 40, kUsable), at(40, 60, kReserved), at(60, 100, kUsable)}));
  expect(becomes({at(0, 50, kReserved), at(20, 80, kNvs), at(40, 100, kAcpi)},
                 {at(0, 20, kReserved), at(20, 80, kNvs), at(80, 100, kAcpi)}));
  expect(becomes({at(0, 100, MapType{13}), at(10, 20, kUsable)}, {at(0, 100, MapType{13})}));
}

TEST(equal_neighbours_merge_and_unequal_or_distant_ones_do_not) {
  expect(becomes({at(10, 20, kUsable), at(0, 10, kUsable)}, {at(0, 20, kUsable)}));
  expect(becomes({at(0, 10, kUsable), at(5, 20, kUsable)}, {at(0, 20, kUsable)}));
  expect(becomes({at(0, 10, kUsable), at(11, 20, kUsable)}, {at(0, 10, kUsable), at(11, 20, kUsable)}));
  expect(becomes({at(0, 10, kUsable), at(10, 20, kAcpi)}, {at(0, 10, kUsable), at(10, 20, kAcpi)}));
}

TEST(soft_reserved_memory_is_cut_at_every_edge) {
  expect(becomes({at(0, 10, kSoft), at(10, 20, kSoft)}, {at(0, 10, kSoft), at(10, 20, kSoft)}));
  expect(becomes({at(0, 30, kSoft), at(10, 20, kUsable)},
                 {at(0, 10, kSoft), at(10, 20, kSoft), at(20, 30, kSoft)}));
  expect(becomes({at(0, 30, kSoft), at(10, 20, MapType{0})},
                 {at(0, 10, kSoft), at(10, 20, kSoft), at(20, 30, kSoft)}));
}

TEST(legacy_persistent_memory_keeps_its_borders_and_the_other_kind_does_not) {
  constexpr MapType legacy = MapType::pram, other = MapType::pmem;
  expect(becomes({at(0, 10, legacy), at(10, 20, legacy)}, {at(0, 10, legacy), at(10, 20, legacy)}));
  expect(becomes({at(0, 20, legacy), at(5, 10, kUsable)},
                 {at(0, 5, legacy), at(5, 10, legacy), at(10, 20, legacy)}));
  expect(becomes({at(0, 10, other), at(10, 20, other)}, {at(0, 20, other)}));
}

TEST(empty_entries_and_those_of_type_zero_disappear) {
  expect(becomes({at(5, 5, kReserved), at(0, 10, kUsable)}, {at(0, 10, kUsable)}));
  expect(becomes({at(0, 10, MapType{0}), at(5, 20, kUsable)}, {at(5, 20, kUsable)}));
  Storage<4> storage;
  E820Map map{storage.view()};
  expect(static_cast<bool>(map.add(at(1, 1, kUsable))) && static_cast<bool>(map.add(at(2, 9, MapType{0}))));
  expect_equal(map.sanitize().value(), Sanitized::done);
  expect_equal(map.size(), 0u);
}

TEST(fewer_than_two_entries_are_left_as_they_are) {
  Storage<4> storage;
  E820Map map{storage.view()};
  expect_equal(map.sanitize().value(), Sanitized::too_few);
  expect(static_cast<bool>(map.add(at(7, 7, MapType{0}))));
  expect_equal(map.sanitize().value(), Sanitized::too_few);
  expect_equal(map.size(), 1u);
  expect(map.audit() == 0u);
}

TEST(a_map_that_reaches_the_end_of_the_address_space_is_not_touched) {
  Storage<4> storage;
  E820Map map{storage.view()};
  const MapEntry table[] = {{PhysAddr{0x1000}, Bytes{UINT64_MAX - 0xfff}, kUsable}, at(0, 0x2000, kReserved)};
  expect(!wraps(table[0]) && static_cast<bool>(map.append(table)));  // ends at 2^64 exactly
  expect_equal(map.sanitize().error(), Error::overflow);
  expect(is(map, table));
}

TEST(a_table_with_an_entry_that_wraps_is_refused_as_a_whole) {
  Storage<4> storage;
  E820Map map{storage.view()};
  const MapEntry table[] = {at(0, 10, kUsable), {PhysAddr{0x1000}, Bytes{UINT64_MAX - 0xffe}, kUsable}};
  expect(wraps(table[1]) && !wraps({PhysAddr{UINT64_MAX}, Bytes{0}, kUsable}));
  expect(!wraps({PhysAddr{UINT64_MAX}, Bytes{1}, kUsable}) &&
         wraps({PhysAddr{UINT64_MAX}, Bytes{2}, kUsable}));
  expect_equal(map.append(table).error(), Error::overflow);
  expect_equal(map.size(), 0u);
  expect_equal(map.set_up(table, 0x1000, 0).value(), MapSource::e801);
  const MapEntry faked[] = {at(0, 0x9f000, kUsable), at(0x100000, 0x50'0000, kUsable)};
  expect(is(map, faked));
}

TEST(a_map_of_one_entry_is_no_map) {
  Storage<4> storage;
  E820Map map{storage.view()};
  const MapEntry one[] = {at(0, 0x8000'0000, kUsable)};
  expect_equal(map.set_up(one, 0, 0x800).value(), MapSource::bios_88);
  const MapEntry faked[] = {at(0, 0x9f000, kUsable), at(0x100000, 0x30'0000, kUsable)};
  expect(is(map, faked));
  const MapEntry two[] = {at(8, 9, kUsable), at(9, 10, kUsable)};
  expect_equal(map.set_up(two, 0, 0x800).value(), MapSource::reported);
  expect_equal(map.size(), 1u);
  // Without memory above 1 MiB, the second faked entry is empty.
  expect_equal(map.set_up({}, 0, 0).value(), MapSource::e801);
  expect_equal(map.size(), 1u);
}

TEST(a_later_table_is_taken_up_to_the_entry_that_wraps) {
  Storage<8> storage;
  E820Map map{storage.view()};
  const MapEntry first[] = {at(0, 10, kUsable), at(20, 30, kUsable)};
  const MapEntry more[] = {
      at(10, 20, kUsable), {PhysAddr{2}, Bytes{UINT64_MAX}, kUsable}, at(40, 50, kUsable)};
  expect(static_cast<bool>(map.set_up(first, 0, 0)));
  expect_equal(map.extend(more, 128).value(), 1u);
  const MapEntry want[] = {at(0, 30, kUsable)};
  expect(is(map, want));
}

TEST(each_entry_remembers_who_decided_it) {
  Storage<8> storage;
  E820Map map{storage.view()};
  const MapEntry table[] = {at(0, 100, kUsable), at(50, 60, kReserved), at(55, 70, kReserved),
                            at(100, 110, kUsable)};
  expect(static_cast<bool>(map.append(table, 7)) && static_cast<bool>(map.sanitize()));
  const MapEntry want[] = {at(0, 50, kUsable), at(50, 70, kReserved), at(70, 110, kUsable)};
  expect(is(map, want));
  expect_equal(map.origin(0), 7u);
  expect_equal(map.origin(1), 8u);
  expect_equal(map.origin(2), 7u);

  std::array<Piece, 8> pieces;
  Table<Piece> out{pieces};
  expect(static_cast<bool>(attribute(table, storage.edges, storage.heap, out)));
  const std::uint64_t ends[] = {50, 60, 70, 100, 110};
  const std::uint32_t owners[] = {0, 1, 2, 0, 3};
  expect_equal(out.size(), 5u);
  for (std::size_t i = 0; i < out.size() && i < 5; ++i) {
    expect_equal(out[i].range.end(), PhysAddr{ends[i]});
    expect_equal(out[i].entry, owners[i]);
  }
  Table<Piece> small{std::span{pieces}.first(4)};
  expect_equal(attribute(table, storage.edges, storage.heap, small).error(), Error::no_room);
  expect(small.empty());
}

TEST(a_full_map_refuses_or_drops_but_never_overruns) {
  Storage<2> storage;
  E820Map map{storage.view()};
  const MapEntry table[] = {at(0, 100, kUsable), at(40, 60, kReserved)};
  expect(static_cast<bool>(map.append(table)));
  expect_equal(map.add(at(0, 1, kUsable)).error(), Error::no_room);
  expect_equal(map.append(table).error(), Error::no_room);
  expect_equal(map.sanitize().error(), Error::no_room);
  expect_equal(map.update_range(range(10, 20), kUsable, kReserved).error(), Error::no_room);
  expect_equal(map.update_range(range(0, 20), kUsable, kReserved).error(), Error::no_room);
  expect_equal(map.remove_range(range(10, 20)).error(), Error::no_room);
  expect(is(map, table));
  map.set_when_full(WhenFull::drop_rest);
  expect_equal(map.sanitize().value(), Sanitized::cut);
  map.set_when_full(WhenFull::refuse);
  const MapEntry want[] = {at(0, 40, kUsable), at(40, 60, kReserved)};
  expect(is(map, want));
  expect_equal(map.set_up(table, 0, 0).error(), Error::no_room);
  expect_equal(map.size(), 0u);
  const MapEntry three[] = {table[0], table[1], table[0]};
  expect_equal(map.set_up(three, 0, 0).error(), Error::no_room);
  map.set_when_full(WhenFull::drop_rest);
  expect(static_cast<bool>(map.set_up(three, 0, 0)));
  expect(is(map, want));
}

// As Linux's table does: what an update splits off is lost, the rest is as it should be.
TEST(a_full_map_that_drops_loses_what_an_update_or_a_removal_splits_off) {
  Storage<2> storage;
  E820Map map{storage.view()};
  map.set_when_full(WhenFull::drop_rest);
  const MapEntry table[] = {at(0, 40, kUsable), at(40, 60, kReserved)};
  expect(static_cast<bool>(map.append(table)));
  expect(static_cast<bool>(map.add(at(200, 1, kUsable))));
  expect(is(map, table));
  expect_equal(map.update_range(range(10, 20), kUsable, kReserved).value(), Bytes{10});
  const MapEntry updated[] = {at(0, 10, kUsable), at(40, 60, kReserved)};
  expect(is(map, updated));
  expect_equal(map.remove_range(range(50, 60)).value(), Bytes{10});
  const MapEntry removed[] = {at(0, 10, kUsable), at(40, 50, kReserved)};
  expect(is(map, removed));
}

// Each way a range can lie in an entry, with the bytes that count.
TEST(an_update_splits_what_it_touches) {
  const auto after = [](PhysRange where, std::uint64_t bytes, std::span<const MapEntry> want) {
    Storage<8> storage;
    E820Map map{storage.view()};
    const MapEntry table[] = {at(10, 30, kUsable), at(40, 60, kReserved)};
    return static_cast<bool>(map.append(table)) &&
           map.update_range(where, kUsable, kAcpi).value() == Bytes{bytes} && map.sanitize() && is(map, want);
  };
  const MapEntry rest = at(40, 60, kReserved);
  expect(after(range(10, 30), 20, std::array{at(10, 30, kAcpi), rest}));
  expect(after(range(0, 100), 20, std::array{at(10, 30, kAcpi), rest}));
  expect(
      after(range(15, 20), 5, std::array{at(10, 15, kUsable), at(15, 20, kAcpi), at(20, 30, kUsable), rest}));
  expect(after(range(0, 20), 10, std::array{at(10, 20, kAcpi), at(20, 30, kUsable), rest}));
  expect(after(range(10, 20), 10, std::array{at(10, 20, kAcpi), at(20, 30, kUsable), rest}));
  expect(after(range(20, 30), 10, std::array{at(10, 20, kUsable), at(20, 30, kAcpi), rest}));
  expect(after(range(20, 50), 10, std::array{at(10, 20, kUsable), at(20, 30, kAcpi), rest}));
  expect(after(range(30, 100), 0, std::array{at(10, 30, kUsable), rest}));
  expect(after(range(15, 15), 0, std::array{at(10, 30, kUsable), rest}));
  Storage<8> storage;
  E820Map map{storage.view()};
  expect_equal(map.update_range(range(0, 1), kAcpi, kAcpi).error(), Error::bad_argument);
}

TEST(a_removal_leaves_a_hole) {
  const auto after = [](PhysRange where, std::optional<MapType> only, std::uint64_t bytes,
                        std::span<const MapEntry> want) {
    Storage<8> storage;
    E820Map map{storage.view()};
    const MapEntry table[] = {at(10, 30, kUsable), at(40, 60, kReserved)};
    return static_cast<bool>(map.append(table)) && map.remove_range(where, only).value() == Bytes{bytes} &&
           map.sanitize() && is(map, want);
  };
  const MapEntry first = at(10, 30, kUsable), second = at(40, 60, kReserved);
  expect(after(range(0, UINT64_MAX), std::nullopt, 40, {}));
  expect(after(range(0, UINT64_MAX), kUsable, 20, std::array{second}));
  expect(after(range(0, UINT64_MAX), kAcpi, 0, std::array{first, second}));
  expect(after(range(15, 20), std::nullopt, 5, std::array{at(10, 15, kUsable), at(20, 30, kUsable), second}));
  expect(after(range(20, 50), std::nullopt, 20, std::array{at(10, 20, kUsable), at(50, 60, kReserved)}));
  expect(after(range(20, 50), kReserved, 10, std::array{first, at(50, 60, kReserved)}));
  expect(after(range(30, 40), std::nullopt, 0, std::array{first, second}));
  expect(after(range(15, 15), std::nullopt, 0, std::array{first, second}));
}

TEST(the_end_of_ram_is_that_of_the_last_whole_page_under_the_limit) {
  Storage<8> storage;
  E820Map map{storage.view()};
  const PageSize page{12};
  expect_equal(map.end_of_ram(Pfn{1000}, page), Pfn{0});
  const MapEntry table[] = {at(0x1000, 0x9fff, kUsable), at(0x1'0000, 0x1'5800, kUsable),
                            at(0x9'0000, 0xa'0000, kReserved)};
  expect(static_cast<bool>(map.append(table)));
  expect_equal(map.end_of_ram(Pfn{1000}, page), Pfn{0x15});
  expect_equal(map.end_of_ram(Pfn{0x12}, page), Pfn{0x12});
  expect_equal(map.end_of_ram(Pfn{0x10}, page), Pfn{9});
  expect_equal(map.end_of_ram(Pfn{0}, page), Pfn{0});
}

TEST(a_sanitised_map_answers_about_bytes) {
  Storage<8> storage;
  E820Map map{storage.view()};
  const MapEntry table[] = {at(10, 20, kUsable), at(20, 30, kReserved), at(30, 40, kUsable),
                            at(50, 60, kUsable)};
  expect(static_cast<bool>(map.append(table)) && static_cast<bool>(map.sanitize()));
  expect(!map.type_at(PhysAddr{9}) && map.type_at(PhysAddr{10}) == kUsable &&
         map.type_at(PhysAddr{29}) == kReserved);
  expect(!map.type_at(PhysAddr{40}) && !map.type_at(PhysAddr{60}));
  expect(map.maps_any(range(0, 11), kUsable) && !map.maps_any(range(0, 10), kUsable));
  expect(!map.maps_any(range(20, 30), kUsable) && map.maps_any(range(0, 100), kReserved));
  expect(map.maps_all(range(10, 20), kUsable) && map.maps_all(range(12, 13), kUsable));
  expect(!map.maps_all(range(10, 21), kUsable) && !map.maps_all(range(30, 60), kUsable));
  expect(!map.maps_all(range(9, 11), kUsable) && !map.maps_all(range(40, 45), kUsable));
  expect_equal(map.bytes_of(kUsable), Bytes{30});
  expect_equal(map.bytes_of(kAcpi), Bytes{0});
}

TEST(the_audit_names_the_first_entry_that_breaks_the_law) {
  const auto fault = [](std::span<const MapEntry> table) {
    Storage<8> storage;
    E820Map map{storage.view()};
    for (const MapEntry& entry : table) check(static_cast<bool>(map.add(entry)), "room");
    return map.audit();
  };
  expect(!fault(std::array{at(0, 1, kUsable), at(1, 2, kAcpi), at(2, 3, kUsable)}));
  expect(fault(std::array{at(0, 2, kUsable), at(1, 3, kAcpi)}) == 1u);
  expect(fault(std::array{at(5, 6, kUsable), at(1, 3, kAcpi)}) == 1u);
  expect(fault(std::array{at(0, 1, kUsable), at(1, 2, kUsable)}) == 1u);
  expect(!fault(std::array{at(0, 1, kSoft), at(1, 2, kSoft)}));
  expect(fault(std::array{at(0, 0, kUsable)}) == 0u && fault(std::array{at(0, 1, MapType{0})}) == 0u);
  expect(fault(std::array{MapEntry{PhysAddr{2}, Bytes{UINT64_MAX}, kUsable}}) == 0u);
}

TEST(storage_comes_from_an_arena_or_not_at_all) {
  alignas(16) std::array<std::byte, 4096> bytes;
  Arena arena{bytes};
  const auto storage = E820Storage::from(arena, 16);
  expect(static_cast<bool>(storage));
  E820Map map{storage.value()};
  expect_equal(map.capacity(), 16u);
  expect_equal(E820Storage::from(arena, 1000).error(), Error::no_room);
  expect_equal(E820Storage::from(arena, SIZE_MAX).error(), Error::no_room);
}

}  // namespace quarry::map
