#include "cli/boot_machine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/mem_total_bounds.hpp"
#include "cli/run_pages.hpp"
#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/metadata.hpp"

namespace quarry::cli {
namespace {

boot::StepObserver steps_into(EventLog& log) {
  return {&log,
          [](void* self, const boot::Step& step, const boot::State&) noexcept {
            static_cast<EventLog*>(self)->set_step(step.name);
          },
          [](void* self, const boot::Step&, const boot::State& state) noexcept {
            static_cast<EventLog*>(self)->note_map(state.map.entries());
            static_cast<EventLog*>(self)->set_step({});
          }};
}

// The library's own tables in the machine's RAM. What memblock hands out there reads as zero without being
// written, so that a machine of terabytes fits a small host.
struct TablesInRam {
  memory::EarlySystem& early;
  hosted::PagedRam& ram;

  page::MetadataSource source() {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId near) noexcept -> Result<std::byte*> {
              return static_cast<TablesInRam*>(self)->take(size, alignment, near);
            }};
  }

 private:
  Result<std::byte*> take(Bytes size, Bytes alignment, NodeId near) noexcept {
    const Bytes line = early.memblock().config().cache_line;
    const early::Request request{
        .size = size, .alignment = alignment < line ? line : alignment, .node = near};
    const auto at = early.state().allocator.alloc_try_nid_raw(request, "page descriptors");
    if (!at) return at.error();
    const PhysRange range = PhysRange::sized(at.value(), size);
    if (!ram.zero(range)) return Error::out_of_range;
    std::byte* const memory = early.direct_map().at(range);
    if (memory == nullptr) return Error::out_of_range;
    return memory;
  }
};

std::uint64_t largest_hole(const memory::EarlySystem& early) {
  if (early.bootmem() != nullptr) return early.bootmem()->stats().largest_free.raw;
  std::uint64_t largest = 0;
  for (const auto& free : early.memblock().free_ranges()) largest = std::max(largest, free.range.size().raw);
  return largest;
}

const char* words_of(Error error) {
  switch (error) {
    case Error::no_memory: return "no memory is left for it";
    case Error::no_room: return "the tables that describe it do not fit";
    case Error::bad_geometry: return "its page size and largest block are not supported";
    case Error::out_of_range: return "it needs memory that this process has no address space for";
    default: return "its layout is not possible";
  }
}

std::string reason_of(memory::Stage stage, Error error, const boot::Failure& failure) {
  if (stage != memory::Stage::early || failure.step[0] == '\0')
    return fmt::format("{}: {}", to_string(memory::name_of(stage)), words_of(error));
  std::string why = fmt::format("{}: {}", failure.step, to_string(failure.what));
  if (!failure.where.empty()) {
    const PhysRange where = failure.where;
    why += fmt::format(" [mem {:#x}-{:#x}]", where.begin().raw, where.end().raw - 1);
  }
  if (failure.needed.raw != 0) why += fmt::format(" ({} bytes are needed)", failure.needed.raw);
  return why;
}

lnx::Problem stopped_at(memory::Stage stage, Error error, const memory::EarlySystem& early,
                        const BootReport& report) {
  const boot::Failure& failure = early.state().failure;
  const std::uint64_t hole = failure.largest_hole.raw != 0 ? failure.largest_hole.raw : largest_hole(early);
  const bool has_ram = std::any_of(report.firmware.begin(), report.firmware.end(),
                                   [](const FirmwareEntry& entry) { return entry.is_ram; });
  return {lnx::ExitStatus::cannot_boot,
          fmt::format("this machine cannot boot: {}{}; the largest hole has {} bytes",
                      has_ram ? "" : "there is no usable RAM; ", reason_of(stage, error, failure), hole)};
}

