// quarry/vm/address_arena_audit_impl.hpp: bodies of AddressArena: what it says of its own laws.
#pragma once

#include "quarry/vm/address_arena.hpp"

namespace quarry::vm {

template <port::Cores Cores>
ArenaFinding AddressArena<Cores>::audit() const noexcept {
  const Hold hold{cores_, lock_};
  ArenaStats seen;
  std::uint64_t end = tree_.begin();
  if (tree_.root() == nullptr || tree_.root()->parent != nullptr) return {ArenaLaw::links_both_ways};
  if (const ArenaFinding found = audit_below(*tree_.root(), end, seen)) return found;
  return audit_backlog(seen);
}

// In order of addresses: `end` is where the area before ends, then where the last one below `node` does. The depth is that of a
// balanced tree, since balance is tried on the way down.
template <port::Cores Cores>
ArenaFinding AddressArena<Cores>::audit_below(const AreaNode& node, std::uint64_t& end,
                                              ArenaStats& seen) const noexcept {
  const AreaNode *const left = node.left, *const right = node.right;
  for (const AreaNode* const below : {left, right})
    if (below != nullptr && below->parent != &node)
      return {ArenaLaw::links_both_ways, VirtAddr{below->begin}};
  const unsigned low = AreaTree::height_of(left), high = AreaTree::height_of(right);
  if (low > high + 1 || high > low + 1 || node.height != 1 + (low < high ? high : low))
    return {ArenaLaw::is_balanced, VirtAddr{node.begin}};

  if (left != nullptr)
    if (const ArenaFinding found = audit_below(*left, end, seen)) return found;
  if (const ArenaLaw law = law_of(node, end, seen); law != ArenaLaw::holds)
    return {law, VirtAddr{node.begin}};
  end = node.end;
  if (right != nullptr)
    if (const ArenaFinding found = audit_below(*right, end, seen)) return found;
  return {};
}

template <port::Cores Cores>
ArenaLaw AddressArena<Cores>::law_of(const AreaNode& node, std::uint64_t end,
                                     ArenaStats& seen) const noexcept {
  const bool is_last = &node == &tree_.last();
  const bool is_range = is_last ? node.begin == node.end : node.begin < node.end;
  if (node.begin < end || !is_range || node.end > tree_.last().end) return ArenaLaw::areas_are_apart;
  if (!is_whole(Bytes{node.begin}) || !is_whole(Bytes{node.end})) return ArenaLaw::areas_are_apart;
  if (node.gap != node.begin - end) return ArenaLaw::gaps_are_counted;
  for (unsigned i = 0; i < kRoomClasses; ++i)
    if (node.room[i] != AreaTree::room_of(node, i)) return ArenaLaw::room_is_known;
  return is_last ? ArenaLaw::holds : law_of_area(static_cast<const Area&>(node), seen);
}

template <port::Cores Cores>
ArenaLaw AddressArena<Cores>::law_of_area(const Area& area, ArenaStats& seen) const noexcept {
  if (area.guard.raw >= area.end - area.begin) return ArenaLaw::guards_are_inside;
  if (area.state == AreaState::taken || area.state == AreaState::live) {
    ++seen.live;
  } else {
    ++seen.retired;
    seen.backlog.raw += area.end - area.begin;
  }
  return ArenaLaw::holds;
}

template <port::Cores Cores>
ArenaFinding AddressArena<Cores>::audit_backlog(const ArenaStats& seen) const noexcept {
  if (seen.live != stats_.live || seen.retired != stats_.retired || seen.backlog != stats_.backlog)
    return {ArenaLaw::areas_are_counted};
  std::uint64_t listed = 0;
  for (const Area* area = backlog_; area != nullptr; area = area->next)
    if (++listed > stats_.retired || area->state != AreaState::retired)
      return {ArenaLaw::backlog_is_linked, VirtAddr{area->begin}};
  if (listed != stats_.retired) return {ArenaLaw::backlog_is_linked};
  return {};
}

}  // namespace quarry::vm
