// cli/text_report.hpp: a report for people.
#pragma once

#include <string>

#include "cli/boot_report.hpp"
#include "cli/options.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// Colour and width from the options, the environment and where the text goes.
TextStyle text_style(const BootOptions& options);

// The picture of the physical map, then stage by stage what the structures say, then the ledger.
std::string to_text(const BootReport& report, const TextStyle& style);

}  // namespace quarry::cli
