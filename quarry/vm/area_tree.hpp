// quarry/vm/area_tree.hpp: ranges of addresses in a balanced tree that knows where there is room between them.
//
//   addresses   |-- gap --|##### a #####|#### b ####|------ gap ------|## c ##|--- gap ---|end
//                                                                                          the tree's own node
//
// A node counts the free bytes right in front of it, so a gap is no object: what goes leaves its bytes to the node
// behind it, and taking and giving need no memory. Each node also knows the largest gap at or below it, once for
// each of a few alignments.
#pragma once

#include <cstddef>

#include "quarry/base/bits.hpp"
#include "quarry/vm/address.hpp"

namespace quarry::vm {

// Alignments for which the lowest fit is found without a step back: any, and the large pages there are.
inline constexpr std::uint64_t kRoomAlignments[] = {1, 1 << 16, 1 << 21, 1 << 30};
inline constexpr unsigned kRoomClasses = 4;

// The links of an area in the tree, which alone writes them. Offsets are addresses.
struct AreaNode {
  AreaNode* parent = nullptr;
  AreaNode* left = nullptr;
  AreaNode* right = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;                  // the guard behind it included
  std::uint64_t gap = 0;                  // free bytes in front of `begin`
  std::uint64_t room[kRoomClasses] = {};  // the longest of room_in_front() at or below this node
  unsigned height = 1;                    // of a leaf 1

  std::uint64_t gap_begin() const noexcept { return begin - gap; }
  // Bytes of the gap in front from the first multiple of `alignment` on. None in front of the tree's own node: that gap,
  // which most new areas come from, is asked for itself, and nobody above it has to know.
  std::uint64_t room_in_front(std::uint64_t alignment) const noexcept {
    if (gap == 0 || begin == end) return 0;
    const auto first = align_up(gap_begin(), alignment);
    return first && first.value() < begin ? begin - first.value() : 0;
  }
};

// Where something fits: at `at`, in front of `behind`.
struct Fit {
  AreaNode* behind = nullptr;  // null: nowhere
  std::uint64_t at = 0;
  constexpr explicit operator bool() const noexcept { return behind != nullptr; }
};

// Not thread-safe. Not copied: its own node has links.
class AreaTree {
 public:
  explicit AreaTree(VirtRange range) noexcept;
  AreaTree(const AreaTree&) = delete;
  AreaTree& operator=(const AreaTree&) = delete;

  // The lowest address from `low` on where `size` bytes, aligned, are free.
  //
  // Cost      O(log n) for the alignments above; for others as much again for each gap further down that would be long
  //           enough for the next smaller of them.
  Fit lowest_fit(std::uint64_t size, std::uint64_t alignment, std::uint64_t low) const noexcept;

  // Puts `node` where lowest_fit() said, or right behind the gap's other bytes. Cost: O(log n).
  void insert(AreaNode& node, Fit fit, std::uint64_t size) noexcept;
  // Its bytes join the gaps around it. Cost: O(log n).
  void remove(AreaNode& node) noexcept;

  // The node that holds `at`; null: none does. Cost: O(log n).
  AreaNode* find(std::uint64_t at) const noexcept;
  // The lowest node that begins at `at` or later, the tree's own last node never. Cost: O(log n).
  AreaNode* first_from(std::uint64_t at) const noexcept;

  // For audits: the root, the node behind all others, and what a node's room should be.
  const AreaNode* root() const noexcept { return root_; }
  const AreaNode& last() const noexcept { return last_; }
  std::uint64_t begin() const noexcept { return begin_; }
  static std::uint64_t room_of(const AreaNode& node, unsigned room_class) noexcept;
  static unsigned height_of(const AreaNode* node) noexcept { return node == nullptr ? 0 : node->height; }

 private:
  // A search, as what one subtree must have for it to be worth a look.
  struct Wanted {
    std::uint64_t size, alignment, low;
    unsigned room_class;
    bool may_be_below(const AreaNode* node) const noexcept {
      return node != nullptr && node->room[room_class] >= size;
    }
    Fit in_front_of(AreaNode* node) const noexcept;
  };
  AreaNode* lowest_from(std::uint64_t at) const noexcept;
  static AreaNode* leftmost(AreaNode* node, const Wanted& wanted) noexcept;
  static AreaNode* after(AreaNode* node, const Wanted& wanted) noexcept;
  static AreaNode* behind(AreaNode* node) noexcept;
  void refresh_up(AreaNode* node, const AreaNode& beyond) noexcept;
  static bool refresh(AreaNode& node) noexcept;
  AreaNode* rotate(AreaNode* node, AreaNode* AreaNode::* near, AreaNode* AreaNode::* far) noexcept;
  void replace(const AreaNode& node, AreaNode* by) noexcept;
  AreaNode* take_out(AreaNode& node) noexcept;

  AreaNode* root_;
  AreaNode last_;  // law: in the tree, empty, at the end of the range
  std::uint64_t begin_;
};

}  // namespace quarry::vm
