// cli/flow_watch.hpp: tells the log of events which step is running, and what the kernel's map loses in it.
#pragma once

#include <vector>

#include "cli/event_log.hpp"

namespace quarry::cli {

class FlowWatch {
 public:
  // `ram` is what firmware says. The log outlives this.
  FlowWatch(std::vector<PhysRange> ram, EventLog& log);
  FlowWatch(const FlowWatch&) = delete;
  FlowWatch& operator=(const FlowWatch&) = delete;
  // Good while this object stays where it is.
  boot::StepObserver observer() noexcept;

 private:
  void look_at(const boot::State& state);

  std::vector<PhysRange> ram_;  // what is left of it; sorted, disjoint
  EventLog& log_;
};

}  // namespace quarry::cli
