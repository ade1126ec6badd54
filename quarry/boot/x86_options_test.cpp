#include "quarry/boot/x86_options.hpp"

#include "tests/test.hpp"

namespace quarry::boot {
namespace {

using firmware::MapEntry;
using firmware::MapType;
constexpr std::uint64_t kM = 1u << 20;

struct Bench {
  std::byte bytes[16384];
  Arena arena{bytes};
  map::E820Map map{map::E820Storage::from(arena, 16).value()};
  Bench() {
    check(
        static_cast<bool>(map.add({.base = PhysAddr{0}, .size = Bytes{1024 * kM}, .type = MapType::usable})),
        "room");
  }
  MapEntry last() const { return map.entries()[map.size() - 1]; }
};

TEST(mem_cuts_usable_memory_and_nothing_else) {
  Bench bench;
  expect(static_cast<bool>(
      bench.map.add({.base = PhysAddr{2048 * kM}, .size = Bytes{kM}, .type = MapType::acpi})));
  expect(static_cast<bool>(apply_mem(bench.map, "512M")));
  expect(bench.map.maps_all({PhysAddr{0}, PhysAddr{512 * kM}}, MapType::usable));
  expect(!bench.map.maps_any({PhysAddr{512 * kM}, PhysAddr{1024 * kM}}, MapType::usable));
  expect(bench.last().type == MapType::acpi);
  expect_equal(apply_mem(bench.map, "0").error(), Error::bad_argument);
  expect_equal(apply_mem(bench.map, "nopentium").error(), Error::bad_argument);
}

TEST(memmap_adds_each_type_by_its_sign) {
  constexpr struct {
    const char* value;
    MapType type;
  } forms[] = {{"16M@64M", MapType::usable},
               {"16M#64M", MapType::acpi},
               {"16M$64M", MapType::reserved},
               {"16M!64M", MapType::pram}};
  for (const auto& form : forms) {
    Bench bench;
    const auto applied = apply_memmap(bench.map, form.value);
    expect(applied && applied.value().changes_map && !applied.value().has_bad_part);
    expect(bench.last() == MapEntry{.base = PhysAddr{64 * kM}, .size = Bytes{16 * kM}, .type = form.type});
  }
}

TEST(exactmap_forgets_and_a_list_goes_on) {
  Bench bench;
  const auto applied = apply_memmap(bench.map, "exactmap,640K@0,63M@1M");
  expect(applied && !applied.value().has_bad_part);
  expect_equal(bench.map.size(), std::size_t{2});
  expect_equal(bench.last().size, Bytes{63 * kM});
}

TEST(percent_changes_adds_or_removes_types) {
  Bench change;
  expect(static_cast<bool>(apply_memmap(change.map, "64M%512M-1+2")));
  expect_equal(change.map.bytes_of(MapType::usable), Bytes{960 * kM});
  expect_equal(change.map.bytes_of(MapType::reserved), Bytes{64 * kM});
  Bench add;
  expect(static_cast<bool>(apply_memmap(add.map, "64M%2048M+7")));
  expect(add.last().type == MapType::pmem);
  Bench remove;
  expect(static_cast<bool>(apply_memmap(remove.map, "64M%512M-2")));
  expect_equal(remove.map.bytes_of(MapType::usable), Bytes{1024 * kM});
  expect(static_cast<bool>(apply_memmap(remove.map, "64M%512M")));
  expect_equal(remove.map.bytes_of(MapType::usable), Bytes{960 * kM});
}

TEST(bad_parts_are_told_and_the_others_count) {
  Bench bench;
  for (const char* value :
       {"64M%0-1+1", "64M%0x", "64M@0x", "64M@", "64M&0", "nonsense", "99999999999999999999@0"}) {
    const auto applied = apply_memmap(bench.map, value);
    expect(applied && applied.value().has_bad_part);
  }
  const auto mixed = apply_memmap(bench.map, "what,1M$3G");
  expect(mixed && mixed.value().has_bad_part && mixed.value().changes_map);
  expect_equal(bench.last().base, PhysAddr{3072 * kM});
}

TEST(a_full_map_is_an_error) {
  Bench bench;
  while (
      static_cast<bool>(bench.map.add({.base = PhysAddr{0}, .size = Bytes{1}, .type = MapType::reserved}))) {
  }
  expect_equal(apply_memmap(bench.map, "1M@1M").error(), Error::no_room);
}

TEST(numa_options_are_read_in_all_their_words) {
  expect(parse_numa_options(CommandLine{"numa=off"}).is_off);
  expect(parse_numa_options(CommandLine{"numa=noacpi"}).ignores_acpi);
  const auto fake = parse_numa_options(CommandLine{"numa=fake=2U"});
  expect(fake.fake && fake.fake->value == 2 && !fake.is_malformed && !fake.is_off);
  expect(parse_numa_options(CommandLine{"numa=fake=many"}).is_malformed);
  expect(!parse_numa_options(CommandLine{"quiet"}).fake);
}

}  // namespace
}  // namespace quarry::boot
