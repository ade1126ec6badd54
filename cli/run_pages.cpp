#include "cli/run_pages.hpp"

#include "cli/pages_stage.hpp"

namespace quarry::cli {

PagesRun run_pages(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                   std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report) {
  PagesRun run;
  run.is_known = with_geometry(early.machine().geometry, [&]<Geometry G>() {
    PagesStage<G> stage{early, ram, metadata, as_linux, log, report};
    run.done = stage.run();
    run.reached = stage.reached();
  });
  return run;
}

}  // namespace quarry::cli
