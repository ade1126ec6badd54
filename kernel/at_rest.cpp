#include "kernel/at_rest.hpp"

namespace kernel {

using quarry::TextView;

std::uint64_t pages_at_rest(System& system) noexcept {
  std::uint64_t pages = 0;
  system.allocator().drain_all();
  system.slabs().give_back();
  system.allocator().drain_all();
  for (const auto& node : system.frames().nodes())
    for (std::uint32_t i = 0; i < quarry::zones::kZoneTypes; ++i)
      pages += system.allocator().free_pages_of(node.first_zone + i).raw;
  return pages;
}

TextView complaint_at_rest(System& system, std::uint64_t pages_before) noexcept {
  const std::uint64_t pages = pages_at_rest(system);
  if (const auto finding = system.allocator().audit(); finding) return quarry::buddy::name_of(finding.broken);
  if (const auto audit = system.slabs().audit(); !audit.holds()) return quarry::slab::name_of(audit.broken);
  return pages == pages_before ? TextView{} : "pages were lost";
}

}  // namespace kernel
