// tests/fdt_lockstep.hpp: one flattened tree, read by Quarry and by libfdt side by side.
//
// Nothing here throws or prints: a difference is a text, and no difference an empty one.
#pragma once

#include <libfdt.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quarry/firmware/fdt.hpp"

namespace quarry::firmware::lockstep {

struct Count {
  std::size_t nodes = 0, properties = 0, reservations = 0, strings = 0, lookups = 0;
  Count& operator+=(const Count& more) {
    nodes += more.nodes, properties += more.properties, reservations += more.reservations;
    strings += more.strings, lookups += more.lookups;
    return *this;
  }
};

inline std::string_view view_of(TextView text) { return {text.data(), text.size()}; }

struct Reason {
  std::string_view what;
  std::string_view why;
};
// What libfdt lets pass and Quarry does not, and what the specification says of it.
inline constexpr std::array kStricter = {
    Reason{"a property after a child", "5.4.2: a node's properties come before its children"},
    Reason{"memory reservation block at no multiple of 8", "5.6: the block is aligned to 8 bytes"},
    Reason{"no root", "5.4.2: the structure block has a root node"},
};

// What a walk is to look at. A spoilt tree may have names with slashes and handles of nobody: lookups say nothing of it.
enum class Depth : std::uint8_t { walk, lookups };

class Comparison {
 public:
  // `bytes` is a tree that both accepted.
  Comparison(std::span<const std::byte> bytes, const Fdt& tree, Depth depth)
      : blob_{bytes.data()}, tree_{tree}, depth_{depth} {}

  // The first difference; empty when there is none.
  std::string run() {
    int depth = -1, offset = fdt_next_node(blob_, -1, &depth);
    for (const auto& [node, our_depth] : tree_.nodes()) {
      if (offset < 0) return "a node too many: " + std::string{view_of(node.name())};
      leave_to(static_cast<std::size_t>(depth), node);
      if (our_depth != static_cast<std::size_t>(depth)) return at("another depth");
      if (!same_node(node, offset)) return at(what_);
      ++count_.nodes;
      offset = fdt_next_node(blob_, offset, &depth);
      if (depth < 0) offset = -FDT_ERR_NOTFOUND;
    }
    if (offset != -FDT_ERR_NOTFOUND) return at("a node too few after it");
    return same_reservations() ? std::string{} : "/memreserve/: " + what_;
  }
  const Count& count() const { return count_; }

 private:
  bool no(std::string what) {
    what_ = std::move(what);
    return false;
  }
  std::string at(const std::string& what) const { return (path_.empty() ? "/" : path_) + ": " + what; }

  // path_ and bare_ become those of a node at that depth.
  void leave_to(std::size_t depth, const FdtNode& node) {
    ends_.resize(depth + 1);
    bare_ends_.resize(depth + 1);
    path_.resize(depth == 0 ? 0 : ends_[depth - 1]);
    bare_.resize(depth == 0 ? 0 : bare_ends_[depth - 1]);
    if (depth != 0) {
      (path_ += '/') += view_of(node.name());
      (bare_ += '/') += view_of(node.base_name());
    }
    ends_[depth] = path_.size();
    bare_ends_[depth] = bare_.size();
  }

  // Both know a node by where it begins in the structure block.
  static bool is_same(const std::optional<FdtNode>& ours, int theirs) {
    return ours ? theirs >= 0 && ours->offset() == static_cast<std::size_t>(theirs) : theirs < 0;
  }

  bool same_node(const FdtNode& node, int offset) {
    int length = 0;
    if (!is_same(node, offset)) return no("another place");
    const char* const name = fdt_get_name(blob_, offset, &length);
    if (name == nullptr || view_of(node.name()) != std::string_view{name, static_cast<std::size_t>(length)})
      return no("another name");
    return same_properties(node, offset) && same_children(node, offset) && same_cells(node, offset) &&
           (depth_ == Depth::walk || same_lookups(node, offset));
  }

  bool same_properties(const FdtNode& node, int offset) {
    int at = fdt_first_property_offset(blob_, offset);
    for (const FdtProperty ours : node.properties()) {
      const std::string name{view_of(ours.name())};
      if (at < 0) return no("a property too many: " + name);
      const char* their_name = nullptr;
      int size = 0;
      const void* const value = fdt_getprop_by_offset(blob_, at, &their_name, &size);
      if (value == nullptr || name != their_name) return no("a property of another name: " + name);
      if (ours.size() != static_cast<std::size_t>(size)) return no(name + ": another length");
      if (ours.bytes().data() != value) return no(name + ": other bytes");
      if (!same_strings(node, offset, ours)) return false;
      ++count_.properties;
      at = fdt_next_property_offset(blob_, at);
    }
    return at == -FDT_ERR_NOTFOUND || no("a property too few");
  }

