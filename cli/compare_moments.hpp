// cli/compare_moments.hpp: what a flow has made of firmware's map and memblock at the moments at which Linux prints it.
#pragma once

#include "linux/outcomes.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/early/regions.hpp"

namespace quarry::cli {

class Moments {
 public:
  Moments(const lnx::MachineDescription& machine, lnx::Outcomes& into) : machine_{machine}, out_{into} {}
  // Good while this object stays where it is.
  boot::StepObserver observer() noexcept { return {this, nullptr, &Moments::after}; }

 private:
  static void after(void* self, const boot::Step& step, const boot::State& state) noexcept;
  void take(std::string_view step, const boot::State& state);
  void take_first_map(const boot::State& state);
  void take_map(const char* who, const boot::State& state);
  void take_last_pfns(const boot::State& state);
  void take_configuration(const boot::State& state);

  const lnx::MachineDescription& machine_;
  lnx::Outcomes& out_;
};

// A table of memblock as Linux prints or shows it.
std::vector<lnx::LoggedRegion> regions_of(early::Regions table);

}  // namespace quarry::cli
