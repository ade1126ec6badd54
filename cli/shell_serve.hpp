// cli/shell_serve.hpp: a machine brought up for the shell, with a policy that is a type. Each policy has a source of its own.
#pragma once

#include <functional>

#include "cli/run_pages.hpp"
#include "shell/machine.hpp"
#include "shell/steps.hpp"

namespace quarry::cli {

// What the machine is made of; all of it outlives the prompt.
struct ShellMachineParts {
  memory::EarlySystem& early;
  hosted::PagedRam& ram;
  page::MetadataSource metadata;
  std::optional<AsLinux> as_linux;
};
// Called once the machine is up.
using Prompt = std::function<void(shell::Machine&)>;

template <class Policy>
PagesRun serve_shell_of(const ShellMachineParts& parts, PolicyChoice policy, shell::StepTeller& teller,
                        const Prompt& prompt);

extern template PagesRun serve_shell_of<buddy::LinuxPolicy>(const ShellMachineParts&, PolicyChoice,
                                                            shell::StepTeller&, const Prompt&);
extern template PagesRun serve_shell_of<buddy::CompactPolicy>(const ShellMachineParts&, PolicyChoice,
                                                              shell::StepTeller&, const Prompt&);

}  // namespace quarry::cli
