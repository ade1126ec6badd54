// kernel/main.cpp: the kernel, from the first word of firmware to power-off, in the order in which things happen.
#include "kernel/arch.hpp"
#include "kernel/calls.hpp"
#include "kernel/console.hpp"
#include "kernel/cores.hpp"
#include "kernel/crash.hpp"
#include "kernel/direct_map.hpp"
#include "kernel/faults.hpp"
#include "kernel/loops.hpp"
#include "kernel/remap.hpp"
#include "kernel/report.hpp"
#include "kernel/shell.hpp"
#include "kernel/stress.hpp"
#include "kernel/unit_tests.hpp"
#include "kernel/vmalloc_stress.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/memory/metadata.hpp"
#include "quarry/view/firmware_map.hpp"

namespace kernel {

namespace memory = quarry::memory;
using quarry::TextView;

namespace {

// What a run of the kernel's own tests did; the last line says it.
struct Verdict {
  std::uint64_t tests = 0, operations = 0, faults = 0;
  bool is_good = true;
};

void say_hello(const quarry::boot::Machine& machine) noexcept {
  quarry::TextSink out = console();
  out.put("quarry: reference kernel, ").put(arch::kName).put(", ").put(machine.model).put(", ");
  out.dec(machine.cpus).put(machine.cpus == 1 ? " CPU\n" : " CPUs\n");
  out.put("Command line: ").put(machine.command_line).put('\n');
  quarry::view::print_firmware_map(out, "BIOS-e820", machine.map);
}

[[noreturn]] void refuse(const memory::EarlySystem* early, memory::Stage stage) noexcept {
  quarry::TextSink out = console();
  out.put("quarry: this machine cannot boot: ").put(memory::name_of(stage));
  if (early != nullptr && early->state().failure.step[0] != '\0') {
    const auto& failure = early->state().failure;
    out.put(", ").put(failure.step).put(": ").put(failure.what);
    if (failure.needed.raw != 0) out.put(" (").dec(failure.needed.raw).put(" bytes are needed)");
  }
  out.put("; give it more memory (-m)\n");
  arch::power_off(1);
}

void exercise(const memory::Exercise& done, Verdict& verdict) noexcept {
  console().put(done.what).put(": ").dec(done.operations).put(" operations, ");
  console().put(done.complaint.empty() ? TextView{"ok"} : done.complaint).put('\n');
  verdict.operations += done.operations;
  verdict.is_good = verdict.is_good && done.complaint.empty();
}

void stress_all(System& system, std::uint64_t rounds, Verdict& verdict) noexcept {
  Heap heap{system};
  const StressResult result = stress(heap, running_cores(), rounds);
  quarry::TextSink out = console();
  out.put("stress on ").dec(running_cores()).put(" cores: ").dec(result.operations).put(" operations, ");
  out.dec(result.passed_on).put(" blocks freed by others, ").dec(result.refusals).put(" refusals, ");
  out.dec(result.ranges).put(" ranges, ");
  out.put(result.complaint.empty() ? TextView{"ok"} : result.complaint).put('\n');
  verdict.operations += result.operations;
  verdict.is_good = verdict.is_good && result.complaint.empty();
}

void stress_addresses(DirectMap& direct_map, Vmalloc& vmalloc, System& system, Verdict& verdict) noexcept {
  const VmallocResult result = stress_vmalloc(direct_map, vmalloc, system, running_cores());
  quarry::TextSink out = console();
  out.put("vmalloc on ").dec(running_cores()).put(" cores: ").dec(result.operations).put(" operations, ");
  out.dec(result.passed_on).put(" areas freed by others, ").dec(result.refusals).put(" refusals, ");
  out.dec(result.flushes).put(" flushes, ");
  out.put(result.complaint.empty() ? TextView{"ok"} : result.complaint).put('\n');
  verdict.operations += result.operations;
  verdict.is_good = verdict.is_good && result.complaint.empty();
}

// A page of constants, shown by the tables from the beginning, until a test ends that.
constexpr quarry::vm::VirtAddr kShownEarly{arch::kVmalloc + arch::kVmallocBytes};
quarry::PhysRange shown_early(const quarry::boot::Machine& machine) noexcept {
  return quarry::PhysRange::sized(machine.kernel.rodata.begin(),
                                  quarry::Bytes{std::uint64_t{1} << Platform::kPageShift});
}

void test_everything(const memory::EarlySystem& early, DirectMap& direct_map, System& system,
                     Vmalloc& vmalloc, std::uint64_t rounds, Verdict& verdict) noexcept {
  exercise(end_early_mapping(direct_map, system, kShownEarly, shown_early(early.machine())), verdict);
  exercise(memory::exercise_pages(system), verdict);
  exercise(memory::exercise_kmalloc(system), verdict);
  exercise(memory::exercise_cache(system), verdict);
  exercise(exercise_calls(), verdict);
  exercise(exercise_tables(direct_map, system), verdict);
  stress_all(system, rounds, verdict);
  stress_addresses(direct_map, vmalloc, system, verdict);
  const FaultRun faults = provoke_faults(system, early.machine());
  verdict.faults = faults.caught;
  verdict.is_good = verdict.is_good && faults.missed == 0;
  const quarry::test::Run run = run_unit_tests();
  console().put("unit tests: ").dec(run.passed).put(" passed, ").dec(run.failed).put(" failed\n");
  verdict.tests = run.passed;
  verdict.is_good = verdict.is_good && run.is_good();
}

[[noreturn]] void end(const Verdict& verdict) noexcept {
  quarry::TextSink out = console();
  out.put("kernel: ").put(verdict.is_good ? "PASS" : "FAIL").put(" arch=").put(arch::kName);
  out.put(" tests=").dec(verdict.tests).put(" ops=").dec(verdict.operations);
  out.put(" faults=").dec(verdict.faults).put('\n');
  arch::power_off(verdict.is_good ? 0 : 1);
}

}  // namespace

quarry::Bytes boot_storage_size(const FirmwareCounts& counts) noexcept {
  // By what the flow keeps in its arena: tables of regions and of the map twice over, a node's zones and lists,
  // zonelists and distances between all nodes.
  constexpr std::size_t always = 192u << 10, entry = 512, node = 2048, pair = 192, core = 64;
  return quarry::Bytes{always + entry * counts.map_entries + node * counts.nodes +
                       pair * counts.nodes * counts.nodes + core * counts.cores};
}

namespace {

// The last word of a kind on the command line; none: "".
TextView value_of(TextView words, TextView name) noexcept {
  const auto option = quarry::boot::CommandLine{words}.last(name);
  return option ? option->value : TextView{};
}
bool has_word(TextView words, TextView name) noexcept {
  const auto option = quarry::boot::CommandLine{words}.last(name);
  return option && !option->has_value;
}

}  // namespace

void main(const BootInfo& info) noexcept {
  say_hello(info.machine);
  quarry::Arena arena{info.storage};
  DirectMap direct_map{info.boot_mapped};
  memory::EarlyConfig config;
  config.direct_map = DirectMap::early();
  config.hooks = direct_map.hooks();
  if (has_word(info.machine.command_line, "test"))
    direct_map.show_early(kShownEarly, shown_early(info.machine));
  const auto made = memory::EarlySystem::make(info.machine, arena, config);
  if (!made) refuse(nullptr, memory::Stage::early);
  memory::EarlySystem& early = *made.value();

  memory::PageConfig pages;
  pages.allocator.hand_over = quarry::buddy::HandOver::deferred;
  pages.slabs.packing.cpus = info.machine.cpus;
  System system{early, Platform{}, memory::metadata_in_ram(early), pages};
  memory::Stage reached = memory::Stage::early;
  BootLines lines;
  if (!memory::bring_up(early, system, reached, boot_lines(early, system, lines))) refuse(&early, reached);

  set_low_memory_for_startup(early.state().real_mode);
  const auto started = start_cores(system);
  console().put("smp: ").dec(running_cores()).put(" of ").dec(arch::core_count()).put(" cores run\n");
  print_files(early, system);

  direct_map.take_pages_from(system);
  const auto addresses = vmalloc_config(early, system);
  if (!addresses) refuse(&early, reached);
  Vmalloc vmalloc{*direct_map.table(), direct_map.lock(), system.frames(), addresses.value()};

  const TextView words = info.machine.command_line;
  crash(value_of(words, "crash"));
  Verdict verdict;
  verdict.is_good = started && started.value() == arch::core_count();
  if (has_word(words, "bench") || !value_of(words, "bench").empty())
    arch::power_off(run_loops(system, vmalloc, value_of(words, "bench")) ? 0 : 1);
  if (has_word(words, "test")) {
    constexpr std::uint64_t some_rounds = 2;
    const auto rounds = quarry::parse_size(value_of(words, "rounds"));
    test_everything(early, direct_map, system, vmalloc,
                    rounds && rounds.value().length != 0 ? rounds.value().value : some_rounds, verdict);
    end(verdict);
  }
  if (!has_word(words, "off"))
    verdict.is_good = run_shell(early, system, direct_map, vmalloc) && verdict.is_good;
  arch::power_off(verdict.is_good ? 0 : 1);
}

}  // namespace kernel
