#include "linux/device_tree_copy.hpp"

#include "linux/boot_allocation.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kTree{"unflattened tree", "no room for the unflattened device tree"};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// "serial0": the length of "serial"; none for an alias without a number.
std::optional<std::size_t> stem_of(TextView alias) noexcept {
  std::size_t stem = alias.size();
  while (stem > 0 && is_digit(alias[stem - 1])) --stem;
  if (stem == alias.size()) return std::nullopt;
  return stem;
}

Result<Done> take_aliases(boot::State& state, const firmware::Fdt& tree, const StructSizes& sizes) {
  const auto aliases = tree.find("/aliases");
  if (!aliases) return Done{};
  for (const firmware::FdtProperty alias : aliases->properties()) {
    if (alias.name() == "name" || alias.name() == "phandle" || alias.name() == "linux,phandle") continue;
    const auto stem = stem_of(alias.name());
    if (!stem || !tree.find(alias.text())) continue;
    const Bytes size{sizes.tree_alias.raw + *stem + 1};
    if (const auto at = take(state, kTree, {.size = size, .alignment = sizes.word}); !at) return at.error();
  }
  return Done{};
}

}  // namespace

Bytes unflattened_size(const firmware::Fdt& tree, const StructSizes& sizes) noexcept {
  std::uint64_t bytes = 0;
  const auto add = [&](std::uint64_t size) { bytes = rounded_up(Bytes{bytes}, sizes.word).raw + size; };
  for (const auto& [node, depth] : tree.nodes()) {
    static_cast<void>(depth);
    add(sizes.tree_node.raw + node.name().size() + 1);
    for (const firmware::FdtProperty property : node.properties()) {
      static_cast<void>(property);
      add(sizes.tree_property.raw);
    }
    // A node that does not say its name gets a property that does.
    if (!node.has("name")) add(sizes.tree_property.raw + node.base_name().size() + 1);
  }
  constexpr Bytes cell{4};
  return Bytes{rounded_up(Bytes{bytes}, cell).raw + cell.raw};
}

Result<Done> allocate_device_tree(boot::State& state, const StructSizes& sizes) {
  const auto tree = firmware::Fdt::from(state.machine.tree);
  if (!tree) return Done{};
  const early::Request block{.size = unflattened_size(tree.value(), sizes), .alignment = sizes.word};
  if (const auto at = take(state, kTree, block); !at) return at.error();
  return take_aliases(state, tree.value(), sizes);
}

}  // namespace quarry::lnx