  // libfdt looks strings up by the property's name, and so sees the first of that name.
  bool same_strings(const FdtNode& node, int offset, const FdtProperty& ours) {
    const std::string name{view_of(ours.name())};
    const auto first = node.property(ours.name());
    int size = 0;
    const void* const found = fdt_getprop(blob_, offset, name.c_str(), &size);
    if (!first || found != first->bytes().data()) return no(name + ": another property is found by its name");
    if (found != ours.bytes().data()) return true;
    const int strings = fdt_stringlist_count(blob_, offset, name.c_str());
    if (strings < 0) return true;  // no list: the last text has no end
    for (int i = 0; i < strings; ++i) {
      int length = 0;
      const char* const text = fdt_stringlist_get(blob_, offset, name.c_str(), i, &length);
      const auto said = ours.text(static_cast<std::size_t>(i));
      if (!said || view_of(*said) != std::string_view{text, static_cast<std::size_t>(length)})
        return no(name + ": another string in the list");
      if (fdt_stringlist_search(blob_, offset, name.c_str(), text) < 0 || !ours.lists(*said))
        return no(name + ": a string that the list does not have");
      ++count_.strings;
    }
    return !ours.text(static_cast<std::size_t>(strings)) || no(name + ": a string too many");
  }

  bool same_children(const FdtNode& node, int offset) {
    int child = fdt_first_subnode(blob_, offset);
    for (const FdtNode ours : node.children()) {
      if (child < 0) return no("a child too many");
      if (!is_same(ours, child)) return no("another child");
      child = fdt_next_subnode(blob_, child);
    }
    return child == -FDT_ERR_NOTFOUND || no("a child too few");
  }

  // libfdt wants one cell and at most FDT_MAX_NCELLS; what it refuses, the reader shows as it is.
  bool same_cells(const FdtNode& node, int offset) {
    const FdtCells ours = node.cells({2, 1});
    const int address = fdt_address_cells(blob_, offset), size = fdt_size_cells(blob_, offset);
    if (address >= 0 && ours.address != static_cast<std::uint32_t>(address))
      return no("another #address-cells");
    if (size >= 0 && ours.size != static_cast<std::uint32_t>(size)) return no("another #size-cells");
    return true;
  }

  bool same_lookups(const FdtNode& node, int offset) {
    for (const std::string& path :
         {path_.empty() ? "/" : path_, bare_.empty() ? "/" : bare_, path_ + "/no-such"})
      if (!is_same(tree_.find({path.data(), path.size()}), fdt_path_offset(blob_, path.c_str())))
        return no("another node is found as " + path);
    const std::uint32_t handle = fdt_get_phandle(blob_, offset);
    if (node.phandle().value_or(0) != handle) return no("another phandle");
    if (!is_same(tree_.by_phandle(handle), fdt_node_offset_by_phandle(blob_, handle)))
      return no("another node is found by its phandle");
    count_.lookups += 4;
    return true;
  }

  bool same_reservations() {
    const int there = fdt_num_mem_rsv(blob_);
    if (there < 0 || tree_.reservations().size() != static_cast<std::size_t>(there))
      return no("another number of entries");
    int at = 0;
    for (const FdtReservation ours : tree_.reservations()) {
      std::uint64_t base = 0, size = 0;
      if (fdt_get_mem_rsv(blob_, at++, &base, &size) != 0 || ours.base.raw != base || ours.size.raw != size)
        return no("another entry " + std::to_string(at - 1));
      ++count_.reservations;
    }
    return true;
  }

  const void* blob_;
  const Fdt& tree_;
  Depth depth_;
  std::string path_, bare_, what_;
  std::vector<std::size_t> ends_, bare_ends_;  // where path_ and bare_ end at each depth
  Count count_;
};

// Reads a tree with both.
//
// Returns   the first difference, a refusal of either included; empty when there is none.
inline std::string difference(std::span<const std::byte> bytes, Count& count) {
  FdtFault fault{};
  const auto tree = Fdt::from(bytes, &fault);
  if (!tree) return "refused: " + std::string{view_of(fault.what)};
  if (const int error = fdt_check_full(bytes.data(), bytes.size()); error != 0)
    return std::string{"libfdt refuses it: "} + fdt_strerror(error);
  Comparison comparison{bytes, tree.value(), Depth::lookups};
  std::string found = comparison.run();
  count += comparison.count();
  return found;
}

}  // namespace quarry::firmware::lockstep
