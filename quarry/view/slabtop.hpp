// quarry/view/slabtop.hpp: caches in the text of slabtop(1): sums of all, and a line for each.
//
//    Active / Total Objects (% used)    : 412 / 1065 (38.6%)
//    …
//     OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME
//      512     87  16%    0.03K      4      128        16K kmalloc-32
#pragma once

#include "quarry/base/geometry.hpp"
#include "quarry/base/text.hpp"
#include "quarry/slab/stats.hpp"

namespace quarry::view {

// Sums over caches. Objects that cores have at hand are among the active ones, as slabtop has them from /proc/slabinfo.
struct SlabTotals {
  std::uint64_t caches = 0, active_caches = 0;  // the latter have slabs
  std::uint64_t slabs = 0, active_slabs = 0;
  std::uint64_t objects = 0, active_objects = 0, at_hand = 0;
  std::uint64_t bytes = 0, active_bytes = 0;  // in objects
  std::uint32_t smallest = 0, largest = 0;    // bytes of an object

  void add(const slab::CacheStats& cache) noexcept;
};

// Six lines: slabtop's five, and what cores have at hand.
//
// Source    procps-ng 4.0, src/slabtop.c (format).
void print_slab_totals(TextSink& out, const SlabTotals& totals) noexcept;
// The names of the columns; without an end of line.
void print_slabtop_heading(TextSink& out) noexcept;
// A cache's line, without its end. The cache's size is that of its slabs' pages.
void print_slabtop_line(TextSink& out, const slab::CacheStats& cache, PageSize size) noexcept;

}  // namespace quarry::view
