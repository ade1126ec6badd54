#include "quarry/view/iomem.hpp"

namespace quarry::view {
namespace {

constexpr bool contains(PhysRange outer, PhysRange inner) noexcept {
  return outer.begin() <= inner.begin() && inner.end() <= outer.end();
}

// Whether `a` stands before `b` in the list: it begins earlier, or it begins there too and reaches further.
constexpr bool stands_before(PhysRange a, PhysRange b) noexcept {
  if (a.begin() != b.begin()) return a.begin() < b.begin();
  return b.end() <= a.end();
}

}  // namespace

Result<Done> ResourceTree::insert(PhysRange range, TextView name) noexcept {
  if (range.empty()) return Done{};
  std::size_t at = resources_.size();
  while (at > 0 && !stands_before(resources_[at - 1].range, range)) --at;
  unsigned depth = 0;
  for (std::size_t i = at; i-- > 0;) {
    const Resource& before = resources_[i];
    if (contains(before.range, range)) {
      depth = before.depth + 1;
      break;
    }
    if (before.range.overlaps(range)) return Error::bad_argument;
    if (before.depth == 0) break;  // the outermost are disjoint: nothing further left reaches here
  }
  std::size_t inside = at;
  for (; inside < resources_.size() && resources_[inside].range.begin() < range.end(); ++inside)
    if (!contains(range, resources_[inside].range)) return Error::bad_argument;
  const auto inserted = resources_.insert(at, Resource{range, name, depth});
  if (!inserted) return inserted.error();
  for (std::size_t i = at + 1; i <= inside; ++i) ++resources_[i].depth;
  return Done{};
}

void ResourceTree::print(TextSink& out) const noexcept {
  for (const auto& [range, name, depth] : resources_) {
    out.repeat(' ', std::size_t{2} * depth);
    out.hex(range.begin().raw, 8).put('-').hex(range.end().raw - 1, 8).put(" : ").put(name).put('\n');
  }
}

}  // namespace quarry::view
