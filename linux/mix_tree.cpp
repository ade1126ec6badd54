// Device trees, branch by branch: a part of mix_parts.hpp.
//
// A difference is a child of the root, a child of /reserved-memory, a property of /chosen or an entry of the
// reservation block. What a boot loader writes into /chosen for its own sake follows the command line and the initrd.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "linux/mix_parts.hpp"
#include "linux/tree_branches.hpp"

namespace quarry::lnx {
namespace {

using firmware::Fdt;
using firmware::FdtReservation;
using Kind = TreeToken::Kind;

constexpr std::string_view kReserved = "reserved-memory", kChosen = "chosen", kBootargs = "bootargs";

bool is_seed(std::string_view name) { return name == "rng-seed" || name == "kaslr-seed"; }
bool is_of_initrd(std::string_view name) { return name.starts_with("linux,initrd-"); }
bool is_loaders(std::string_view name) { return is_seed(name) || is_of_initrd(name) || name == kBootargs; }

bool is_memory(const TreeBranch& branch) {
  const auto type = branch.property("device_type");
  return type && type->starts_with("memory");
}

DifferenceKind kind_of(const TreeBranch& branch) {
  if (is_memory(branch)) return DifferenceKind::memory;
  if (branch.name == "cpus") return DifferenceKind::processors;
  if (branch.name == "distance-map") return DifferenceKind::numa;
  return branch.name == kReserved ? DifferenceKind::reserved : DifferenceKind::tree;
}

// What one difference stands for.
struct Unit {
  enum class What { root, branch, reserved, chosen, reservation, bootargs } what = What::branch;
  std::string_view name;
  FdtReservation reservation{};
};

class TreeMix {
 public:
  // The bytes outlive this.
  TreeMix(const MachineDescription& from, const MachineDescription& to, const Fdt& a, const Fdt& b)
      : from_{from}, to_{to}, a_tokens_{tokens_of(a)}, b_tokens_{tokens_of(b)} {
    for (const auto entry : a.reservations()) a_reserved_.push_back(entry);
    for (const auto entry : b.reservations()) b_reserved_.push_back(entry);
    a_size_ = flattened(a_tokens_, a_reserved_).size();
    find();
  }

  const std::vector<Difference>& differences() const { return differences_; }
  bool is_splittable() const { return !has_twins(a_branches_) && !has_twins(b_branches_); }

  void take(const Chosen& chosen, MachineDescription& into) const {
    const auto has = [&](const MachineDescription& side) {
      return into.command_line == side.command_line && into.initrd.size() == side.initrd.size();
    };
    if (none_of(chosen) && has(from_)) return;
    if (all_of(chosen) && has(to_)) {
      into.tree = to_.tree;
      into.tree_size = to_.tree_size;
      return;
    }
    TreeTokens tokens;
    emit_root(chosen, into, tokens);
    const auto reservations = reservations_of(chosen);
    // As much larger or smaller as what it holds: a tree has room of its own at its end.
    const auto size = static_cast<std::int64_t>(flattened(tokens, reservations).size());
    const std::int64_t grown = size - static_cast<std::int64_t>(a_size_);
    const auto sized = [&](std::uint64_t own) {
      return static_cast<std::size_t>(std::max(static_cast<std::int64_t>(own) + grown, size));
    };
    into.tree = flattened(tokens, reservations, sized(from_.tree.size()));
    if (from_.tree_size.raw != 0) into.tree_size = Bytes{sized(from_.tree_size.raw)};
  }

 private:
  void add(Unit unit, DifferenceKind kind, std::string what, std::string before, std::string after) {
    units_.push_back(unit);
    differences_.push_back({kind, std::move(what), std::move(before), std::move(after)});
  }

