#include "quarry/memory/timeline.hpp"

namespace quarry::memory {

TextView name_of(HandOverStep step) noexcept {
  constexpr const char* names[kHandOverSteps] = {
      "low memory", "high memory",    "per-CPU lists", "boot memory", "CMA areas",
      "watermarks", "gigantic pages", "initrd",        "init memory", "the rest"};
  return names[static_cast<std::size_t>(step)];
}

TextView linux_name_of(HandOverStep step) noexcept {
  constexpr const char* names[kHandOverSteps] = {"memblock_free_all",
                                                 "free_highpages",
                                                 "setup_per_cpu_pageset",
                                                 "memblock_discard",
                                                 "cma_init_reserved_areas",
                                                 "init_per_zone_wmark_min",
                                                 "gather_bootmem_prealloc",
                                                 "free_initrd_mem",
                                                 "free_initmem",
                                                 "mark_readonly"};
  return names[static_cast<std::size_t>(step)];
}

}  // namespace quarry::memory
