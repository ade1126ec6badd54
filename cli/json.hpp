// cli/json.hpp: a report as the schema quarry.boot/1.
#pragma once

#include <string>

#include "cli/boot_report.hpp"

namespace quarry::cli {

// Sizes and addresses are integers below 2^53; `end` is inclusive, as Linux prints it. Keys keep their order.
std::string to_json(const BootReport& report);

}  // namespace quarry::cli
