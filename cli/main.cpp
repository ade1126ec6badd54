#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <exception>

#include "cli/commands.hpp"
#include "cli/output.hpp"

namespace quarry::cli {
namespace {

constexpr const char* kVersion = "quarry 0.1.0";

// Commands of the tool's contract that this version has not got. They say so instead of guessing.
constexpr std::array kLaterCommands = {"solve", "lint", "report", "sysroot"};

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

int run(int count, const char* const* words) {
  if (const auto later = later_word(count, words)) return refuse(*later);
  CLI::App app{
      "Boots a memory system on the description of a machine and tells where the RAM went, and why."};
  app.name("quarry");
  app.footer(kExamples);
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(0, 1);

  const std::array commands = {add_boot(app),  add_replay(app),  add_compare(app), add_diff(app),
                               add_where(app), add_profile(app), add_shell(app)};

  if (const auto unknown = unknown_command(app, count, words)) return refuse(*unknown);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return refuse(fmt::format("{}; 'quarry --help' has examples", error.what()));
  }
  for (const auto& command : commands)
    if (command.words->parsed()) return command.run();
  fmt::print("{}", app.help());
  return 0;
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
