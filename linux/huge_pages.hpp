// linux/huge_pages.hpp: the pools of huge pages that a boot ends with.
#pragma once

#include <vector>

#include "linux/outcomes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// A pool for each size that the architecture has, and for each of its nodes with memory. Gigantic pages are those that
// were taken before the page allocator was there; of the others as many as were asked for, dealt out to the
// nodes in turn: the memory of a machine that asks for more than it has is not counted out here.
std::vector<HugepageOutcome> huge_pages_of(const boot::State& state);

// /sys/kernel/mm/hugepages and /sys/devices/system/node/node*/hugepages: "hugepages-2048kB/nr_hugepages: 64",
// "per-node.txt: node0/hugepages/hugepages-2048kB 64".
std::vector<HugepageOutcome> read_huge_pages(std::string_view text);

}  // namespace quarry::lnx
