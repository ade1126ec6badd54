// linux/initcall_watermarks.hpp: watermarks and lowmem reserves at the moments at which Linux computes them.
//
//   hand-over --- CMA areas --- initcalls ---------- gigantic pages --- khugepaged ------- initrd, init memory back
//                               lowmem_reserve,                         min_free_kbytes
//                               watermarks                              raised, watermarks
//
// No moment sees the managed pages that a running system shows: initrd and init memory come back later.
// Source    Linux 6.1, "init_per_zone_wmark_min", "set_recommended_min_free_kbytes" (behaviour).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "linux/kernel_profile.hpp"
#include "quarry/buddy/watermark.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::lnx {

// Whether the kernel calls a zone's pages high memory. Movable's are where it is cut out of HighMem, which is the
// highest zone of a machine only if it has any address.
//
// Source    Linux 6.1, "is_highmem_idx", "find_usable_zone_for_movable" (behaviour).
buddy::Memory memory_of(const zones::Layout& layout, zones::ZoneType type);

// A populated zone. Units: pages.
struct ManagedZone {
  NodeId node{};
  zones::ZoneType type{};
  buddy::Memory memory = buddy::Memory::low;
  PageCount at_initcalls;   // with the CMA areas, without initrd and init memory
  PageCount at_khugepaged;  // and with gigantic pages, which count from when the kernel knows them
};

// The populated zones of a boot whose pages were handed over, as they were managed at those moments.
//
// Source    Linux 6.1, "alternatives_smp_free", "gather_bootmem_prealloc" (behaviour).
std::vector<ManagedZone> managed_zones(const memory::EarlySystem& early);

struct ZoneMarks {
  buddy::Watermarks marks;
  PageCount reserve[zones::kZoneTypes];  // kept from requests that may use zones up to that type
};

struct InitcallMarks {
  std::uint64_t min_free_kib = 0;
  std::vector<ZoneMarks> zones;  // in the order of the zones that were given
};

// Whether the kernel's khugepaged runs on a machine with so many managed pages.
bool has_khugepaged(const KernelProfile& kernel, std::string_view command_line, PageCount managed);

InitcallMarks initcall_marks(const std::vector<ManagedZone>& zones, const KernelProfile& kernel,
                             std::string_view command_line);

}  // namespace quarry::lnx
