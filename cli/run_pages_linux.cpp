#include "cli/run_pages_body.hpp"

namespace quarry::cli {

template PagesRun run_pages_of<buddy::LinuxPolicy>(memory::EarlySystem&, hosted::PagedRam&,
                                                   page::MetadataSource, std::optional<AsLinux>,
                                                   const EventLog&, BootReport&, AfterBoot, PageWatcher*);

}  // namespace quarry::cli
