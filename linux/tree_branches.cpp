#include "linux/tree_branches.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "linux/mix_parts.hpp"

namespace quarry::lnx {

// A value as a person reads it: a text, or cells.
std::string value_words(std::string_view value) {
  const bool is_text =
      value.size() > 1 && value.back() == '\0' &&
      std::all_of(value.begin(), value.end() - 1, [](char c) { return c >= ' ' && c <= '~'; });
  if (is_text) return std::string{value.substr(0, value.size() - 1)};
  if (value.empty()) return "there";
  constexpr std::size_t most = 32;
  if (value.size() % 4 != 0 || value.size() > most) return byte_words(value.size());
  std::string words;
  for (std::size_t at = 0; at < value.size(); at += 4) {
    std::uint32_t cell = 0;
    for (std::size_t i = at; i < at + 4; ++i) cell = cell << 8 | static_cast<unsigned char>(value[i]);
    words += fmt::format("{}{:#x}", at == 0 ? "" : " ", cell);
  }
  return "<" + words + ">";
}

// What a node says of itself in a few words: where it lies, else how much it has.
std::string node_words(const TreeBranch& branch) {
  for (const char* const name : {"linux,usable-memory", "reg", "size"})
    if (const auto value = branch.property(name)) return fmt::format("{} {}", name, value_words(*value));
  const auto nodes = std::count_if(branch.tokens.begin(), branch.tokens.end(), [](const TreeToken& token) {
    return token.kind == TreeToken::Kind::begin;
  });
  return fmt::format("{} node{}", nodes, nodes == 1 ? "" : "s");
}

// The properties of one node that are not the same in the other.
std::vector<std::string_view> changed_properties(const TreeBranch& from, const TreeBranch& to) {
  std::vector<std::string_view> names;
  const auto look = [&](const TreeBranch& here, const TreeBranch& there) {
    for (const TreeToken& token : here.properties())
      if (there.property(token.name) != token.value &&
          std::find(names.begin(), names.end(), token.name) == names.end())
        names.push_back(token.name);
  };
  look(from, to);
  look(to, from);
  return names;
}

const TreeBranch* named(const std::vector<TreeBranch>& branches, std::string_view name) {
  for (const TreeBranch& branch : branches)
    if (branch.name == name) return &branch;
  return nullptr;
}

// Two nodes of one name cannot be told apart.
bool has_twins(const std::vector<TreeBranch>& branches) {
  std::vector<std::string_view> names;
  for (const TreeBranch& branch : branches) names.push_back(branch.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

bool are_equal(std::span<const TreeToken> a, std::span<const TreeToken> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::string deepest(TreeBranch a, TreeBranch b) {
  std::string path;
  constexpr unsigned most = 16;
  for (unsigned depth = 0; depth < most; ++depth) {
    const auto names = changed_properties(a, b);
    const auto ours = a.children(), theirs = b.children();
    std::vector<std::pair<TreeBranch, TreeBranch>> changed;
    std::size_t alone = 0;
    for (const TreeBranch& child : ours) {
      const TreeBranch* const other = named(theirs, child.name);
      if (other == nullptr)
        ++alone;
      else if (!are_equal(child.tokens, other->tokens))
        changed.emplace_back(child, *other);
    }
    for (const TreeBranch& child : theirs) alone += named(ours, child.name) == nullptr ? 1u : 0u;
    if (!names.empty()) path += fmt::format(" {}", fmt::join(names, ", "));
    if (!names.empty() || alone != 0 || changed.size() != 1) return path;
    a = changed.front().first, b = changed.front().second;
    path += "/" + std::string{a.name};
  }
  return path;
}

}  // namespace quarry::lnx
