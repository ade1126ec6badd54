// quarry/vm/page_table_windows_impl.hpp: bodies of PageTable: entries that one owner sets without a plan.
//
//   0 --open_windows()--> shut --show()--> a frame --shut()--> shut      between the last two: forget()
#pragma once

#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

template <TableFormat F, class P>
  requires port::DirectMap<P>
Result<Done> PageTable<F, P>::open_windows(VirtRange range) noexcept {
  const auto span = span_of(range.begin(), range.size());
  if (!span) return span.error();
  const Result<Done> made = build(span.value(), {PhysAddr{0}, span.value().begin, std::nullopt, 0});
  if (made) walkers_.tell_made(range);
  return made;
}

// No table on the way is ever given back, as it is never empty.
template <TableFormat F, class P>
  requires port::DirectMap<P>
auto PageTable<F, P>::window(VirtAddr at) const noexcept -> Entry* {
  Entry* entries = table(root_);
  for (unsigned level = Tree::top();; --level) {
    Entry* const entry = entries + Tree::index(at.raw, level);
    if (level == 0) return entry;
    const Entry now = load(entry);
    check(F::is_present(now) && !F::is_leaf(now, level), "there is no window");
    entries = table(F::address_in(now, level));
  }
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::show(VirtAddr at, PhysAddr frame, Access access) noexcept {
  Entry* const entry = window(at);
  check(load(entry) == kShut, "a window shows two frames");
  store(entry, leaf(frame, 0, access));
  walkers_.tell_made({at, at + kPage.bytes()});
}

template <TableFormat F, class P>
  requires port::DirectMap<P>
void PageTable<F, P>::shut(VirtAddr at) noexcept {
  Entry* const entry = window(at);
  check(F::is_present(load(entry)), "a window is shut twice");
  store(entry, kShut);
}

}  // namespace quarry::vm
