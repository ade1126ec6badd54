// kernel/aarch64/gic.hpp: the interrupt controller, as far as cores interrupt each other.
#pragma once

#include "cpu.hpp"

namespace kernel::aarch64 {

// Software-generated interrupts that this kernel sends.
enum class Interrupt : std::uint8_t { ask = 0, stop = 1, none = 255 };

// One of the two kinds. Law: the functions are called after start_gic() and, on other cores, after join_gic().
struct Gic {
  enum class Version : std::uint8_t { none, v2, v3 };
  Version version = Version::none;
  Registers distributor;
  Registers cpu_interface;  // v2
  // v3: runs of redistributors, one a core, each of one or more frames of 64 KiB.
  static constexpr unsigned kMostRuns = 8;
  Registers redistributors[kMostRuns];
  std::uint64_t run_bytes[kMostRuns] = {};
};

// On the boot core, once; then on each core for itself.
void start_gic(const Gic& gic) noexcept;
void join_gic() noexcept;
// What interrupted this core; it is told that this is over.
Interrupt take_interrupt() noexcept;
// To the core that joined as `core` and is called `affinity`.
void send(Interrupt interrupt, unsigned core, std::uint64_t affinity) noexcept;
void send_to_others(Interrupt interrupt) noexcept;

}  // namespace kernel::aarch64
