// kernel/aarch64/serial.hpp: the console, a PL011.
#pragma once

#include "cpu.hpp"

namespace kernel::aarch64 {

// From here on arch::write() is seen. Without one nothing is.
void start_serial(Registers pl011) noexcept;

}  // namespace kernel::aarch64
