#include "cli/commands.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/boot_command.hpp"
#include "cli/boot_options.hpp"
#include "cli/compare_command.hpp"
#include "cli/output.hpp"
#include "cli/replay_command.hpp"
#include "cli/report_options.hpp"
#include "cli/shell_command.hpp"

namespace quarry::cli {

const char* const kExamples = R"(Examples:
  quarry boot                                   the built-in 2 GiB PC, every stage and the ledger
  quarry boot --list                            the machines that are built in
  quarry boot board.dtb --memory 0x80000000+1G  a board whose tree leaves memory to the boot loader
  quarry boot dmesg.txt --format json           the machine that a kernel log tells of, for scripts
  quarry boot host                              this machine, as far as it can be read
  quarry boot 'qemu:-M q35 -m 64G -smp 8'       what QEMU would make of its options: map, nodes, places
  quarry boot numa-8n --stage zones             one stage alone
  quarry boot dmesg.txt --kernel /boot/vmlinuz --config /boot/config      with a kernel that is at hand
  quarry boot board.dtb --kernel 5.15 -q        of a kernel no more than its version: MemTotal between bounds, and why
  quarry boot --flow arm64-virt-8g              the steps by the names of the Linux functions
  quarry boot numa-8n --early bootmem           with the bitmaps of older kernels from when nodes are known
  quarry boot board.dtb --observe events.jsonl  every decision of the boot-time allocators, a line each

Exit status: 0 done, 1 a finding, 2 unusable arguments, 3 malformed input, 4 the machine cannot boot.)";

namespace {

// `quarry compare`: what is held against what, and what more there is to say of the machine.
struct Compared {
  CompareOptions options;
  BootArguments machine;
};

// `quarry shell`, the same.
struct Served {
  ShellOptions options;
  BootArguments machine;
};

int start_shell(Served& served) {
  auto& [options, machine] = served;
  if (const auto bad = machine.check()) return refuse(*bad);
  const BootOptions& booted = machine.options();
  options.describe = booted.describe;
  options.mode = booted.mode, options.early = booted.early, options.policy = booted.policy;
  return run_shell(options);
}

}  // namespace

int refuse(const std::string& text) { return complain({lnx::ExitStatus::bad_arguments, text}); }

Command add_boot(CLI::App& tool) {
  const auto kept = std::make_shared<BootArguments>();
  auto* const boot =
      tool.add_subcommand("boot", "boot the memory system on a machine; print every stage and the ledger");
  boot->footer(kExamples);
  kept->add_to(*boot);
  return {boot, [kept]() -> int {
            if (const auto bad = kept->check()) return refuse(*bad);
            return run_boot(kept->options());
          }};
}

// `quarry replay`, whose options are few.
Command add_replay(CLI::App& tool) {
  const auto kept = std::make_shared<ReplayOptions>();
  auto& options = *kept;
  auto* const replay = tool.add_subcommand(
      "replay", "replay the memblock=debug lines of a kernel's log; does it give the same addresses?");
  replay->footer(kReplayExamples);
  replay->add_option("LOG", options.log, "a kernel's log, a case directory, or '-'")->required();
  add_format(*replay, options.format);
  replay->add_option("-o,--output", options.output_file, "write to FILE, whole or not at all");
  replay->add_flag_callback(
      "-v,--verbose", [&options] { options.verbosity = Verbosity::verbose; },
      "each operation that is not compared, with the reason");
  return {replay, [kept] { return run_replay(*kept); }};
}

Command add_compare(CLI::App& tool) {
  const auto kept = std::make_shared<Compared>();
  auto& options = kept->options;
  auto* const compare = tool.add_subcommand(
      "compare", "boot a machine and hold the outcome against what a real kernel printed");
  compare->footer(kCompareExamples);
  compare->add_option("MACHINE", options.machine,
                      "what boots, as for boot; without LOG it is the log, inputs only");
  compare->add_option("LOG", options.log, "a boot log, a case directory, or '-'");
  kept->machine.add_machine_options(*compare);
  auto& group = *compare->add_option_group("Output");
  group.add_option("--kind", options.kind, "one kind of quantities: zones, managed, …")->option_text("NAME");
  add_report_options(group, options, {.verbose = "every quantity", .quiet = "the last line alone"});
  return {compare, [kept]() -> int {
            if (const auto bad = kept->machine.check()) return refuse(*bad);
            if (const auto bad = check_compare(kept->options)) return refuse(*bad);
            kept->options.describe = kept->machine.options().describe;
            return run_compare(kept->options);
          }};
}

Command add_shell(CLI::App& tool) {
  const auto kept = std::make_shared<Served>();
  auto& options = kept->options;
  auto& machine = kept->machine;
  auto* const shell =
      tool.add_subcommand("shell", "boot a machine, then a prompt: alloc_pages, kmalloc, buddyinfo, …");
  shell->footer(kShellExamples);
  shell->add_option("MACHINE", options.machine, "what boots, as for boot")
      ->option_text(fmt::format("[{}]", lnx::kDefaultMachine));
  machine.add_mode_options(*shell);
  machine.add_machine_options(*shell);
  add_colour(*shell, options.colour);
  return {shell, [kept] { return start_shell(*kept); }};
}

}  // namespace quarry::cli
