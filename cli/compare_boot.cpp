#include "cli/compare_boot.hpp"

#include <fmt/format.h>

#include "cli/compare_moments.hpp"
#include "cli/compare_readings.hpp"
#include "cli/pages_stage.hpp"
#include "host/virtual_arena.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/metadata.hpp"

namespace quarry::cli {
namespace {

constexpr PhysRange kEverything{PhysAddr{0}, PhysAddr{std::uint64_t{1} << 52}};

early::SpareStorage spare_of(Arena& arena) {
  return {&arena, [](void* self, std::size_t bytes) noexcept -> std::byte* {
            const auto memory = static_cast<Arena*>(self)->take_bytes(bytes, alignof(early::Region));
            return memory ? memory.value() : nullptr;
          }};
}

std::string words_of_failure(memory::Stage stage, const boot::Failure& failure) {
  if (stage == memory::Stage::early && failure.step[0] != '\0')
    return fmt::format("{}: {}", failure.step, to_string(failure.what));
  return fmt::format("it stopped at the stage {}", to_string(memory::name_of(stage)));
}

}  // namespace

ComparedBoot boot_to_compare(const lnx::MachineDescription& description) {
  ComparedBoot result;
  const boot::Machine machine = description.machine();
  EventLog log;
  BootReport report;
  report.page_size = machine.geometry.page_size().bytes().raw;
  read_firmware(machine, description.map_source, report);

  hosted::VirtualArena outside;
  hosted::PagedRam ram{std::span{&kEverything, 1}, machine.geometry.page_size()};
  lnx::LinuxAllocations allocations{description.kernel};
  Moments moments{description, result.shown};
  const auto early = memory::EarlySystem::make(machine, outside.arena(),
                                               {.spare = spare_of(outside.arena()),
                                                .observer = log.observer(),
                                                .hooks = allocations.hooks(),
                                                .steps = moments.observer()});
  if (!early) {
    result.failure = "its description is too large";
    return result;
  }
  const bool known = with_geometry(machine.geometry, [&]<Geometry G>() {
    PagesStage<G> stage{*early.value(),
                        ram,
                        memory::metadata_outside(outside.arena()),
                        AsLinux{description, allocations},
                        log,
                        report};
    const auto done = stage.run();
    Readings readings{description, *early.value(), log, result.shown};
    readings.read_early();
    if (done)
      readings.read_late(report, allocations.dma_reserve());
    else
      result.failure = words_of_failure(stage.reached(), early.value()->state().failure);
  });
  if (!known) result.failure = "no page allocator is built for its pages";
  return result;
}

}  // namespace quarry::cli
