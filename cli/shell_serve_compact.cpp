#include "cli/shell_serve_body.hpp"

namespace quarry::cli {

template PagesRun serve_shell_of<buddy::CompactPolicy>(const ShellMachineParts&, PolicyChoice,
                                                       shell::StepTeller&, const Prompt&);

}  // namespace quarry::cli
