#include "quarry/view/firmware_map.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {

using firmware::MapEntry;
using firmware::MapType;

TEST(firmware_map_reads_as_the_kernel_prints_it) {
  constexpr MapEntry map[] = {{PhysAddr{0}, Bytes{0x9fc00}, MapType::usable},
                              {PhysAddr{0x9fc00}, Bytes{0x400}, MapType::reserved},
                              {PhysAddr{0xfd00000000}, Bytes{0x300000000}, MapType{20}}};
  test::Page page;
  auto out = page.sink();
  print_firmware_map(out, "BIOS-e820", map);
  expect(page.view() == TextView{"BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
                                 "BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved\n"
                                 "BIOS-e820: [mem 0x000000fd00000000-0x000000ffffffffff] type 20\n"});
}

TEST(every_named_type_has_the_kernels_name_and_no_other_has_one) {
  expect(name_of(MapType::acpi) == TextView{"ACPI data"});
  expect(name_of(MapType::nvs) == TextView{"ACPI NVS"});
  expect(name_of(MapType::unusable) == TextView{"unusable"});
  expect(name_of(MapType::pmem) == TextView{"persistent (type 7)"});
  expect(name_of(MapType::pram) == TextView{"persistent (type 12)"});
  expect(name_of(MapType::reserved_kern) == TextView{"usable"});
  expect(name_of(MapType::soft_reserved) == TextView{"soft reserved"});
  expect(name_of(MapType{0}).empty() && name_of(MapType{6}).empty());
}

}  // namespace quarry::view
