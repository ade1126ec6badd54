// quarry/boot/crashkernel.hpp: how much memory is set aside for a crash kernel: the forms of crashkernel=.
//
//   crashkernel=128M            anywhere            crashkernel=1G,high      above 4G if need be
//   crashkernel=128M@16M        there or nowhere    crashkernel=256M,low     and so much below
//   crashkernel=1G-4G:128M,4G-:256M[@offset]        by the size of RAM
//
// Source    Linux 6.1, Documentation/admin-guide/kdump/kdump.rst; kernel/crash_core.c (behaviour).
#pragma once

#include "quarry/base/result.hpp"
#include "quarry/base/units.hpp"
#include "quarry/boot/command_line.hpp"

namespace quarry::boot {

struct CrashkernelRequest {
  Bytes size{0};
  PhysAddr at{0};  // 0: anywhere
};

enum class CrashkernelForm : std::uint8_t { plain, high, low };

// The last occurrence of that form. `ram` decides between ranges; it counts rounded up to 128 MiB.
//
// Returns   a size of 0 when no range holds `ram`, or 0 was asked for.
// Errors    not_found: the command line has none; bad_argument: it makes no sense; overflow.
Result<CrashkernelRequest> parse_crashkernel(const CommandLine& line, CrashkernelForm form,
                                             Bytes ram) noexcept;

}  // namespace quarry::boot
