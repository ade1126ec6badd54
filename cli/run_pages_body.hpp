// cli/run_pages_body.hpp: the body of run_pages_of(), for the two sources that instantiate it.
#pragma once

#include "cli/pages_stage.hpp"
#include "cli/run_pages_impl.hpp"

namespace quarry::cli {

template <class Policy>
PagesRun run_pages_of(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                      std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report,
                      AfterBoot after, PageWatcher* watcher) {
  PagesRun run;
  run.is_known = with_geometry(early.machine().geometry, [&]<Geometry G>() {
    PagesStage<G, Policy> stage{early, ram, metadata, as_linux, log, report, after, watcher};
    run.done = stage.run();
    run.reached = stage.reached();
  });
  return run;
}

}  // namespace quarry::cli
