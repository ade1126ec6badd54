#include "cli/shell_serve_body.hpp"

namespace quarry::cli {

template PagesRun serve_shell_of<buddy::LinuxPolicy>(const ShellMachineParts&, PolicyChoice,
                                                     shell::StepTeller&, const Prompt&);

}  // namespace quarry::cli
