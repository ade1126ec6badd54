#include "linux/tree_tokens.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "linux/tree_words.hpp"

namespace quarry::lnx {
namespace {

using namespace tree;

std::string_view view_of(TextView text) { return {text.data(), text.size()}; }
std::string_view view_of(firmware::ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::span<const TreeToken> TreeBranch::properties() const {
  std::size_t end = 1;
  while (end < tokens.size() && tokens[end].kind == TreeToken::Kind::property) ++end;
  return tokens.subspan(1, end - 1);
}

std::vector<TreeBranch> TreeBranch::children() const {
  std::vector<TreeBranch> found;
  std::size_t depth = 0, begin = 0;
  for (std::size_t at = 1; at + 1 < tokens.size(); ++at) {
    if (tokens[at].kind == TreeToken::Kind::begin && depth++ == 0) begin = at;
    if (tokens[at].kind == TreeToken::Kind::end && --depth == 0)
      found.push_back({tokens[begin].name, tokens.subspan(begin, at + 1 - begin)});
  }
  return found;
}

std::optional<std::string_view> TreeBranch::property(std::string_view wanted) const {
  for (const TreeToken& token : properties())
    if (token.name == wanted) return token.value;
  return std::nullopt;
}

TreeTokens tokens_of(const firmware::Fdt& tree) {
  using Kind = TreeToken::Kind;
  TreeTokens tokens;
  std::size_t open = 0;
  for (const auto visit : tree.nodes()) {
    for (; open > visit.depth; --open) tokens.push_back({Kind::end, {}, {}});
    tokens.push_back({Kind::begin, view_of(visit.node.name()), {}});
    ++open;
    for (const auto property : visit.node.properties())
      tokens.push_back({Kind::property, view_of(property.name()), view_of(property.bytes())});
  }
  for (; open > 0; --open) tokens.push_back({Kind::end, {}, {}});
  return tokens;
}

TreeBranch root_of(std::span<const TreeToken> tokens) { return {{}, tokens}; }

std::vector<std::byte> flattened(std::span<const TreeToken> tokens,
                                 std::span<const firmware::FdtReservation> reservations, std::size_t least) {
  std::string structure, strings, reserved;
  std::map<std::string_view, std::uint32_t> names;
  for (const TreeToken& token : tokens) {
    if (token.kind == TreeToken::Kind::end) put(structure, kEnd);
    if (token.kind == TreeToken::Kind::begin) {
      put(structure, kBegin);
      put_padded(structure, std::string{token.name} + '\0');
    }
    if (token.kind != TreeToken::Kind::property) continue;
    const auto [name, is_new] = names.try_emplace(token.name, static_cast<std::uint32_t>(strings.size()));
    if (is_new) strings += std::string{token.name} + '\0';
    put(structure, kProperty);
    put(structure, static_cast<std::uint32_t>(token.value.size()));
    put(structure, name->second);
    put_padded(structure, token.value);
  }
  put(structure, kLast);
  for (const auto& entry : reservations)
    put_wide(reserved, entry.base.raw), put_wide(reserved, entry.size.raw);
  reserved.append(firmware::FdtReservations::kEntryBytes, '\0');
  const auto size = [](const std::string& block) { return static_cast<std::uint32_t>(block.size()); };
  const std::uint32_t begin = kHeaderBytes + size(reserved), names_at = begin + size(structure);
  const std::uint32_t whole = std::max(names_at + size(strings), static_cast<std::uint32_t>(least));
  std::string all;
  for (const std::uint32_t word : {kMagic, whole, begin, names_at, kHeaderBytes, kVersion, kCompatibleWith,
                                   0u, size(strings), size(structure)})
    put(all, word);
  all += reserved + structure + strings;
  all.resize(whole, '\0');
  std::vector<std::byte> bytes(all.size());
  std::transform(all.begin(), all.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

}  // namespace quarry::lnx
