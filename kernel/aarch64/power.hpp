// kernel/aarch64/power.hpp: firmware's calls, PSCI, and the emulator's, semihosting.
#pragma once

#include <cstdint>

namespace kernel::aarch64 {

// How firmware is called: what the tree says.
enum class Conduit : std::uint8_t { none, hvc, smc };
void set_conduit(Conduit conduit) noexcept;

// Source    Arm Power State Coordination Interface (DEN 0022D), 5.1.4 "CPU_ON".
// Returns   0 when the core will enter at `entry` with `context` in x0; a negative number when not.
std::int64_t core_on(std::uint64_t affinity, std::uint64_t entry, std::uint64_t context) noexcept;

// Whether the instruction at `at` is our call of the emulator, and nobody answered: then it is passed over.
bool is_refused_semihosting(std::uint64_t at) noexcept;

}  // namespace kernel::aarch64
