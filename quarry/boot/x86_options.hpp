// quarry/boot/x86_options.hpp: the command line options by which a user describes or cuts x86's memory map.
//
//   mem=N  memmap=N           no usable memory above N        memmap=exactmap    forget what firmware says
//   memmap=N@S  N#S  N$S  N!S add usable, ACPI, reserved, protected memory of N bytes at S
//   memmap=N%S-F+T            change type F to T;  %S+T add T;  %S-F remove F;  %S remove all
//
// Source    Linux 6.1, Documentation/admin-guide/kernel-parameters.txt; "parse_memopt", "parse_memmap_one".
#pragma once

#include "quarry/boot/command_line.hpp"
#include "quarry/map/e820_map.hpp"
#include "quarry/numa/fake.hpp"

namespace quarry::boot {

// Applies one mem= value to the map.
//
// Errors    bad_argument: no size, or 0; overflow; no_room: the map is full. Nothing changed.
Result<Done> apply_mem(map::E820Map& map, TextView value) noexcept;

// Applies one memmap= value, a comma-separated list; each part as it comes, up to a bad one.
//
// Returns   whether the user's word changed the map, as the kernel reckons, bad parts aside.
struct MemmapOutcome {
  bool changes_map = false;
  bool has_bad_part = false;
};
// Errors    no_room: the map is full.
Result<MemmapOutcome> apply_memmap(map::E820Map& map, TextView value) noexcept;

// What numa= asks for.
struct NumaOptions {
  bool is_off = false;
  bool ignores_acpi = false;
  bool is_malformed = false;  // a numa=fake= that makes no sense
  std::optional<numa::FakeRequest> fake;
};
NumaOptions parse_numa_options(const CommandLine& line) noexcept;

}  // namespace quarry::boot
