// quarry/view/vmallocinfo.hpp: areas of kernel addresses in the text of /proc/vmallocinfo.
#pragma once

#include <span>

#include "quarry/base/text.hpp"
#include "quarry/vm/address_arena.hpp"

namespace quarry::view {

// One area's line, its guard included, as in Linux. `on_nodes`: how many of its frames each node has, by the node's id.
// `digits` of an address: 16, or 8 where pointers have 32 bits.
//
//   0xffffc90000000000-0xffffc90000005000   20480 caller+0x114/0x1b0 pages=4 vmalloc N0=4
//
// An area that was given back and not purged yet has no more to say than its addresses.
//
// Source    Linux 6.1, mm/vmalloc.c, "s_show", "show_numa_info", "show_purge_info" (format; addresses as root reads
//           them). Linux says "vpages" where the list of an area's pages is an area itself: here none is.
void print_vmallocinfo_line(TextSink& out, const vm::AreaInfo& area, std::span<const PageCount> on_nodes,
                            unsigned digits) noexcept;

// The whole file: areas by address, then those that are not purged. Memory: a vm::Vmalloc; `on_nodes` is room for
// as many nodes as there may be.
template <class Memory>
void print_vmallocinfo(TextSink& out, Memory& memory, std::span<PageCount> on_nodes,
                       unsigned digits) noexcept {
  for (const bool is_purge_list : {false, true}) {
    vm::VirtAddr from{};
    while (const auto area = memory.next(from, on_nodes)) {
      from = area.value().range.end();
      if ((area.value().state == vm::AreaState::retired) == is_purge_list)
        print_vmallocinfo_line(out, area.value(), on_nodes, digits);
    }
  }
}

}  // namespace quarry::view
