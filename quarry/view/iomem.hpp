// quarry/view/iomem.hpp: who owns which physical addresses, as /proc/iomem shows it.
//
// Resources nest by containment alone, so a tree is a list sorted by begin, the larger first:
//
//   00100000-7ffdffff : System RAM
//     01000000-01e01ef1 : Kernel code        lies inside, so it is indented
//   7ffe0000-7fffffff : Reserved
#pragma once

#include <span>

#include "quarry/base/range.hpp"
#include "quarry/base/table.hpp"
#include "quarry/base/text.hpp"

namespace quarry::view {

struct Resource {
  PhysRange range;
  TextView name;
  unsigned depth = 0;  // 0: the outermost
};

class ResourceTree {
 public:
  // The caller's memory bounds how many resources there can be.
  explicit ResourceTree(std::span<Resource> storage) noexcept : resources_{storage} {}

  // Puts a resource in its place. Empty ranges are left out. Of two equal ranges the earlier is the parent.
  //
  // Errors    no_room: the storage is full.
  //           bad_argument: it would overlap another without containing it or lying inside; nothing changed.
  // Cost      O(1) when resources come in ascending order, O(n) otherwise.
  Result<Done> insert(PhysRange range, TextView name) noexcept;

  // Parents before their children, ascending.
  std::span<const Resource> sorted() const noexcept { return resources_.view(); }

  // The text of /proc/iomem: addresses have at least eight digits.
  void print(TextSink& out) const noexcept;

 private:
  Table<Resource> resources_;  // law: sorted by begin, the larger first; any two are nested or disjoint
};

}  // namespace quarry::view
