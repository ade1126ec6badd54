// linux/tree_branches.hpp: branches of two device trees held against each other, in words.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/tree_tokens.hpp"

namespace quarry::lnx {

// A value as a person reads it: a text, or cells, or how long it is.
std::string value_words(std::string_view value);
// What a node says of itself in a few words: where it lies, else how much it has.
std::string node_words(const TreeBranch& branch);

// The properties of one node that are not the same in the other.
std::vector<std::string_view> changed_properties(const TreeBranch& from, const TreeBranch& to);
// Down to the only node that differs, and which of its properties do: "/bus@0/dma@1 reg".
std::string deepest(TreeBranch from, TreeBranch to);

// None: no branch has that name.
const TreeBranch* named(const std::vector<TreeBranch>& branches, std::string_view name);
// Two nodes of one name cannot be told apart.
bool has_twins(const std::vector<TreeBranch>& branches);
bool are_equal(std::span<const TreeToken> a, std::span<const TreeToken> b);

}  // namespace quarry::lnx
