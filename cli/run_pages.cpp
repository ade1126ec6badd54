#include "cli/run_pages.hpp"

#include "cli/run_pages_impl.hpp"

namespace quarry::cli {

PagesRun run_pages(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                   std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report,
                   PolicyChoice policy, PageWatcher* watcher) {
  PagesRun run;
  with_policy(policy, [&]<class Policy>() {
    run = run_pages_of<Policy>(early, ram, metadata, as_linux, log, report, watcher);
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
