// `quarry diff` on the command line: a part of commands.hpp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/boot_options.hpp"
#include "cli/commands.hpp"
#include "cli/diff_command.hpp"
#include "cli/report_options.hpp"

namespace quarry::cli {
namespace {

struct Diffed {
  DiffOptions options;
  BootArguments both, a, b;
};

// "--cpus 0: expected …" is what is said of --cpus-b as well: it gets its ending.
std::string with_ending(std::string text, std::string_view ending) {
  if (text.starts_with("--")) text.insert(std::min(text.find(' '), text.size()), ending);
  return text;
}

template <class T>
void prefer(const std::optional<T>& own, std::optional<T>& into) {
  if (own) into = own;
}

// What is said of both sides, and of this one, which counts more.
lnx::DescribeOptions put_together(const lnx::DescribeOptions& both, const lnx::DescribeOptions& own) {
  lnx::DescribeOptions all = both;
  prefer(own.arch, all.arch);
  all.memory.insert(all.memory.end(), own.memory.begin(), own.memory.end());
  prefer(own.command_line, all.command_line);
  prefer(own.kernel_at, all.kernel_at);
  prefer(own.tree_at, all.tree_at);
  prefer(own.initrd, all.initrd);
  prefer(own.srat_file, all.srat_file);
  prefer(own.slit_file, all.slit_file);
  prefer(own.tree_file, all.tree_file);
  prefer(own.cpus, all.cpus);
  if (own.kernel_file) all.kernel_file = own.kernel_file, all.config_file = own.config_file;
  return all;
}

// The side's options as they were typed, without their endings.
std::string typed(const CLI::App& words, std::string_view ending) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : " ") + more; };
  for (const CLI::Option* const option : words.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || !name.starts_with("--") || !name.ends_with(ending)) continue;
    for (const std::string& value : option->results())
      add(fmt::format("{} {}", name.substr(0, name.size() - ending.size()),
                      value.find(' ') == std::string::npos ? value : "'" + value + "'"));
  }
  // Groups of options are commands without a name.
  for (const CLI::App* const group : words.get_subcommands([](const CLI::App*) { return true; }))
    if (const std::string more = typed(*group, ending); !more.empty()) add(more);
  return text;
}

void finish(SideWords& side, const CLI::App& words, std::string_view ending, const BootArguments& both,
            const BootArguments& own) {
  const lnx::DescribeOptions &shared = both.options().describe, &alone = own.options().describe;
  side.describe = put_together(shared, alone);
  side.command_line = alone.command_line;
  side.options = typed(words, ending);
  const lnx::DescribeOptions& all = side.describe;
  side.is_changed = all.command_line || !all.memory.empty() || all.cpus || all.initrd || !side.append.empty();
}

int start_diff(Diffed& diffed, const CLI::App& words) {
  auto& [options, both, a, b] = diffed;
  if (const auto bad = both.check()) return refuse(*bad);
  if (const auto bad = a.check()) return refuse(with_ending(*bad, "-a"));
  if (const auto bad = b.check()) return refuse(with_ending(*bad, "-b"));
  finish(options.a, words, "-a", both, a);
  finish(options.b, words, "-b", both, b);
  if (options.b.word.empty() && options.a.options.empty() && options.b.options.empty())
    return refuse(
        "diff: B is missing: expected a second machine, or an option of one side, such as --append-b WORDS; "
        "'quarry diff --help' has examples");
  return run_diff(options);
}

}  // namespace

Command add_diff(CLI::App& tool) {
  const auto kept = std::make_shared<Diffed>();
  auto& options = kept->options;
  auto* const diff = tool.add_subcommand(
      "diff", "two machines, trees, kernels, command lines or logs: the change, attributed line by line");
  diff->footer(kDiffExamples);
  diff->add_option("A", options.a.word, "a machine, as for boot, or a kernel or a command line")->required();
  diff->add_option("B", options.b.word, "another; without it the same, with other options");
  kept->both.add_machine_options(*diff);
  kept->a.add_side_options(*diff, "a");
  kept->b.add_side_options(*diff, "b");
  auto& of_sides = *diff->add_option_group("One side");
  of_sides.add_option("--append-a", options.a.append, "words behind the command line of A")
      ->option_text("WORDS");
  of_sides.add_option("--append-b", options.b.append, "words behind the command line of B")
      ->option_text("WORDS");
  auto& group = *diff->add_option_group("Output");
  add_report_options(group, options,
                     {.verbose = "all of every list", .quiet = "the totals, and a line a cause"});
  return {diff, [kept, diff] { return start_diff(*kept, *diff); }};
}

}  // namespace quarry::cli
