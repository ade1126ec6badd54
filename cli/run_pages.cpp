#include "cli/run_pages.hpp"

#include "cli/run_pages_impl.hpp"

namespace quarry::cli {

PagesRun run_pages(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                   std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report,
                   PolicyChoice policy, AfterBoot after, PageWatcher* watcher) {
  PagesRun run;
  with_policy(policy, [&]<class Policy>() {
    run = run_pages_of<Policy>(early, ram, metadata, as_linux, log, report, after, watcher);
  });
  return run;
}

PagesRunner pages_runner(PolicyChoice policy, AfterBoot after) {
  return [policy, after](memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                         std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report) {
    return run_pages(early, ram, metadata, as_linux, log, report, policy, after);
  };
}

}  // namespace quarry::cli
