// linux/replay_words.hpp: what a replay says about operations and differences.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux/replay.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {

const char* words_of(MemblockLog::Machine machine) noexcept;
// The row an event is counted in: a function, or a kind of line.
std::string kind_of(const MemblockEvent& event);
// The operation in one line.
std::string describe(const MemblockEvent& event);
// "only the kernel has [...]; only we have [...]", the first few of each.
std::string words_of_ranges(const std::vector<PhysRange>& kernels, const std::vector<PhysRange>& ours);
// What may be behind different answers, from what is at the kernel's address here.
std::string likely_reason(const early::Memblock& memblock, const LoggedAllocation& call,
                          std::optional<PhysAddr> kernel, std::optional<PhysAddr> ours);

// Any node when none was said.
NodeId node_of(std::optional<unsigned> node) noexcept;

}  // namespace quarry::lnx
