// linux/tree_writer.hpp: writes a flattened device tree, for machines that are described without one.
//
//   TreeWriter tree;
//   tree.number("#address-cells", 2).number("#size-cells", 2);
//   tree.begin("memory@40000000").text("device_type", "memory").ranges("reg", banks).end();
//   const std::vector<std::byte> bytes = tree.finish();
//
// The root is open from the start, and finish() closes it. Addresses and sizes have two cells each.
//
// Source    Devicetree Specification v0.4, chapter 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quarry/base/range.hpp"

namespace quarry::lnx {

class TreeWriter {
 public:
  TreeWriter() { begin(""); }

  // What may not stand in a node's name becomes '_'.
  TreeWriter& begin(std::string_view name);
  TreeWriter& end();
  TreeWriter& flag(std::string_view name) { return property(name, {}); }
  TreeWriter& number(std::string_view name, std::uint32_t value);
  TreeWriter& cells(std::string_view name, std::span<const std::uint32_t> values);
  TreeWriter& cells(std::string_view name, std::initializer_list<std::uint32_t> values) {
    return cells(name, std::span{values.begin(), values.size()});
  }
  // A list of texts has a '\0' between each two.
  TreeWriter& text(std::string_view name, std::string_view value);
  TreeWriter& ranges(std::string_view name, std::span<const PhysRange> ranges);
  std::vector<std::byte> finish();

 private:
  TreeWriter& property(std::string_view name, std::string_view value);

  std::string structure_, strings_;
};

}  // namespace quarry::lnx
