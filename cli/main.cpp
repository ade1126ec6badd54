#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <exception>

#include "cli/boot_command.hpp"
#include "cli/boot_options.hpp"
#include "cli/choice.hpp"
#include "cli/compare_command.hpp"
#include "cli/output.hpp"
#include "cli/replay_command.hpp"
#include "cli/shell_command.hpp"

namespace quarry::cli {
namespace {

constexpr const char* kVersion = "quarry 0.1.0";

constexpr const char* kExamples = R"(Examples:
  quarry boot                                   the built-in 2 GiB PC, every stage and the ledger
  quarry boot --list                            the machines that are built in
  quarry boot board.dtb --memory 0x80000000+1G  a board whose tree leaves memory to the boot loader
  quarry boot dmesg.txt --format json           the machine that a kernel log tells of, for scripts
  quarry boot host                              this machine, as far as it can be read
  quarry boot numa-8n --stage zones             one stage alone
  quarry boot dmesg.txt --kernel /boot/vmlinuz --config /boot/config      with a kernel that is at hand
  quarry boot --flow arm64-virt-8g              the steps by the names of the Linux functions
  quarry boot numa-8n --early bootmem           with the bitmaps of older kernels from when nodes are known
  quarry boot board.dtb --observe events.jsonl  every decision of the boot-time allocators, a line each

Exit status: 0 done, 1 a finding, 2 unusable arguments, 3 malformed input, 4 the machine cannot boot.)";

// Commands of the tool's contract that this version has not got. They say so instead of guessing.
constexpr std::array kLaterCommands = {"where", "diff", "solve", "lint", "report", "sysroot"};

int refuse(const std::string& text) { return complain({lnx::ExitStatus::bad_arguments, text}); }

// Names of later versions are refused by name, before CLI11 calls them unknown.
std::optional<std::string> later_word(int count, const char* const* words) {
  for (const char* const command : kLaterCommands) {
    if (count > 1 && std::string_view{words[1]} == command)
      return fmt::format("the command '{}' is not in this version; 'quarry --help' lists what is", command);
  }
  return std::nullopt;
}

// A machine where a command is expected is the mistake that is easily made.
std::optional<std::string> unknown_command(const CLI::App& app, int count, const char* const* words) {
  if (count < 2 || words[1][0] == '-') return std::nullopt;
  for (const auto* const command : app.get_subcommands({}))
    if (command->get_name() == words[1]) return std::nullopt;
  return fmt::format(
      "'{0}' is no command: did you mean 'quarry boot {0}'? 'quarry --help' lists what there is", words[1]);
}

// `quarry replay`, whose options are few.
CLI::App* add_replay(CLI::App& app, ReplayOptions& options) {
  auto* const replay = app.add_subcommand(
      "replay", "replay the memblock=debug lines of a kernel's log; does it give the same addresses?");
  replay->footer(kReplayExamples);
  replay->add_option("LOG", options.log, "a kernel's log, a case directory, or '-'")->required();
  add_choice<Format>(*replay, "--format", options.format, {{"text", Format::text}, {"json", Format::json}},
                     "");
  replay->add_option("-o,--output", options.output_file, "write to FILE, whole or not at all");
  replay->add_flag_callback(
      "-v,--verbose", [&options] { options.verbosity = Verbosity::verbose; },
      "each operation that is not compared, with the reason");
  return replay;
}

// `quarry compare`; what more there is to say of the machine comes with `machine`.
CLI::App* add_compare(CLI::App& app, CompareOptions& options, BootArguments& machine) {
  auto* const compare =
      app.add_subcommand("compare", "boot a machine and hold the outcome against what a real kernel printed");
  compare->footer(kCompareExamples);
  compare->add_option("MACHINE", options.machine,
                      "what boots, as for boot; without LOG it is the log, inputs only");
  compare->add_option("LOG", options.log, "a boot log, a case directory, or '-'");
  machine.add_machine_options(*compare);
  auto& group = *compare->add_option_group("Output");
  group.add_option("--kind", options.kind, "one kind of quantities: zones, managed, …")->option_text("NAME");
  add_choice<Format>(group, "--format", options.format, {{"text", Format::text}, {"json", Format::json}}, "");
  add_choice<Colour>(group, "--color", options.colour,
                     {{"auto", Colour::automatic}, {"always", Colour::always}, {"never", Colour::never}}, "");
  group.add_option("-o,--output", options.output_file, "write to FILE, whole or not at all")
      ->option_text("FILE");
  auto* const verbose = group.add_flag_callback(
      "-v,--verbose", [&options] { options.verbosity = Verbosity::verbose; }, "every quantity");
  group
      .add_flag_callback(
          "-q,--quiet", [&options] { options.verbosity = Verbosity::quiet; }, "the last line alone")
      ->excludes(verbose);
  return compare;
}

// `quarry shell`; what more there is to say of the machine comes with `machine`.
CLI::App* add_shell(CLI::App& app, ShellOptions& options, BootArguments& machine) {
  auto* const shell =
      app.add_subcommand("shell", "boot a machine, then a prompt: alloc_pages, kmalloc, buddyinfo, …");
  shell->footer(kShellExamples);
  shell->add_option("MACHINE", options.machine, "what boots, as for boot")
      ->option_text(fmt::format("[{}]", lnx::kDefaultMachine));
  machine.add_mode_options(*shell);
  machine.add_machine_options(*shell);
  add_choice<Colour>(*shell, "--color", options.colour,
                     {{"auto", Colour::automatic}, {"always", Colour::always}, {"never", Colour::never}}, "");
  return shell;
}

int start_shell(ShellOptions& options, BootArguments& machine) {
  if (const auto bad = machine.check()) return refuse(*bad);
  const BootOptions& booted = machine.options();
  options.describe = booted.describe;
  options.mode = booted.mode, options.early = booted.early, options.policy = booted.policy;
  return run_shell(options);
}

int run(int count, const char* const* words) {
  if (const auto later = later_word(count, words)) return refuse(*later);
  CLI::App app{
      "Boots a memory system on the description of a machine and tells where the RAM went, and why."};
  app.name("quarry");
  app.footer(kExamples);
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(0, 1);

  BootArguments arguments;
  auto* const boot =
      app.add_subcommand("boot", "boot the memory system on a machine; print every stage and the ledger");
  boot->footer(kExamples);
  arguments.add_to(*boot);
  ReplayOptions replay_options;
  const auto* const replay = add_replay(app, replay_options);
  CompareOptions compare_options;
  BootArguments compared_machine;
  const auto* const compare = add_compare(app, compare_options, compared_machine);

  ShellOptions shell_options;
  BootArguments shell_machine;
  const auto* const shell = add_shell(app, shell_options, shell_machine);

  if (const auto unknown = unknown_command(app, count, words)) return refuse(*unknown);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return refuse(fmt::format("{}; 'quarry --help' has examples", error.what()));
  }
  if (replay->parsed()) return run_replay(replay_options);
  if (compare->parsed()) {
    if (const auto bad = compared_machine.check()) return refuse(*bad);
    if (const auto bad = check_compare(compare_options)) return refuse(*bad);
    compare_options.describe = compared_machine.options().describe;
    return run_compare(compare_options);
  }
  if (shell->parsed()) return start_shell(shell_options, shell_machine);
  if (!boot->parsed()) {
    fmt::print("{}", app.help());
    return 0;
  }
  if (const auto bad = arguments.check()) return refuse(*bad);
  return run_boot(arguments.options());
}

}  // namespace
}  // namespace quarry::cli

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return quarry::cli::run(count, words);
  } catch (const std::exception& error) {
    // Out of memory, or a name that the file system refuses: one line, as for everything else.
    fmt::print(stderr, "quarry: {}\n", error.what());
    return static_cast<int>(quarry::lnx::ExitStatus::bad_arguments);
  }
}
