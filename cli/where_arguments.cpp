#include <CLI/CLI.hpp>
#include <memory>

#include "cli/boot_options.hpp"
#include "cli/choice.hpp"
#include "cli/commands.hpp"
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
  add_choice<Format>(group, "--format", asked.format, {{"text", Format::text}, {"json", Format::json}}, "");
  add_choice<Colour>(group, "--color", asked.colour,
                     {{"auto", Colour::automatic}, {"always", Colour::always}, {"never", Colour::never}}, "");
  group.add_option("-o,--output", asked.output_file, "write to FILE, whole or not at all")
      ->option_text("FILE");
  group.add_flag_callback(
      "-q,--quiet", [&asked] { asked.verbosity = Verbosity::quiet; },
      "what each stage says, without reasons");
  return {where, [kept] { return answer(*kept); }};
}

}  // namespace quarry::cli
