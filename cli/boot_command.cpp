#include "cli/boot_command.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/text_report.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::cli {
namespace {

int list_builtins(const BootOptions& options) {
  std::string text;
  for (const auto& builtin : lnx::builtins()) text += fmt::format("{:16} {}\n", builtin.name, builtin.about);
  text += fmt::format("{:16} {}\n", "'qemu:OPTIONS'",
                      "what QEMU makes of pc, q35, microvm or virt, such as 'qemu:-M q35 -m 64G'");
  const auto problem = write_output(options.output_file, text);
  return problem ? complain(*problem) : 0;
}

// The steps of a machine's flow, which are known without booting it.
int list_steps(boot::Arch arch, const BootOptions& options) {
  const auto steps = boot::steps_of(arch, options.early);
  std::size_t width = 0;
  for (const auto& step : steps) width = std::max(width, std::string_view{step.name}.size());
  std::string text;
  for (std::size_t i = 0; i < steps.size(); ++i)
    text += fmt::format("{:3}  {:{}}  {}\n", i + 1, steps[i].name, width, steps[i].about);
  const auto problem = write_output(options.output_file, text);
  return problem ? complain(*problem) : 0;
}

}  // namespace

int run_boot(const BootOptions& options) {
  if (options.list_builtins) return list_builtins(options);
  const auto machine = lnx::describe(options.machine, options.describe);
  if (!machine) return complain(machine.problem());

  if (options.show_flow) return list_steps(machine->kernel.arch, options);
  EventLog log;
  const auto report = boot_machine(*machine, options.mode, log, options.early, pages_runner(options.policy));
  // What was decided until a boot failed is just what one wants to see.
  if (!options.observe_file.empty()) {
    if (const auto problem = write_output(options.observe_file, log.json_lines())) return complain(*problem);
  }
  if (!report) return complain(report.problem());

  const std::string text =
      options.format == Format::json ? to_json(*report) : to_text(*report, text_style(options));
  if (const auto problem = write_output(options.output_file, text)) return complain(*problem);
  const bool fit = std::all_of(report->exercises.begin(), report->exercises.end(),
                               [](const ExerciseEntry& done) { return done.outcome == "ok"; });
  return fit ? 0 : 1;
}

}  // namespace quarry::cli
