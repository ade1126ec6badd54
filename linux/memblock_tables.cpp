#include "linux/memblock_tables.hpp"

#include <algorithm>

namespace quarry::lnx {
namespace {

using early::Flags;
using early::Memblock;
using early::Region;
using early::Regions;

constexpr TextView kOwner{"as the kernel printed"};

using Mark = Result<Done> (Memblock::*)(PhysRange) noexcept;
struct FlagMark {
  Flags flag;
  Mark mark;
};
constexpr FlagMark kMarks[] = {{Flags::hotplug, &Memblock::mark_hotplug},
                               {Flags::mirror, &Memblock::mark_mirror},
                               {Flags::nomap, &Memblock::mark_nomap}};

Result<Done> take_over_region(Memblock& memblock, const Region& want) {
  const PhysRange range = want.range();
  if (const auto done = memblock.add(range, kOwner, Flags::none, want.node); !done) return done;
  if (const auto done = memblock.set_node(range, want.node); !done) return done;
  for (const auto& at : kMarks) {
    if (!has(want.flags, at.flag)) continue;
    if (const auto done = (memblock.*at.mark)(range); !done) return done;
  }
  return Done{};
}

}  // namespace

std::vector<Region> regions_of(std::span<const LoggedRegion> logged, NodeId unsaid) {
  std::vector<Region> regions;
  for (const LoggedRegion& at : logged) {
    const NodeId node = at.node ? NodeId{static_cast<std::uint16_t>(*at.node)} : unsaid;
    regions.push_back({.base = at.range.begin(),
                       .size = at.range.size(),
                       .flags = Flags{at.flags} & early::kAllFlags,
                       .node = node});
  }
  return regions;
}

std::vector<Region> copy_of(const early::RegionTable& table) {
  std::vector<Region> regions;
  for (const Region& region : table.view()) regions.push_back(region);
  return regions;
}

std::vector<PhysRange> minus(Regions from, Regions what) {
  std::vector<PhysRange> left;
  std::size_t next = 0;
  for (const Region& region : from) {
    PhysAddr at = region.base;
    while (next < what.size() && what[next].end() <= at) ++next;
    for (std::size_t i = next; i < what.size() && what[i].base < region.end(); ++i) {
      if (what[i].base > at) left.push_back({at, what[i].base});
      at = std::max(at, what[i].end());
    }
    if (at < region.end()) left.push_back({at, region.end()});
  }
  return left;
}

Result<Done> take_over_memory(Memblock& memblock, Regions want) {
  PhysAddr at{0};
  for (const Region& region : want) {
    const PhysRange gap{at, region.base};
    if (memblock.overlaps_memory(gap))
      if (const auto done = memblock.remove(gap, kOwner); !done) return done;
    at = region.end();
  }
  if (const auto done = memblock.remove({at, PhysAddr{UINT64_MAX}}, kOwner); !done) return done;
  // A region keeps the flags it has, so that one which lost a flag is forgotten first.
  std::vector<Region> changed;
  for (const Region& region : want) {
    for (const Region& have : memblock.memory().view())
      if (have.range().overlaps(region.range()) && early::without(have.flags, region.flags) != Flags::none)
        changed.push_back(region);
  }
  for (const Region& region : changed)
    if (const auto done = memblock.remove(region.range(), kOwner); !done) return done;
  for (const Region& region : want)
    if (const auto done = take_over_region(memblock, region); !done) return done;
  return Done{};
}

Result<Done> take_over_reserved(Memblock& memblock, Regions want) {
  PhysAddr at{0};
  for (const Region& region : want) {
    const PhysRange gap{at, region.base};
    if (memblock.is_region_reserved(gap))
      if (const auto done = memblock.free(gap, kOwner); !done) return done;
    at = region.end();
    if (const auto done = memblock.reserve(region.range(), kOwner); !done) return done;
    if (const auto done = memblock.set_reserved_node(region.range(), region.node); !done) return done;
  }
  return memblock.free({at, PhysAddr{UINT64_MAX}}, kOwner);
}

}  // namespace quarry::lnx
