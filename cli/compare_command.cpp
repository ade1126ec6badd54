#include "cli/compare_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <iostream>

#include "cli/compare_boot.hpp"
#include "cli/compare_text.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"
#include "cli/text_report.hpp"
#include "linux/file_bytes.hpp"
#include "linux/log_board.hpp"

namespace quarry::cli {
namespace {

namespace fs = std::filesystem;
using lnx::ExitStatus;
using lnx::Expected;
using lnx::Problem;

// A log and, where it stands in a case directory, what else the kernel showed.
struct Log {
  std::string name;
  std::string release;
  std::vector<std::byte> standard_input;  // of "-", for whoever needs it again
  lnx::Outcomes outcomes;
};

Expected<Log> read_case_directory(const fs::path& directory, const std::string& name) {
  if (!lnx::is_corpus_case(directory))
    return Problem{
        ExitStatus::bad_arguments,
        fmt::format("{}: a directory without a case.json: expected a boot log or a case directory", name)};
  Log log{.name = name, .release = {}, .standard_input = {}, .outcomes = {}};
  const lnx::FileSource files = [&](std::string_view file) { return lnx::read_file(directory / file); };
  log.outcomes = lnx::read_outcomes(files);
  if (const auto text = files("dmesg.txt"))
    if (const auto inputs = lnx::read_log_inputs(*text)) log.release = inputs->release;
  return log;
}

Expected<Log> read_log(const std::string& name) {
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) return read_case_directory(name, name);
  auto bytes = name == "-" ? lnx::read_all(std::cin) : lnx::read_file(name);
  if (!bytes)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("{}: cannot be read: expected a boot log or a case directory", name)};
  if (!lnx::looks_like_boot_log(*bytes))
    return Problem{ExitStatus::malformed_input, fmt::format("{}: expected a kernel's boot log", name)};
  Log log{.name = name, .release = {}, .standard_input = {}, .outcomes = {}};
  const auto inputs = lnx::read_log_inputs(*bytes);
  if (!inputs)
    return Problem{inputs.problem().exit_status, fmt::format("{}: {}", name, inputs.problem().text)};
  log.release = inputs->release;
  log.outcomes.log = lnx::read_log_outcomes(*bytes);
  if (name == "-") log.standard_input = *std::move(bytes);
  return log;
}

// The machine; one that comes by standard input, as the log does, is not read twice.
Expected<lnx::MachineDescription> read_machine(const CompareOptions& options, const Log& log) {
  if (options.machine == "-" && log.name == "-")
    return lnx::describe_bytes(log.standard_input, "standard input", options.describe);
  return lnx::describe(options.machine, options.describe);
}

// What `boot` says of a machine that cannot boot.
Problem why_it_cannot_boot(const lnx::MachineDescription& machine, const std::string& failure) {
  EventLog events;
  const auto report = boot_machine(machine, Mode::linux_mode, events);
  if (!report) return report.problem();
  return {ExitStatus::cannot_boot, fmt::format("this machine cannot boot: {}", failure)};
}

}  // namespace

const char* const kCompareExamples = R"(Examples:
  quarry compare dmesg.txt                     boot what the log tells of; does Linux's boot agree?
  quarry compare dmesg.txt -v                  every quantity, also those that agree or that the log does not show
  quarry compare board.dtb dmesg.txt           a tree against the log of the board's boot
  quarry compare --dtb board.dtb dmesg.txt     the same, with the log's command line and firmware's map
  quarry compare dmesg.txt --kind zones        one kind of quantities
  dmesg | quarry compare -                     this machine's own log
  quarry compare dmesg.txt --format json       for scripts

A quantity that the log does not show is unknown, not agreed.
Exit status: 0 nothing that is known differs, 1 something does, 2 unusable arguments, 3 malformed input,
4 the machine cannot boot, though the log's kernel did.)";

std::optional<std::string> check_compare(const CompareOptions& options) {
  if (options.machine.empty()) return "compare: a boot log is missing; 'quarry compare --help' has examples";
  if (options.kind.empty() || lnx::is_quantity_kind(options.kind)) return std::nullopt;
  return fmt::format("--kind {}: expected one of {}", options.kind, fmt::join(lnx::kQuantityKinds, ", "));
}

int run_compare(const CompareOptions& options) {
  auto log = read_log(options.log.empty() ? options.machine : options.log);
  if (!log) return complain(log.problem());
  const auto machine = read_machine(options, *log);
  if (!machine) return complain(machine.problem());
  ComparedBoot boot = boot_to_compare(*machine);
  if (!boot.failure.empty() && !log->outcomes.log.panicked)
    return complain(why_it_cannot_boot(*machine, boot.failure));

  const bool is_known = log->release.empty() || log->release == machine->kernel.release;
  // What a kernel listed and we took for its tree agrees with nothing.
  if (machine->is_tree_from_log) {
    lnx::forget_inputs(log->outcomes.log);
    boot.shown.log.reserved_memory_lines.clear();
  }
  auto comparison = lnx::compare(boot.shown, log->outcomes,
                                 {.is_known_kernel = is_known,
                                  .failure = boot.failure,
                                  .bug = boot.bug,
                                  .release = log->release,
                                  .is_tree_known = !machine->is_tree_from_log});
  if (!options.kind.empty()) comparison.keep_only(options.kind);
  const Compared what{.machine = options.machine,
                      .log = log->name,
                      .release = log->release,
                      .arch = to_string(boot::name_of(machine->kernel.arch)),
                      .notes = machine->notes};
  const std::string text = options.format == Format::json
                               ? comparison_json(comparison, what)
                               : comparison_text(comparison, what, text_style(options));
  if (const auto problem = write_output(options.output_file, text)) return complain(*problem);
  return comparison.total().differ == 0 ? 0 : 1;
}

}  // namespace quarry::cli