void read_machine(const lnx::MachineDescription& description, const boot::Machine& machine, Mode mode,
                  boot::EarlyChoice early, BootReport& report) {
  report.source = description.source;
  report.arch = to_string(boot::name_of(machine.arch));
  report.page_size = machine.geometry.page_size().bytes().raw;
  report.cmdline = description.command_line;
  report.model = description.model;
  report.cpus = machine.cpus;
  report.native = mode == Mode::native;
  report.notes = description.notes;
  report.sources = description.sources;
  for (const auto& step : boot::steps_of(machine.arch, early))
    report.steps.push_back({step.name, step.about});
  read_firmware(machine, description.map_source, report);
}

std::vector<PhysRange> ram_in(const BootReport& report) {
  std::vector<PhysRange> ram;
  for (const auto& entry : report.firmware)
    if (entry.is_ram) ram.push_back({PhysAddr{entry.range.begin}, PhysAddr{entry.range.end}});
  return ram;
}

}  // namespace

lnx::Expected<BootReport> boot_machine(const lnx::MachineDescription& description, Mode mode, EventLog& log,
                                       boot::EarlyChoice choice, const PagesRunner& pages) {
  const bool is_native = mode == Mode::native;
  boot::Machine machine = description.machine();
  // Linux's own limits bind Linux: native mode has no table that could be full, and x86_64 itself has 52 bits.
  if (is_native) {
    machine.limits.max_map_entries = 0;
    machine.limits.initial_memory_regions = 0;
    machine.limits.max_reserved_nodes = 0;
    machine.limits.max_cma_areas = 0;
    machine.limits.known_bugs = boot::KnownBugs::mended;
    if (machine.arch == boot::Arch::x86_64) machine.limits.phys_bits = hosted::kMostPhysBits;
  }
  BootReport report;
  read_machine(description, machine, mode, choice, report);

  hosted::VirtualArena outside;
  hosted::PagedRam ram{std::span{&hosted::kEverything, 1}, machine.geometry.page_size()};
  lnx::LinuxAllocations allocations{description.kernel};
  memory::EarlyConfig config{.spare = hosted::spare_of(outside.arena()),
                             .observer = log.observer(),
                             .steps = steps_into(log),
                             .early = choice,
                             .bitmap_map = hosted::direct_map_of(ram),
                             .bootmem_observer = log.bootmem_observer()};
  // In Linux mode nobody looks at what Linux keeps in its allocations, so there is nothing to map or to zero.
  if (is_native) {
    config.direct_map = hosted::direct_map_of(ram);
    config.fresh_ram = memory::FreshRam::zero;
  } else {
    config.hooks = allocations.hooks();
  }
  // A table or a bitmap may be larger than what is otherwise made of address space at a time.
  if (is_native || choice == boot::EarlyChoice::bootmem) ram.reserve(ram_in(report));
  const auto early = memory::EarlySystem::make(machine, outside.arena(), config);
  if (!early)
    return lnx::Problem{lnx::ExitStatus::cannot_boot,
                        "this machine cannot boot: its description is too large"};

  TablesInRam tables{*early.value(), ram};
  const auto metadata = is_native ? tables.source() : memory::metadata_outside(outside.arena());
  std::optional<AsLinux> as_linux;
  if (!is_native) as_linux.emplace(AsLinux{description, allocations});
  const PagesRun run = pages(*early.value(), ram, metadata, as_linux, log, report);
  if (!run.is_known) {
    return lnx::Problem{
        lnx::ExitStatus::cannot_boot,
        fmt::format("this machine cannot boot: no page allocator is built for pages of {} bytes with "
                    "this highest order",
                    machine.geometry.page_size().bytes().raw)};
  }
  if (!run.done) return stopped_at(run.reached, run.done.error(), *early.value(), report);
  if (!is_native) read_mem_total_bounds(description, report);
  return report;
}

lnx::Expected<BootReport> boot_to_read(const lnx::MachineDescription& machine) {
  EventLog log;
  return boot_machine(machine, Mode::linux_mode, log, boot::EarlyChoice::memblock,
                      pages_runner(PolicyChoice::linux_policy, AfterBoot::read));
}

}  // namespace quarry::cli
