// linux/mem_total.hpp: between which bounds MemTotal is when of the kernel only the version is known, and why.
//
//      low                    the stand-in's boot                 high
//       |------------------------------|----------------------------|
//       | a larger image, more per-CPU areas, KASAN, …  | a smaller image, bounce buffers given back, … |
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linux/description.hpp"
#include "linux/known_kernels.hpp"

namespace quarry::lnx {

// How far from the stand-in's MemTotal it may be for one reason. Units     KiB.
struct MemTotalReason {
  std::string what;
  std::string source;
  std::int64_t low = 0, high = 0;
  std::uint64_t width() const noexcept { return static_cast<std::uint64_t>(high - low); }
};

struct MemTotalRange {
  std::uint64_t low = 0, high = 0;      // Units     KiB
  std::vector<MemTotalReason> reasons;  // the widest first
};

// The boot of the machine with the kernel that stands in. Units     KiB.
struct StandInBoot {
  std::uint64_t ram = 0, mem_total = 0;
  std::size_t nodes = 1;
  std::uint64_t bounce_buffers = 0;  // with their tables
  std::uint64_t late_hashes = 0;     // of the directory and inode caches
  std::uint64_t percpu_areas = 0;
  std::uint64_t past_4g = 0;  // of its RAM
};

// None: the machine's own kernel was booted, or nothing is known of its architecture.
std::optional<MemTotalRange> mem_total_range(const MachineDescription& machine, const StandInBoot& boot,
                                             std::span<const KnownKernel> known = known_kernels());

}  // namespace quarry::lnx
