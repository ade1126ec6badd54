// linux/tree_tokens.hpp: a device tree as a flat list of tokens, to compare and to put together anew.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "quarry/firmware/fdt.hpp"

namespace quarry::lnx {

// Views of the tree's own bytes.
struct TreeToken {
  enum class Kind { begin, property, end } kind = Kind::end;
  std::string_view name;   // of a node or a property; nothing at an end
  std::string_view value;  // of a property
  friend bool operator==(const TreeToken&, const TreeToken&) noexcept = default;
};
using TreeTokens = std::vector<TreeToken>;

// One child of a node: from its begin to its end, both included.
struct TreeBranch {
  std::string_view name;
  std::span<const TreeToken> tokens;
  // Its own properties, and what is below it.
  std::span<const TreeToken> properties() const;
  std::vector<TreeBranch> children() const;
  std::optional<std::string_view> property(std::string_view name) const;
};

// All tokens, the root's begin first. Good while `tree` lives.
TreeTokens tokens_of(const firmware::Fdt& tree);
// The root as a branch of its own.
TreeBranch root_of(std::span<const TreeToken> tokens);

// A blob of these tokens and reservations, of at least `least` bytes.
//
// Source    Devicetree Specification v0.4, chapter 5.
std::vector<std::byte> flattened(std::span<const TreeToken> tokens,
                                 std::span<const firmware::FdtReservation> reservations,
                                 std::size_t least = 0);

}  // namespace quarry::lnx
