#include "quarry/boot/x86_steps.hpp"
#include "quarry/boot/x86_test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::boot::x86 {
namespace {

using firmware::MapType;

TEST(a_pc_boots_to_the_end) {
  TestMachine pc;
  expect(pc.boots());
  expect_equal(pc.state.max_pfn, Pfn{0x40000});
  expect_equal(pc.state.zone_limits.dma, Pfn{0x1000});
  expect_equal(pc.state.zone_limits.dma32, Pfn{0x40000});
  expect(pc.state.initrd.is_valid && pc.state.initrd.range == pc.machine.initrd);
  expect(pc.is_reserved(range(0, kM)) && pc.is_reserved(range(16 * kM, 56 * kM + 0x11000)));
  expect(!pc.is_reserved(range(56 * kM + 0x11000, 56 * kM + 0x12000)));
  const auto regions = pc.memblock.memory().view();
  expect_equal(regions.size(), std::size_t{2});
  expect(regions[0].range() == range(0x1000, 0x9f000) && regions[0].node == NodeId{0});
  expect(pc.state.real_mode == range(0x98000, 0x9f000));
  expect(!pc.memblock.audit());
}

TEST(steps_are_named_after_linux_and_can_be_run_one_by_one) {
  TestMachine pc;
  const auto steps = steps_of(Arch::x86_64);
  expect(TextView{steps[0].name} == "early_reserve_memory");
  for (const Step& step : steps) {
    expect(TextView{step.about} != "");
    expect(static_cast<bool>(run_step(pc.state, step)));
  }
  expect(pc.memblock.end_of_dram() == PhysAddr{1024 * kM});
}

TEST(observers_see_every_step_and_the_one_that_fails) {
  TestMachine pc;
  pc.machine.map = {};
  struct Seen {
    unsigned before = 0, after = 0;
  } seen;
  const StepObserver observer{
      &seen, [](void* self, const Step&, const State&) noexcept { ++static_cast<Seen*>(self)->before; },
      [](void* self, const Step&, const State&) noexcept { ++static_cast<Seen*>(self)->after; }};
  expect_equal(run(pc.state, observer).error(), Error::bad_table);
  expect_equal(seen.before, 2u);
  expect_equal(seen.after, 2u);
  expect(TextView{pc.state.failure.step} == "e820__memory_setup");
  expect(pc.state.failure.what.starts_with("no usable RAM"));
}

TEST(an_architecture_without_a_flow_says_so) {
  TestMachine pc;
  pc.machine.arch = static_cast<Arch>(99);
  expect_equal(run(pc.state).error(), Error::not_found);
  expect(!pc.state.failure.what.empty());
}

TEST(hooks_are_called_at_linuxs_moments) {
  TestMachine pc;
  struct Calls {
    HookPoint at[16];
    unsigned count = 0;
  } calls;
  pc.state.hooks = {&calls, [](void* self, HookPoint point, State&) noexcept -> Result<Done> {
                      auto& seen = *static_cast<Calls*>(self);
                      seen.at[seen.count++] = point;
                      return point == HookPoint::percpu ? Result<Done>{Error::no_memory} : Done{};
                    }};
  expect_equal(run(pc.state).error(), Error::no_memory);
  expect_equal(calls.count, 8u);
  expect(calls.at[0] == HookPoint::page_tables && calls.at[1] == HookPoint::log_buffer);
  expect(calls.at[2] == HookPoint::node_data && calls.at[3] == HookPoint::memmap);
  expect(calls.at[4] == HookPoint::devices && calls.at[5] == HookPoint::resources);
  expect(calls.at[6] == HookPoint::command_line && calls.at[7] == HookPoint::percpu);
  expect(TextView{pc.state.failure.step} == "setup_per_cpu_areas");
  expect(name_of(HookPoint::percpu) == "percpu" && name_of(Arch::arm) == "arm");
}

TEST(what_leads_to_the_acpi_tables_is_not_kept) {
  TestMachine pc;
  const Machine::Table tables[] = {{range(512 * kM, 512 * kM + 20), "RSDP"},
                                   {range(513 * kM, 513 * kM + 52), "RSDT"},
                                   {range(514 * kM, 514 * kM + 116), "FACP"}};
  pc.machine.acpi_tables = tables;
  expect(pc.boots());
  expect(pc.memblock.is_reserved(PhysAddr{514 * kM}));
  expect(!pc.memblock.is_reserved(PhysAddr{512 * kM}) && !pc.memblock.is_reserved(PhysAddr{513 * kM}));
}

TEST(boot_services_come_back_unless_debugging_keeps_them) {
  constexpr firmware::UefiDescriptor map[] = {
      {firmware::UefiType::boot_services_data, PhysAddr{512 * kM}, 256, 0},
      {firmware::UefiType::boot_services_code, PhysAddr{0x90000}, 4, 0}};
  for (const TextView line : {"", "efi=runtime,debug"}) {
    TestMachine pc;
    pc.machine.efi_map = map;
    pc.machine.command_line = line;
    expect(pc.boots());
    expect(pc.memblock.is_reserved(PhysAddr{512 * kM}));
    // Those below 1M never do.
    expect_equal(pc.state.given_back.size(), line.empty() ? 1u : 0u);
    for (const GivenBack& part : pc.state.given_back) expect(part.range == range(512 * kM, 513 * kM));
  }
}

TEST(a_map_of_one_entry_falls_back_to_the_older_bios_calls) {
  TestMachine pc;
  pc.machine.map = pc.machine.map.first(1);
  pc.machine.alt_mem_k = 1023 * 1024;
  expect(pc.boots());
  expect_equal(pc.state.max_pfn, Pfn{0x40000});
}

TEST(a_map_without_usable_memory_cannot_boot) {
  TestMachine pc;
  constexpr firmware::MapEntry none[] = {entry(0, kM, MapType::reserved), entry(kM, 64 * kM, MapType::acpi)};
  pc.machine.map = none;
  pc.machine.kernel = {};
  expect(!pc.boots());
  expect(pc.state.failure.error == Error::no_memory && pc.state.failure.what == "no usable RAM");
}

TEST(a_kernel_in_reserved_memory_is_made_usable_all_the_same) {
  TestMachine pc;
  pc.machine.command_line = "memmap=64M$16M";
  expect(pc.boots());
  expect(pc.memblock.is_region_memory(range(16 * kM, 56 * kM + 0x30000)));
  expect(!pc.memblock.overlaps_memory(range(56 * kM + 0x30000, 80 * kM)));
  bool told = false;
  for (const Note& note : pc.state.notes) told = told || note.kind == Note::Kind::warning;
  expect(told);
}

TEST(an_initrd_beyond_the_end_of_ram_moves) {
  TestMachine pc;
  pc.machine.command_line = "mem=512M";
  expect(pc.boots());
  expect(pc.state.initrd.is_valid);
  expect(pc.state.initrd.range == range(512 * kM - 0xfc000, 512 * kM - 0xfc000 + 0xfb77a));
  expect(!pc.memblock.is_region_reserved(range(1023 * kM, 1024 * kM)));
}

TEST(an_initrd_with_nowhere_to_go_stops_the_boot_and_names_the_hole) {
  TestMachine pc;
  pc.machine.command_line = "mem=60M";
  pc.machine.initrd = range(512 * kM, 552 * kM);
  expect(!pc.boots());
  expect(TextView{pc.state.failure.step} == "reserve_initrd");
  expect_equal(pc.state.failure.error, Error::no_memory);
  expect_equal(pc.state.failure.needed, Bytes{40 * kM});
  expect_equal(pc.state.failure.largest_hole, Bytes{15 * kM});
}

TEST(a_users_map_of_one_entry_stops_the_boot) {
  TestMachine pc;
  pc.machine.command_line = "memmap=exactmap,512M@0";
  expect_equal(run(pc.state).error(), Error::bad_argument);
  expect(TextView{pc.state.failure.step} == "e820__finish_early_params");
}

TEST(memory_without_mtrrs_is_given_up) {
  TestMachine pc;
  const PhysRange uncached[] = {range(768 * kM, 1024 * kM)};
  pc.machine.uncached = uncached;
  pc.machine.initrd = {};
  expect(pc.boots());
  expect_equal(pc.state.max_pfn, Pfn{0x30000});
}

TEST(a_crash_kernel_lies_as_high_as_fits_below_4g) {
  TestMachine pc;
  pc.machine.command_line = "crashkernel=128M";
  expect(pc.boots());
  expect(pc.state.crashkernel == range(880 * kM, 1008 * kM));
  TestMachine too_large;
  too_large.machine.command_line = "crashkernel=1000M";
  expect(too_large.boots());
  expect(too_large.state.crashkernel.empty() && !too_large.state.notes.empty());
  TestMachine in_use;
  in_use.machine.command_line = "crashkernel=128M@16M";
  expect(in_use.boots());
  expect(in_use.state.crashkernel.empty());
}

TEST(boot_services_are_kept_unless_somebody_has_a_part_of_them) {
  TestMachine pc;
  const firmware::UefiDescriptor efi[] = {{.type = firmware::UefiType::boot_services_data,
                                           .base = PhysAddr{64 * kM},
                                           .pages = 256,
                                           .attribute = 0xf},
                                          {.type = firmware::UefiType::boot_services_code,
                                           .base = PhysAddr{55 * kM},
                                           .pages = 1024,
                                           .attribute = 0xf}};
  pc.machine.efi_map = efi;
  expect(pc.boots());
  expect(pc.is_reserved(range(64 * kM, 65 * kM)));
  expect(!pc.is_reserved(range(58 * kM, 59 * kM)));
}

TEST(a_map_that_does_not_fit_is_an_error) {
  TestMachine pc;
  firmware::MapEntry many[80];
  for (std::size_t i = 0; i < 80; ++i) many[i] = entry(i * 2 * kM, i * 2 * kM + kM, MapType::usable);
  pc.machine.map = many;
  expect_equal(run(pc.state).error(), Error::no_room);
  expect(TextView{pc.state.failure.step} == "e820__memory_setup");
}

}  // namespace
}  // namespace quarry::boot::x86
