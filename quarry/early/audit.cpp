#include "quarry/early/audit.hpp"

namespace quarry::early {
namespace {

std::optional<Law> broken_alone(const Region& region, const AuditLimits& limits) noexcept {
  if (region.size.raw == 0) return Law::no_empty_region;
  if (region.base > limits.phys_addr_max || region.size > limits.phys_addr_max - region.base)
    return Law::inside_address_space;
  if (without(region.flags, kAllFlags) != Flags::none) return Law::known_flags;
  if (!limits.has_numa && region.node != NodeId::first) return Law::one_node_without_numa;
  return std::nullopt;
}

}  // namespace

const char* name_of(Law law) noexcept {
  switch (law) {
    case Law::count_within_max: return "count_within_max";
    case Law::no_empty_region: return "no_empty_region";
    case Law::inside_address_space: return "inside_address_space";
    case Law::sorted_and_disjoint: return "sorted_and_disjoint";
    case Law::merged: return "merged";
    case Law::known_flags: return "known_flags";
    case Law::rings_turn_inside: return "rings_turn_inside";
    case Law::total_is_sum: return "total_is_sum";
    case Law::one_node_without_numa: return "one_node_without_numa";
    case Law::nothing_fits_above_ceilings: return "nothing_fits_above_ceilings";
    case Law::nothing_fits_below_floors: return "nothing_fits_below_floors";
  }
  return "";
}

std::optional<Law> audit(const AuditedTable& table, const AuditLimits& limits) noexcept {
  if (table.regions.size() > table.max) return Law::count_within_max;
  if (!table.regions.are_rings_sound()) return Law::rings_turn_inside;
  std::uint64_t total = table.trimmed.raw;
  for (std::size_t i = 0; i < table.regions.size(); ++i) {
    const Region& region = table.regions[i];
    if (const auto broken = broken_alone(region, limits)) return broken;
    total += region.size.raw;
    if (i == 0) continue;
    const Region& below = table.regions[i - 1];
    if (region.base < below.end()) return Law::sorted_and_disjoint;
    if (table.is_merged && region.base == below.end() && region.is_like(below)) return Law::merged;
  }
  if (total != table.total.raw) return Law::total_is_sum;
  return std::nullopt;
}

}  // namespace quarry::early
