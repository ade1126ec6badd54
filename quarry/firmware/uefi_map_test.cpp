#include "quarry/firmware/uefi_map.hpp"

#include <array>

#include "tests/table_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

constexpr std::uint64_t kWb = UefiAttribute::kWb, kUc = UefiAttribute::kUc;

UefiDescriptor of(UefiType type, std::uint64_t attribute) noexcept {
  return {.type = type, .base = PhysAddr{0}, .pages = 1, .attribute = attribute};
}

}  // namespace

TEST(descriptors_are_as_far_apart_as_the_firmware_says) {
  for (const std::size_t step : {std::size_t{40}, std::size_t{48}, std::size_t{41}}) {
    TableBuilder table;
    for (std::uint32_t i = 0; i < 3; ++i)
      table.u32(i + 5)
          .u32(0xdead)
          .u64(std::uint64_t{0x1000} * i)
          .u64(77)
          .u64(i + 1)
          .u64(kWb << i)
          .zeros(step - 40);
    const UefiMap map = UefiMap::from(table.bytes(), step).value();
    expect_equal(map.size(), 3u);
    expect_equal(map[2].type, UefiType::conventional);
    expect_equal(map[2].base, PhysAddr{0x2000});
    expect_equal(map[2].size(), Bytes{0x3000});
    expect_equal(map[2].attribute, kWb << 2);
    for (std::size_t size = 1; size < table.size(); ++size) {
      const auto cut = UefiMap::from(table.bytes().first(size), step);
      if (size == step || size == 2 * step)
        expect(static_cast<bool>(cut));
      else
        expect_equal(cut.error(), Error::truncated_table);
    }
    expect_equal(UefiMap::from(table.bytes(), 39).error(), Error::bad_table);
    expect_equal(UefiMap::from(table.bytes(), 0).error(), Error::bad_table);
    expect_equal(UefiMap::from({}, step).value().size(), 0u);
  }
}

TEST(types_become_the_map_types_that_x86_gives_them) {
  const MapType cached[] = {MapType::reserved, MapType::usable,   MapType::usable,   MapType::usable,
                            MapType::usable,   MapType::reserved, MapType::reserved, MapType::usable,
                            MapType::unusable, MapType::acpi,     MapType::nvs,      MapType::reserved,
                            MapType::reserved, MapType::reserved, MapType::pmem,     MapType::reserved};
  for (std::uint32_t type = 0; type < 16; ++type) {
    expect_equal(map_type(of(UefiType{type}, kWb), SoftReserve::on), cached[type]);
    const MapType uncached = cached[type] == MapType::usable ? MapType::reserved : cached[type];
    expect_equal(map_type(of(UefiType{type}, kUc), SoftReserve::on), uncached);
    const MapType special = cached[type] == MapType::usable ? MapType::soft_reserved : cached[type];
    expect_equal(map_type(of(UefiType{type}, kWb | UefiAttribute::kSp), SoftReserve::on), special);
    expect_equal(map_type(of(UefiType{type}, kWb | UefiAttribute::kSp), SoftReserve::off), cached[type]);
  }
  expect_equal(map_type(of(UefiType{0x80000000}, kWb), SoftReserve::on), MapType::reserved);
}

TEST(arm64_uses_what_is_cached_and_done_with) {
  const bool usable[] = {false, true, true,  true,  true,  false, false, true,
                         false, true, false, false, false, false, true,  false};
  for (std::uint32_t type = 0; type < 16; ++type) {
    expect(is_usable(of(UefiType{type}, kWb), SoftReserve::on) == usable[type]);
    expect(is_usable(of(UefiType{type}, kWb | UefiAttribute::kSp), SoftReserve::off) == usable[type]);
    expect(!is_usable(of(UefiType{type}, kWb | UefiAttribute::kSp), SoftReserve::on));
    expect(!is_usable(of(UefiType{type}, kUc | UefiAttribute::kWt), SoftReserve::on));
    expect(is_boot_services(of(UefiType{type}, 0)) == (type == 3 || type == 4));
  }
  expect(is_memory(of(UefiType::reserved, kWb)) && is_memory(of(UefiType::reserved, UefiAttribute::kWt)));
  expect(is_memory(of(UefiType::reserved, UefiAttribute::kWc)));
  expect(!is_memory(of(UefiType::conventional, kUc | UefiAttribute::kRuntime)));
}

TEST(a_map_of_impossible_sizes_becomes_entries_anyway) {
  TableBuilder table;
  table.u32(7).u32(0).u64(0x1000).u64(0).u64(UINT64_MAX).u64(kWb);
  table.u32(0).u32(0).u64(0x5000).u64(0).u64(2).u64(0);
  const UefiMap map = UefiMap::from(table.bytes(), 40).value();
  std::array<MapEntry, 3> storage;
  Table<MapEntry> out{storage};
  expect(static_cast<bool>(map.to_entries(SoftReserve::on, out)));
  expect(out[0] == MapEntry{PhysAddr{0x1000}, Bytes{UINT64_MAX & ~0xfffull}, MapType::usable});
  expect(out[1] == MapEntry{PhysAddr{0x5000}, Bytes{0x2000}, MapType::reserved});
  expect_equal(map.to_entries(SoftReserve::on, out).error(), Error::no_room);
  expect_equal(out.size(), 2u);
}

}  // namespace quarry::firmware
