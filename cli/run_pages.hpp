// cli/run_pages.hpp: the stages behind the boot flow, on a machine of any page size, into the report.
#pragma once

#include <functional>
#include <optional>

#include "cli/boot_report.hpp"
#include "cli/event_log.hpp"
#include "cli/page_look.hpp"
#include "cli/policy.hpp"
#include "host/paged_host.hpp"
#include "linux/description.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/bring_up.hpp"

namespace quarry::cli {

// The kernel whose sizes and moments count when a machine is shown as Linux has it.
struct AsLinux {
  const lnx::MachineDescription& machine;
  const lnx::LinuxAllocations& allocations;
};

struct PagesRun {
  bool is_known = false;  // a page allocator is built for the machine's pages
  memory::Stage reached = memory::Stage::early;
  Result<Done> done = Error::bad_geometry;
};

// What happens to a machine that is up, before it is read.
enum class AfterBoot : std::uint8_t {
  exercise,  // its allocators are put to use, and every page is looked at
  read,      // nothing
};

// Brings `early` up to kmalloc, exercises what is then there if asked to, and reads it into `report`. Without `as_linux`
// the sizes and moments are the library's own. `watcher` may be null.
PagesRun run_pages(memory::EarlySystem& early, hosted::PagedRam& ram, page::MetadataSource metadata,
                   std::optional<AsLinux> as_linux, const EventLog& log, BootReport& report,
                   PolicyChoice policy = PolicyChoice::linux_policy, AfterBoot after = AfterBoot::exercise,
                   PageWatcher* watcher = nullptr);

// Who runs these stages: run_pages(), or somebody who does more with the machine while it is there.
using PagesRunner = std::function<PagesRun(memory::EarlySystem&, hosted::PagedRam&, page::MetadataSource,
                                           std::optional<AsLinux>, const EventLog&, BootReport&)>;
PagesRunner pages_runner(PolicyChoice policy = PolicyChoice::linux_policy,
                         AfterBoot after = AfterBoot::exercise);

}  // namespace quarry::cli
