#include "cli/map_losses.hpp"

#include <algorithm>
#include <utility>

namespace quarry::cli {
namespace {

// Sorted, and one where they overlap or touch.
std::vector<PhysRange> joined(std::vector<PhysRange> ranges) {
  std::erase_if(ranges, [](PhysRange range) { return range.empty(); });
  std::sort(ranges.begin(), ranges.end(), [](PhysRange a, PhysRange b) { return a.begin() < b.begin(); });
  std::vector<PhysRange> result;
  for (const PhysRange range : ranges) {
    if (!result.empty() && range.begin() <= result.back().end())
      result.back() = {result.back().begin(), std::max(result.back().end(), range.end())};
    else
      result.push_back(range);
  }
  return result;
}

// Calls here(range, is_left) for each part of `all`, in order. Both lists are joined.
template <class Here>
void divide(const std::vector<PhysRange>& all, const std::vector<PhysRange>& left, Here here) {
  auto next = left.begin();
  for (const PhysRange range : all) {
    PhysAddr at = range.begin();
    while (next != left.end() && next->end() <= at) ++next;
    for (auto part = next; part != left.end() && part->begin() < range.end(); ++part) {
      const PhysRange both = intersection(*part, range);
      if (at < both.begin()) here(PhysRange{at, both.begin()}, false);
      here(both, true);
      at = both.end();
    }
    if (at < range.end()) here(PhysRange{at, range.end()}, false);
  }
}

}  // namespace

std::vector<MapLoss> map_losses(std::vector<PhysRange> ram, std::span<const MapMoment> moments) {
  using firmware::MapType;
  std::vector<MapLoss> losses;
  ram = joined(std::move(ram));
  for (const MapMoment& moment : moments) {
    if (moment.entries.empty()) continue;  // before firmware's map is set up there is none
    std::vector<PhysRange> usable;
    for (const firmware::MapEntry& entry : moment.entries)
      if (entry.type == MapType::usable || entry.type == MapType::reserved_kern)
        usable.push_back(PhysRange::sized(entry.base, entry.size));
    std::vector<PhysRange> left;
    divide(ram, joined(std::move(usable)), [&](PhysRange range, bool is_left) {
      if (is_left)
        left.push_back(range);
      else
        losses.push_back({range, moment.step});
    });
    ram = std::move(left);
  }
  return losses;
}

}  // namespace quarry::cli
