// cli/text_report.hpp: a report for people.
#pragma once

#include <string>

#include "cli/boot_report.hpp"
#include "cli/options.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// Colour and width from the options, the environment and where the text goes.
TextStyle text_style(const BootOptions& options);
// Of a command with fewer options: colour, output_file and verbosity.
template <class Options>
TextStyle text_style(const Options& options) {
  BootOptions same;
  same.colour = options.colour;
  same.output_file = options.output_file;
  same.verbosity = options.verbosity;
  return text_style(same);
}

// The picture of the physical map, then stage by stage what the structures say, then the ledger.
std::string to_text(const BootReport& report, const TextStyle& style);

}  // namespace quarry::cli