  void find() {
    const TreeBranch a = root_of(a_tokens_), b = root_of(b_tokens_);
    if (const auto names = changed_properties(a, b); !names.empty())
      add({Unit::What::root, {}, {}}, DifferenceKind::tree, fmt::format("/ {}", fmt::join(names, ", ")),
          first_words(a, names), first_words(b, names));
    a_branches_ = a.children(), b_branches_ = b.children();
    for (const TreeBranch& branch : a_branches_) find_branch(&branch, named(b_branches_, branch.name));
    for (const TreeBranch& branch : b_branches_)
      if (named(a_branches_, branch.name) == nullptr) find_branch(nullptr, &branch);
    find_reservations();
  }

  static std::string first_words(const TreeBranch& branch, const std::vector<std::string_view>& names) {
    const auto value = branch.property(names.front());
    return value ? value_words(*value) : std::string{};
  }

  void find_branch(const TreeBranch* a, const TreeBranch* b) {
    if (a != nullptr && b != nullptr && are_equal(a->tokens, b->tokens)) return;
    const TreeBranch& any = a != nullptr ? *a : *b;
    if (any.name == kReserved && splits(a, b)) return find_reserved(a, b);
    if (any.name == kChosen && a != nullptr && b != nullptr) return find_chosen(*a, *b);
    std::string what = "/" + std::string{any.name};
    if (a != nullptr && b != nullptr) what += deepest(*a, *b);
    add({Unit::What::branch, any.name, {}}, kind_of(any), what, a != nullptr ? node_words(*a) : "",
        b != nullptr ? node_words(*b) : "");
  }

  // Whether the nodes below can be told apart: what addresses mean there is the same.
  static bool splits(const TreeBranch* a, const TreeBranch* b) {
    for (const TreeBranch* const branch : {a, b})
      if (branch != nullptr && has_twins(branch->children())) return false;
    if (a == nullptr || b == nullptr) return !(a != nullptr ? *a : *b).children().empty();
    return are_equal(a->properties(), b->properties());
  }

  void find_reserved(const TreeBranch* a, const TreeBranch* b) {
    const auto ours = a != nullptr ? a->children() : std::vector<TreeBranch>{};
    const auto theirs = b != nullptr ? b->children() : std::vector<TreeBranch>{};
    const auto say = [&](const TreeBranch* mine, const TreeBranch* other) {
      const std::string_view name = (mine != nullptr ? mine : other)->name;
      std::string what = fmt::format("/{}/{}", kReserved, name);
      if (mine != nullptr && other != nullptr) what += deepest(*mine, *other);
      add({Unit::What::reserved, name, {}}, DifferenceKind::reserved, what,
          mine != nullptr ? node_words(*mine) : "", other != nullptr ? node_words(*other) : "");
    };
    for (const TreeBranch& child : ours) {
      const TreeBranch* const other = named(theirs, child.name);
      if (other == nullptr || !are_equal(child.tokens, other->tokens)) say(&child, other);
    }
    for (const TreeBranch& child : theirs)
      if (named(ours, child.name) == nullptr) say(nullptr, &child);
  }

  void find_chosen(const TreeBranch& a, const TreeBranch& b) {
    for (const std::string_view name : changed_properties(a, b)) {
      const auto before = a.property(name), after = b.property(name);
      const bool is_bootargs = name == kBootargs && from_.command_line == to_.command_line;
      if (is_loaders(name) && !is_bootargs) continue;
      const DifferenceKind kind = name == "linux,usable-memory-range" ? DifferenceKind::memory
                                  : name == "linux,elfcorehdr"        ? DifferenceKind::reserved
                                                                      : DifferenceKind::tree;
      add({is_bootargs ? Unit::What::bootargs : Unit::What::chosen, name, {}}, kind,
          fmt::format("/{} {}", kChosen, name), before ? value_words(*before) : "",
          after ? value_words(*after) : "");
    }
    const auto ours = a.children(), theirs = b.children();
    const bool are_same =
        std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                   [](const TreeBranch& x, const TreeBranch& y) { return are_equal(x.tokens, y.tokens); });
    if (!are_same)
      add({Unit::What::chosen, {}, {}}, DifferenceKind::tree, fmt::format("/{}, its nodes", kChosen),
          fmt::format("{}", ours.size()), fmt::format("{}", theirs.size()));
  }

