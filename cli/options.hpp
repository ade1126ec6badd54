// cli/options.hpp: what the command line says, checked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/boot_machine.hpp"
#include "linux/describe.hpp"

namespace quarry::cli {

enum class Format { text, json };
enum class Colour { automatic, always, never };
enum class ShownStage { all, firmware, early, zones, buddy, slab };
enum class Verbosity { quiet, normal, verbose };

struct BootOptions {
  std::string machine{lnx::kDefaultMachine};
  lnx::DescribeOptions describe;
  Mode mode = Mode::linux_mode;
  boot::EarlyChoice early = boot::EarlyChoice::memblock;
  PolicyChoice policy = PolicyChoice::linux_policy;
  Format format = Format::text;
  Colour colour = Colour::automatic;
  ShownStage stage = ShownStage::all;
  Verbosity verbosity = Verbosity::normal;
  std::string observe_file;  // empty: nobody observes
  std::string output_file;   // empty: standard output
  bool list_builtins = false;
  bool show_flow = false;
};

}  // namespace quarry::cli
