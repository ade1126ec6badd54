// kernel/x86_64/serial.hpp: the console's beginning; the rest of it is in kernel/arch.hpp.
#pragma once

namespace kernel::x86 {

void start_serial() noexcept;

}  // namespace kernel::x86
