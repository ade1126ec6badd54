// cli/shell_serve_body.hpp: the body of serve_shell_of(), for the two sources that instantiate it.
#pragma once

#include "cli/shell_serve.hpp"
#include "cli/shell_stage.hpp"

namespace quarry::cli {

template <class Policy>
PagesRun serve_shell_of(const ShellMachineParts& parts, PolicyChoice policy, shell::StepTeller& teller,
                        const Prompt& prompt) {
  PagesRun run;
  run.is_known = with_geometry(parts.early.machine().geometry, [&]<Geometry G>() {
    ShellStage<G, Policy> stage{parts.early, parts.ram, parts.metadata, parts.as_linux, policy, teller};
    run.done = stage.bring_up(run.reached);
    if (run.done) prompt(stage.machine());
  });
  return run;
}

}  // namespace quarry::cli
