#include "cli/compare_boot.hpp"

#include <fmt/format.h>

#include "cli/compare_moments.hpp"
#include "cli/compare_readings.hpp"
#include "cli/run_pages.hpp"
#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/metadata.hpp"

namespace quarry::cli {
namespace {

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
  hosted::PagedRam ram{std::span{&hosted::kEverything, 1}, machine.geometry.page_size()};
  lnx::LinuxAllocations allocations{description.kernel};
  Moments moments{description, result.shown};
  const auto early = memory::EarlySystem::make(machine, outside.arena(),
                                               {.spare = hosted::spare_of(outside.arena()),
                                                .observer = log.observer(),
                                                .hooks = allocations.hooks(),
                                                .steps = moments.observer()});
  if (!early) {
    result.failure = "its description is too large";
    return result;
  }
  const PagesRun run =
      run_pages(*early.value(), ram, memory::metadata_outside(outside.arena()),
                AsLinux{description, allocations}, log, report, PolicyChoice::linux_policy, AfterBoot::read);
  if (!run.is_known) {
    result.failure = "no page allocator is built for its pages";
    return result;
  }
  for (const boot::Note& note : early.value()->state().notes)
    if (note.kind == boot::Note::Kind::linux_bug && result.bug.empty() && note.text.starts_with("contiguous"))
      result.bug = to_string(note.text);
  if (run.done && early.value()->layout().keeps_mirrored && early.value()->layout().unmirrored_kernel)
    result.bug = "kernelcore=mirror: Linux 6.1 takes what is not mirrored off twice, and counts below zero";
  Readings readings{description, *early.value(), log, result.shown};
  readings.read_early();
  if (run.done)
    readings.read_late(report, allocations.dma_reserve());
  else
    result.failure = words_of_failure(run.reached, early.value()->state().failure);
  return result;
}

}  // namespace quarry::cli