  void find_reservations() {
    const auto has = [](const std::vector<FdtReservation>& list, const FdtReservation& entry) {
      return std::any_of(list.begin(), list.end(), [&](const FdtReservation& other) {
        return other.base == entry.base && other.size == entry.size;
      });
    };
    const auto say = [&](const FdtReservation& entry, bool is_new) {
      const std::string size = byte_words(entry.size.raw);
      add({Unit::What::reservation, {}, entry}, DifferenceKind::reserved,
          fmt::format("/memreserve/ {:#x}", entry.base.raw), is_new ? "" : size, is_new ? size : "");
    };
    for (const FdtReservation& entry : a_reserved_)
      if (!has(b_reserved_, entry)) say(entry, false);
    for (const FdtReservation& entry : b_reserved_)
      if (!has(a_reserved_, entry)) say(entry, true);
  }

  bool is_chosen(const Chosen& chosen, Unit::What what, std::string_view name) const {
    for (std::size_t i = 0; i < units_.size(); ++i)
      if (units_[i].what == what && units_[i].name == name) return chosen[i];
    return false;
  }

  static void put(std::span<const TreeToken> tokens, TreeTokens& into) {
    into.insert(into.end(), tokens.begin(), tokens.end());
  }

  // The children of both in one order: the first's, and what only the other has behind what it follows there.
  static std::vector<std::string_view> order_of(const std::vector<TreeBranch>& a,
                                                const std::vector<TreeBranch>& b) {
    std::vector<std::string_view> names;
    for (const TreeBranch& branch : a) names.push_back(branch.name);
    for (std::size_t i = 0; i < b.size(); ++i) {
      if (named(a, b[i].name) != nullptr) continue;
      auto place = names.begin();
      if (i != 0) place = std::find(names.begin(), names.end(), b[i - 1].name);
      if (i != 0 && place != names.end()) ++place;
      names.insert(place, b[i].name);
    }
    return names;
  }

  void emit_root(const Chosen& chosen, const MachineDescription& into, TreeTokens& tokens) const {
    tokens.push_back({Kind::begin, {}, {}});
    const bool has_root = is_chosen(chosen, Unit::What::root, {});
    put(root_of(has_root ? b_tokens_ : a_tokens_).properties(), tokens);
    for (const std::string_view name : order_of(a_branches_, b_branches_)) {
      const TreeBranch* const a = named(a_branches_, name);
      const TreeBranch* const b = named(b_branches_, name);
      if (name == kReserved && splits(a, b)) {
        emit_reserved(chosen, a, b, tokens);
      } else if (name == kChosen && a != nullptr && b != nullptr) {
        emit_chosen(chosen, *a, *b, into, tokens);
      } else {
        const TreeBranch* const taken = is_chosen(chosen, Unit::What::branch, name) ? b : a;
        if (taken != nullptr) put(taken->tokens, tokens);
      }
    }
    tokens.push_back({Kind::end, {}, {}});
  }

  void emit_reserved(const Chosen& chosen, const TreeBranch* a, const TreeBranch* b,
                     TreeTokens& tokens) const {
    const auto ours = a != nullptr ? a->children() : std::vector<TreeBranch>{};
    const auto theirs = b != nullptr ? b->children() : std::vector<TreeBranch>{};
    std::vector<std::span<const TreeToken>> kept;
    for (const std::string_view name : order_of(ours, theirs)) {
      const TreeBranch* const taken =
          is_chosen(chosen, Unit::What::reserved, name) ? named(theirs, name) : named(ours, name);
      if (taken != nullptr) kept.push_back(taken->tokens);
    }
    if (kept.empty() && a == nullptr) return;
    tokens.push_back({Kind::begin, kReserved, {}});
    put((a != nullptr ? *a : *b).properties(), tokens);
    for (const auto node : kept) put(node, tokens);
    tokens.push_back({Kind::end, {}, {}});
  }

