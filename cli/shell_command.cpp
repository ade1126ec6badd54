#include "cli/shell_command.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "cli/boot_machine.hpp"
#include "cli/output.hpp"
#include "cli/shell_addresses.hpp"
#include "cli/shell_console.hpp"
#include "cli/shell_serve.hpp"
#include "cli/sizes.hpp"
#include "cli/text.hpp"
#include "shell/shell.hpp"

namespace quarry::cli {
namespace {

TextStyle shell_style(Colour colour) {
  TextStyle style;
  const char* const no_colour = std::getenv("NO_COLOR");
  const bool wanted = stdout_is_terminal() && (no_colour == nullptr || *no_colour == '\0');
  style.colour = colour == Colour::always || (colour == Colour::automatic && wanted);
  style.width = terminal_width();
  style.unicode = locale_is_utf8();
  return style;
}

// What the shell notes is not the simulated machine's matter.
shell::Memory heap() {
  return {nullptr,
          [](void*, std::size_t bytes) noexcept { return static_cast<std::byte*>(std::malloc(bytes)); },
          [](void*, std::byte* memory, std::size_t) noexcept { std::free(memory); }};
}

// The stages, and behind them the prompt.
class Session {
 public:
  explicit Session(const ShellOptions& options) : options_{options}, console_{shell_style(options.colour)} {}

  PagesRun serve(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                 std::optional<AsLinux> as_linux, const BootReport& report) {
    PagesRun run;
    const lnx::KernelProfile* const kernel = as_linux ? &as_linux->machine.kernel : nullptr;
    with_policy(options_.policy, [&]<class Policy>() {
      run = serve_shell_of<Policy>({early, ram, metadata, as_linux}, options_.policy, teller_,
                                   [&](shell::Machine& machine) { prompt(machine, ram, kernel, report); });
    });
    return run;
  }
  bool has_findings() const { return has_findings_; }
  bool has_bad_lines() const { return has_bad_lines_ && !console_.is_terminal(); }

 private:
  void prompt(shell::Machine& machine, hosted::PagedRam& ram, const lnx::KernelProfile* kernel,
              const BootReport& report) {
    if (console_.is_terminal()) greet(machine, report);
    const auto addresses = simulated_addresses(machine, ram, kernel);
    shell::Shell shell{machine, console_, teller_, heap(), addresses.get()};
    shell.run();
    has_findings_ = shell.has_findings();
    has_bad_lines_ = shell.has_bad_lines();
  }
  void greet(const shell::Machine& machine, const BootReport& report) {
    std::uint64_t managed = 0;
    for (const zones::Zone& zone : machine.early().layout().zones) managed += zone.managed.raw;
    const std::uint64_t bytes = machine.geometry().page_size().bytes_in(PageCount{managed}).raw;
    const char* const dot = console_.style().unicode ? " · " : " | ";
    const std::string line = fmt::format(
        "{}{}{}{}{} managed{}{} CPU{}{}policy {}", report.source, dot, report.arch, dot, human_size(bytes),
        dot, machine.core_count(), machine.core_count() == 1 ? "" : "s", dot, to_string(machine.policy()));
    console_.write(view_of(console_.text_style().in(Ink::heading, line) + "\n"));
  }

  const ShellOptions& options_;
  ShellConsole console_;
  shell::StepTeller teller_;
  bool has_findings_ = false, has_bad_lines_ = false;
};

}  // namespace

int run_shell(const ShellOptions& options) {
  if (options.machine == "-")
    return complain({lnx::ExitStatus::bad_arguments,
                     "shell -: standard input has the commands; expected a machine by name or file"});
  const auto machine = lnx::describe(options.machine, options.describe);
  if (!machine) return complain(machine.problem());
  Session session{options};
  EventLog log;
  const auto report =
      boot_machine(*machine, options.mode, log, options.early,
                   [&](memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                       std::optional<AsLinux> as_linux, const EventLog&,
                       BootReport& known) { return session.serve(early, ram, metadata, as_linux, known); });
  if (!report) return complain(report.problem());
  if (session.has_findings()) return 1;
  return session.has_bad_lines() ? static_cast<int>(lnx::ExitStatus::bad_arguments) : 0;
}

}  // namespace quarry::cli
