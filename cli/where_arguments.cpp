#include <CLI/CLI.hpp>
#include <memory>

#include "cli/boot_options.hpp"
#include "cli/commands.hpp"
#include "cli/report_options.hpp"
#include "cli/where_command.hpp"

namespace quarry::cli {
namespace {

struct Asked {
  BootArguments machine;
  std::string name, address;
  bool is_virtual = false;
  Format format = Format::text;
  Colour colour = Colour::automatic;
  Verbosity verbosity = Verbosity::normal;
  std::string output_file;
};

int answer(Asked& asked) {
  if (const auto bad = asked.machine.check()) return refuse(*bad);
  const auto question = read_question(asked.address, asked.is_virtual);
  if (!question) return refuse(question.problem().text);
  WhereOptions options{asked.machine.options(), *question};
  options.boot.machine = asked.name;
  options.boot.format = asked.format, options.boot.colour = asked.colour;
  options.boot.verbosity = asked.verbosity, options.boot.output_file = asked.output_file;
  return run_where(options);
}

}  // namespace

Command add_where(CLI::App& tool) {
  const auto kept = std::make_shared<Asked>();
  auto& asked = *kept;
  auto* const where = tool.add_subcommand(
      "where", "the life of one address: firmware, early, node, zone, owner, and what decided it");
  where->footer(kWhereExamples);
  where->add_option("MACHINE", asked.name, "what boots, as for boot")->required();
  where
      ->add_option("ADDRESS", asked.address,
                   "physical: 0x7123456, 7123456 (hexadecimal), 112M, or pfn:0x7123 for a page")
      ->required();
  where->add_flag("--virt", asked.is_virtual, "ADDRESS is a virtual one, of a kernel that was not moved");
  asked.machine.add_mode_options(*where);
  asked.machine.add_machine_options(*where);
  auto& group = *where->add_option_group("Output");
  add_report_options(group, asked, {.quiet = "what each stage says, without reasons"});
  return {where, [kept] { return answer(*kept); }};
}

}  // namespace quarry::cli