  void emit_chosen(const Chosen& chosen, const TreeBranch& a, const TreeBranch& b,
                   const MachineDescription& into, TreeTokens& tokens) const {
    const auto is_to = [&](std::string_view name) {
      if (is_of_initrd(name)) return into.initrd.size() == to_.initrd.size();
      if (name != kBootargs) return is_chosen(chosen, Unit::What::chosen, name);
      return from_.command_line == to_.command_line ? is_chosen(chosen, Unit::What::bootargs, name)
                                                    : into.command_line == to_.command_line;
    };
    tokens.push_back({Kind::begin, kChosen, {}});
    for (const TreeToken& token : a.properties()) {
      const auto other = b.property(token.name);
      const auto value = is_to(token.name) ? other : std::optional{token.value};
      if (value) tokens.push_back({Kind::property, token.name, *value});
    }
    for (const TreeToken& token : b.properties())
      if (!a.property(token.name) && is_to(token.name)) tokens.push_back(token);
    for (const TreeBranch& child : (is_chosen(chosen, Unit::What::chosen, {}) ? b : a).children())
      put(child.tokens, tokens);
    tokens.push_back({Kind::end, {}, {}});
  }

  std::vector<FdtReservation> reservations_of(const Chosen& chosen) const {
    const auto is_unit = [&](const FdtReservation& entry) -> std::optional<bool> {
      for (std::size_t i = 0; i < units_.size(); ++i)
        if (units_[i].what == Unit::What::reservation && units_[i].reservation.base == entry.base &&
            units_[i].reservation.size == entry.size)
          return chosen[i];
      return std::nullopt;
    };
    std::vector<FdtReservation> kept;
    for (const FdtReservation& entry : a_reserved_)
      if (!is_unit(entry).value_or(false)) kept.push_back(entry);
    for (const FdtReservation& entry : b_reserved_)
      if (is_unit(entry).value_or(false)) kept.push_back(entry);
    return kept;
  }

  const MachineDescription& from_;
  const MachineDescription& to_;
  TreeTokens a_tokens_, b_tokens_;
  std::vector<FdtReservation> a_reserved_, b_reserved_;
  std::vector<TreeBranch> a_branches_, b_branches_;
  std::size_t a_size_ = 0;
  std::vector<Unit> units_;
  std::vector<Difference> differences_;
};

}  // namespace

MixPart tree_part(const MachineDescription& from, const MachineDescription& to) {
  MixPart part;
  part.take = [](const Chosen&, MachineDescription&) { return true; };
  if (from.tree == to.tree && from.tree_size == to.tree_size) return part;
  const auto a = Fdt::from(from.tree), b = Fdt::from(to.tree);
  const auto mix = a && b ? std::make_shared<TreeMix>(from, to, a.value(), b.value()) : nullptr;
  if (mix && mix->is_splittable()) {
    part.differences = mix->differences();
    // Of the same size, they differ in random numbers at most.
    const bool is_same_size = from.tree.size() == to.tree.size() && from.tree_size == to.tree_size;
    if (part.differences.empty() && !is_same_size && from.command_line == to.command_line &&
        from.initrd.size() == to.initrd.size())
      part.differences.push_back({DifferenceKind::tree, "the same device tree, as other bytes",
                                  byte_words(std::max<std::uint64_t>(from.tree_size.raw, from.tree.size())),
                                  byte_words(std::max<std::uint64_t>(to.tree_size.raw, to.tree.size()))});
    part.take = [mix](const Chosen& chosen, MachineDescription& into) {
      mix->take(chosen, into);
      return true;
    };
    return part;
  }
  part.differences.push_back({DifferenceKind::tree, "device tree", from.tree.empty() ? "" : "one",
                              to.tree.empty() ? "" : "another"});
  part.take = [&to](const Chosen& chosen, MachineDescription& into) {
    if (!chosen[0]) return true;
    into.tree = to.tree;
    into.tree_size = to.tree_size;
    return true;
  };
  return part;
}

}  // namespace quarry::lnx
