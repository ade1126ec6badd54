// quarry/buddy/policies.hpp: how a zone keeps its free pages, and a core what it has at hand, chosen at compile time.
#pragma once

#include "quarry/buddy/compact_zone.hpp"
#include "quarry/buddy/cpu_arrays.hpp"
#include "quarry/buddy/cpu_lists.hpp"
#include "quarry/buddy/linux_zone.hpp"

namespace quarry::buddy {

// Linux 6.1's choices, block by block: a list for each order and type. Extra: an embedder's own fields beside every
// descriptor (page/extra.hpp).
template <class Extra>
struct LinuxPolicyWith {
  template <Geometry G>
  using Zone = LinuxZone<G, Extra>;
  template <Geometry G>
  using Lists = CpuLists<G, page::MemoryMap<G, Extra>>;
};
using LinuxPolicy = LinuxPolicyWith<page::NoExtra>;

// Bitmaps by pageblock, lowest addresses first: whole pageblocks stay whole under churn, and no descriptor of a free page
// is touched.
template <class Extra>
struct CompactPolicyWith {
  template <Geometry G>
  using Zone = CompactZone<G, Extra>;
  template <Geometry G>
  using Lists = CpuArrays<G, page::MemoryMap<G, Extra>>;
};
using CompactPolicy = CompactPolicyWith<page::NoExtra>;

}  // namespace quarry::buddy
