// cli/compare_readings.hpp: a machine that is up, read into the form in which a kernel's own boot is read.
#pragma once

#include <set>

#include "cli/boot_report.hpp"
#include "cli/event_log.hpp"
#include "linux/description.hpp"
#include "linux/outcomes.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::cli {

class Readings {
 public:
  // All that is given outlives this. `into` has what moments of the flow have put there.
  Readings(const lnx::MachineDescription& machine, const memory::EarlySystem& early, const EventLog& log,
           lnx::Outcomes& into)
      : machine_{machine}, early_{early}, log_{log}, out_{into}, page_{machine.kernel.geometry.page_size()} {}

  // What is there even if the boot has stopped: nodes as they were registered, and allocations.
  void read_early();
  // The others; `report` is of the same machine. `dma_reserve`: pages below 16M that do not count as memory.
  void read_late(const BootReport& report, PageCount dma_reserve);

 private:
  bool has_numa() const { return machine_.kernel.limits.has_numa; }
  void read_registration();
  void read_allocations();
  void read_percpu();
  void read_texts(const BootReport& report, PageCount dma_reserve);
  void read_late_memblock();
  void read_nodes();
  void read_areas(const BootReport& report);
  void read_blocks();
  bool first_node_has_hole(PhysRange block) const;
  unsigned first_online_node() const;
  lnx::BlockOutcome block_at(std::uint64_t index, unsigned shift) const;
  void read_totals(const BootReport& report);

  const lnx::MachineDescription& machine_;
  const memory::EarlySystem& early_;
  const EventLog& log_;
  lnx::Outcomes& out_;
  PageSize page_;
};

}  // namespace quarry::cli
