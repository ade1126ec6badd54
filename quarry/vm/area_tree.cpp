// An AVL tree: the two sides of a node differ in height by one at most.
#include "quarry/vm/area_tree.hpp"

namespace quarry::vm {

AreaTree::AreaTree(VirtRange range) noexcept : root_{&last_}, begin_{range.begin().raw} {
  last_.begin = last_.end = range.end().raw;
  last_.gap = range.size().raw;
  refresh(last_);
}

// --- Searches --------------------------------------------------------------------------------------------

Fit AreaTree::Wanted::in_front_of(AreaNode* node) const noexcept {
  const std::uint64_t gap = node->gap_begin();
  const auto first = align_up(gap < low ? low : gap, alignment);
  if (!first || first.value() > node->begin || node->begin - first.value() < size) return {};
  return {node, first.value()};
}

// The lowest node that ends at `at` or later and whose gap may reach behind it.
AreaNode* AreaTree::lowest_from(std::uint64_t at) const noexcept {
  AreaNode* found = nullptr;
  for (AreaNode* node = root_; node != nullptr;) {
    if (node->begin >= at) found = node;
    node = node->begin >= at ? node->left : node->right;
  }
  return found;
}

AreaNode* AreaTree::leftmost(AreaNode* node, const Wanted& wanted) noexcept {
  while (wanted.may_be_below(node->left)) node = node->left;
  return node;
}

// The next node in order, without those below which there is no room.
AreaNode* AreaTree::after(AreaNode* node, const Wanted& wanted) noexcept {
  if (wanted.may_be_below(node->right)) return leftmost(node->right, wanted);
  while (node->parent != nullptr && node->parent->right == node) node = node->parent;
  return node->parent;
}

Fit AreaTree::lowest_fit(std::uint64_t size, std::uint64_t alignment, std::uint64_t low) const noexcept {
  check(size != 0, "a search for no bytes");
  unsigned room_class = 0;
  while (room_class + 1 < kRoomClasses && kRoomAlignments[room_class + 1] <= alignment) ++room_class;
  const Wanted wanted{size, alignment, low, room_class};
  AreaNode* const last = const_cast<AreaNode*>(&last_);
  if (!wanted.may_be_below(root_)) return wanted.in_front_of(last);
  for (AreaNode* node = lowest_from(low); node != nullptr; node = after(node, wanted))
    if (const Fit fit = wanted.in_front_of(node)) return fit;
  return wanted.in_front_of(last);
}

AreaNode* AreaTree::find(std::uint64_t at) const noexcept {
  AreaNode* node = root_;
  while (node != nullptr && !(node->begin <= at && at < node->end))
    node = at < node->begin ? node->left : node->right;
  return node;
}

AreaNode* AreaTree::first_from(std::uint64_t at) const noexcept {
  AreaNode* const found = lowest_from(at);
  return found == &last_ ? nullptr : found;
}

AreaNode* AreaTree::behind(AreaNode* node) noexcept {
  if (node->right != nullptr) {
    node = node->right;
    while (node->left != nullptr) node = node->left;
    return node;
  }
  while (node->parent != nullptr && node->parent->right == node) node = node->parent;
  return node->parent;
}

// --- Changes ---------------------------------------------------------------------------------------------

void AreaTree::insert(AreaNode& node, Fit fit, std::uint64_t size) noexcept {
  AreaNode& behind = *fit.behind;
  check(behind.gap_begin() <= fit.at && fit.at <= behind.begin && size <= behind.begin - fit.at,
        "an area that does not fit");
  node = AreaNode{};
  node.begin = fit.at;
  node.end = fit.at + size;
  node.gap = fit.at - behind.gap_begin();
  behind.gap = behind.begin - node.end;

  if (behind.left == nullptr) {
    node.parent = &behind;
    behind.left = &node;
  } else {
    AreaNode* before = behind.left;
    while (before->right != nullptr) before = before->right;
    node.parent = before;
    before->right = &node;
  }
  node.height = 0;  // until now there was nothing
  refresh_up(&node, behind);
}

void AreaTree::remove(AreaNode& node) noexcept {
  check(&node != &last_, "the end of an arena is no area");
  AreaNode* const next = behind(&node);
  check(next != nullptr, "an area behind the end of its arena");
  next->gap = next->begin - node.gap_begin();
  refresh_up(take_out(node), *next);
  node.parent = node.left = node.right = nullptr;
}

// Returns   the lowest node whose subtree changed, or was moved.
AreaNode* AreaTree::take_out(AreaNode& node) noexcept {
  if (node.left == nullptr || node.right == nullptr) {
    AreaNode* const child = node.left != nullptr ? node.left : node.right;
    replace(node, child);
    return child != nullptr ? child : node.parent;
  }
  AreaNode* const next = behind(&node);  // has nothing on its left
  AreaNode* lowest = next;
  if (next != node.right) {
    lowest = next->right != nullptr ? next->right : next->parent;
    replace(*next, next->right);
    next->right = node.right;
    next->right->parent = next;
  }
  next->left = node.left;
  next->left->parent = next;
  replace(node, next);
  return lowest;
}

// What comes in a node's place says at first what that said, so that refresh() knows what has changed for those above.
void AreaTree::replace(const AreaNode& node, AreaNode* by) noexcept {
  AreaNode* const parent = node.parent;
  if (by != nullptr) {
    by->parent = parent;
    by->height = node.height;
    for (unsigned i = 0; i < kRoomClasses; ++i) by->room[i] = node.room[i];
  }
  if (parent == nullptr)
    root_ = by;
  else
    (parent->left == &node ? parent->left : parent->right) = by;
}

std::uint64_t AreaTree::room_of(const AreaNode& node, unsigned room_class) noexcept {
  std::uint64_t room = node.room_in_front(kRoomAlignments[room_class]);
  for (const AreaNode* const below : {node.left, node.right})
    if (below != nullptr && below->room[room_class] > room) room = below->room[room_class];
  return room;
}

// Returns   whether what those above it see has changed.
bool AreaTree::refresh(AreaNode& node) noexcept {
  static constexpr AreaNode none{.height = 0};
  const AreaNode& left = node.left != nullptr ? *node.left : none;
  const AreaNode& right = node.right != nullptr ? *node.right : none;
  const unsigned height = 1 + (left.height < right.height ? right.height : left.height);
  std::uint64_t changed = height ^ node.height;
  node.height = height;
  const bool has_gap = node.gap != 0 && node.begin != node.end;
  for (unsigned i = 0; i < kRoomClasses; ++i) {
    std::uint64_t room = left.room[i] < right.room[i] ? right.room[i] : left.room[i];
    if (has_gap)
      if (const std::uint64_t own = node.room_in_front(kRoomAlignments[i]); room < own) room = own;
    changed |= room ^ node.room[i];
    node.room[i] = room;
  }
  return changed != 0;
}

//     node             up
//     |- near          |- node
//     `- up       ->   |  |- near
//        |- b          |  `- b
//        `- c          `- c
AreaNode* AreaTree::rotate(AreaNode* node, AreaNode* AreaNode::* near, AreaNode* AreaNode::* far) noexcept {
  AreaNode* const up = node->*far;
  replace(*node, up);
  node->*far = up->*near;
  if (node->*far != nullptr) (node->*far)->parent = node;
  up->*near = node;
  node->parent = up;
  refresh(*node);
  refresh(*up);
  return up;
}

// Makes `node` and all above it right again, `beyond` among them, whose gap is another; as far up as anything changes.
void AreaTree::refresh_up(AreaNode* node, const AreaNode& beyond) noexcept {
  for (bool is_beyond = &beyond == &last_; node != nullptr; node = node->parent) {
    is_beyond = is_beyond || node == &beyond;
    const AreaNode* const before = node;
    const bool is_changed = refresh(*node);
    const unsigned left = height_of(node->left), right = height_of(node->right);
    if (left > right + 1) {
      if (height_of(node->left->left) < height_of(node->left->right))
        rotate(node->left, &AreaNode::left, &AreaNode::right);
      node = rotate(node, &AreaNode::right, &AreaNode::left);
    } else if (right > left + 1) {
      if (height_of(node->right->right) < height_of(node->right->left))
        rotate(node->right, &AreaNode::right, &AreaNode::left);
      node = rotate(node, &AreaNode::left, &AreaNode::right);
    }
    if (is_beyond && !is_changed && node == before) return;
  }
}

}  // namespace quarry::vm
