// cli/report_options.hpp: the options that say how a report looks and where it goes, the same for all commands.
#pragma once

#include "cli/choice.hpp"
#include "cli/options.hpp"

namespace quarry::cli {

inline void add_format(CLI::App& group, Format& format) {
  add_choice<Format>(group, "--format", format, {{"text", Format::text}, {"json", Format::json}}, "");
}
inline void add_colour(CLI::App& group, Colour& colour) {
  add_choice<Colour>(group, "--color", colour,
                     {{"auto", Colour::automatic}, {"always", Colour::always}, {"never", Colour::never}}, "");
}
inline void add_output_file(CLI::App& group, std::string& file) {
  group.add_option("-o,--output", file, "write to FILE, whole or not at all")->option_text("FILE");
}

// What -v and -q show; null: the command has no such option.
struct VerbosityTexts {
  const char* verbose = nullptr;
  const char* quiet = nullptr;
};

// All of them, for options with format, colour, output_file and verbosity.
template <class Options>
void add_report_options(CLI::App& group, Options& options, VerbosityTexts texts) {
  add_format(group, options.format);
  add_colour(group, options.colour);
  add_output_file(group, options.output_file);
  CLI::Option* verbose = nullptr;
  if (texts.verbose != nullptr)
    verbose = group.add_flag_callback(
        "-v,--verbose", [&options] { options.verbosity = Verbosity::verbose; }, texts.verbose);
  if (texts.quiet == nullptr) return;
  auto* const quiet = group.add_flag_callback(
      "-q,--quiet", [&options] { options.verbosity = Verbosity::quiet; }, texts.quiet);
  if (verbose != nullptr) quiet->excludes(verbose);
}

}  // namespace quarry::cli
