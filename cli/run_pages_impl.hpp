// cli/run_pages_impl.hpp: run_pages() with a policy that is a type. Each policy has a source of its own, as each takes as long
// to compile as half of the tool.
#pragma once

#include "cli/run_pages.hpp"

namespace quarry::cli {

// As run_pages().
template <class Policy>
PagesRun run_pages_of(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                      std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report,
                      AfterBoot after, PageWatcher* watcher);

extern template PagesRun run_pages_of<buddy::LinuxPolicy>(memory::EarlySystem&, hosted::PagedRam&,
                                                          page::MetadataSource, std::optional<AsLinux>,
                                                          const EventLog&, BootReport&, AfterBoot,
                                                          PageWatcher*);
extern template PagesRun run_pages_of<buddy::CompactPolicy>(memory::EarlySystem&, hosted::PagedRam&,
                                                            page::MetadataSource, std::optional<AsLinux>,
                                                            const EventLog&, BootReport&, AfterBoot,
                                                            PageWatcher*);

}  // namespace quarry::cli
