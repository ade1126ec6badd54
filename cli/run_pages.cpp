#include "cli/run_pages.hpp"

#include "cli/pages_stage.hpp"

namespace quarry::cli {

PagesRun run_pages(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                   std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report,
                   PolicyChoice policy) {
  PagesRun run;
  with_policy(policy, [&]<class Policy>() {
    run.is_known = with_geometry(early.machine().geometry, [&]<Geometry G>() {
      PagesStage<G, Policy> stage{early, ram, metadata, as_linux, log, report};
      run.done = stage.run();
      run.reached = stage.reached();
    });
  });
  return run;
}

PagesRunner pages_runner(PolicyChoice policy) {
  return [policy](memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                  std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report) {
    return run_pages(early, ram, metadata, as_linux, log, report, policy);
  };
}

}  // namespace quarry::cli
