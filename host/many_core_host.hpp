// host/many_core_host.hpp: the platform of a simulated machine with several cores, one of which runs at a time.
#pragma once

#include "host/paged_host.hpp"

namespace quarry::hosted {

// Which core runs is whoever drives the machine's choice.
struct SimulatedCores {
  unsigned count = 1;
  unsigned running = 0;  // law: below count
};

// A handle that may be copied, good while RAM and cores live.
class ManyCoreHost : public PagedHost {
 public:
  static constexpr auto kFeatures = port::Feature::many_cores;
  ManyCoreHost(PagedRam& ram, const SimulatedCores& cores) noexcept : PagedHost{ram}, cores_{&cores} {}
  unsigned core_count() const noexcept { return cores_->count; }
  unsigned this_core() const noexcept { return cores_->running; }
  class Guard {
   public:
    explicit Guard(const ManyCoreHost& host) noexcept : core_{host.this_core()} {}
    unsigned core() const noexcept { return core_; }

   private:
    unsigned core_;
  };
  using Lock = NoLock;  // one thread drives all cores
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    function(self, core);
  }

 private:
  const SimulatedCores* cores_;
};
static_assert(port::Platform<ManyCoreHost> && port::InverseMap<ManyCoreHost> && port::Cores<ManyCoreHost>);

}  // namespace quarry::hosted
