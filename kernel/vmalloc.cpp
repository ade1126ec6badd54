#include "kernel/vmalloc.hpp"

#include "kernel/cores.hpp"

namespace kernel {

using quarry::Bytes, quarry::PageCount, quarry::vm::Area, quarry::vm::VirtAddr;

quarry::Result<quarry::vm::VmallocConfig> vmalloc_config(const quarry::memory::EarlySystem& early,
                                                         System& system) noexcept {
  const auto records = system.slabs().create({.name = "vmap_area", .size = sizeof(Area)});
  if (!records) return records.error();
  PageCount frames{0};
  for (const auto& zone : early.layout().zones) frames.raw += zone.managed.raw;
  unsigned doublings = 1;
  for (unsigned cores = running_cores(); cores > 1; cores >>= 1) ++doublings;
  return quarry::vm::VmallocConfig{
      .range = {VirtAddr{arch::kVmalloc}, VirtAddr{arch::kVmalloc + arch::kVmallocBytes}},
      .records = quarry::vm::records_of(*records.value()),
      .backlog = Bytes{std::uint64_t{doublings} << 25},
      .most = frames};
}

}  // namespace kernel
