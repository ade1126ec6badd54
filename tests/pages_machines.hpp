// tests/pages_machines.hpp: the machines that the page allocator is tried on beside its cells.
#pragma once

#include "tests/pages_lockstep.hpp"

namespace quarry::buddy {

// Sixteen pages, three orders; a pageblock is half of the largest block.
inline constexpr Geometry kTinyFlat{{.page_shift = 12, .max_order = 2, .pageblock_order = 1}};
inline constexpr Geometry kTinySparse{
    {.page_shift = 12, .max_order = 2, .pageblock_order = 1, .section_bits = 15}};
// Orders above those that cores keep, pageblocks among them.
inline constexpr Geometry kSmallFlat{{.page_shift = 12, .max_order = 6, .pageblock_order = 5}};
inline constexpr Geometry kSmallSparse{
    {.page_shift = 12, .max_order = 6, .pageblock_order = 5, .section_bits = 19}};

inline PagesSetup sixteen_pages(unsigned cores, CpuLimits limits) {
  return {.zones = {{0, ZoneType::normal, 0, 16}},
          .released = {{Pfn{0}, Pfn{16}}},
          .cma = {},
          .cores = cores,
          .limits = limits};
}

// The zone begins and ends within pageblocks, and holds a page that was never given.
inline PagesSetup ragged_pages(unsigned cores) {
  return {.zones = {{0, ZoneType::normal, 1, 15}},
          .released = {{Pfn{1}, Pfn{9}}, {Pfn{10}, Pfn{15}}},
          .cma = {},
          .cores = cores,
          .limits = {.batch = 2, .high = 4}};
}

// Two nodes, a zone of each kind, an area, holes and reserved pages.
inline PagesSetup large_machine(unsigned cores, HandOver hand_over) {
  return {.zones = {{0, ZoneType::dma, 0, 32},
                    {0, ZoneType::dma32, 32, 288},
                    {0, ZoneType::normal, 288, 640},
                    {1, ZoneType::normal, 768, 1011},
                    {1, ZoneType::movable, 1024, 1280}},
          .released = {{Pfn{1}, Pfn{32}},
                       {Pfn{32}, Pfn{256}},
                       {Pfn{260}, Pfn{512}},
                       {Pfn{640 - 13}, Pfn{640}},
                       {Pfn{768}, Pfn{1011}},
                       {Pfn{1024}, Pfn{1280}}},
          .cma = {{Pfn{512}, Pfn{608}}},
          .cores = cores,
          .min_free_kbytes = 48,
          .hand_over = hand_over};
}

// One zone that is mostly an area, so that movable requests go there first.
inline PagesSetup area_machine(unsigned cores) {
  return {.zones = {{0, ZoneType::normal, 0, 256}},
          .released = {{Pfn{0}, Pfn{64}}},
          .cma = {{Pfn{64}, Pfn{256}}},
          .cores = cores,
          .limits = {.batch = 7, .high = 28}};
}

// For whoever wants to repeat it.
inline std::string text_of(const PageStep& step) {
  return "verb " + std::to_string(static_cast<unsigned>(step.verb)) + " order " + std::to_string(step.order) +
         " type " + std::to_string(static_cast<unsigned>(step.type)) + " page " + std::to_string(step.page) +
         " count " + std::to_string(step.count) + " urgency " +
         std::to_string(static_cast<unsigned>(step.urgency)) + " effort " +
         std::to_string(static_cast<unsigned>(step.effort)) + " highest " +
         std::to_string(static_cast<unsigned>(step.highest)) + " node " + std::to_string(step.node);
}

}  // namespace quarry::buddy
