// quarry/firmware/fdt.hpp: a flattened device tree, read in place.
//
//   header | memory reservation block | structure block | strings block      each where the header says
//
// from() walks the whole blob once and refuses it if anything points outside. After that nothing can
// fail: nodes and properties are views, a few words each, valid as long as the bytes are. Any depth, no
// recursion, no allocation, no alignment needed.
//
// Source    Devicetree Specification v0.4, chapter 5, "Flattened Devicetree (DTB) Format".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"
#include "quarry/firmware/fdt_cells.hpp"
#include "quarry/firmware/load.hpp"

namespace quarry::firmware {

// Why a blob is no device tree: which byte, counted from the blob's first, and what is wrong with it.
struct FdtFault {
  Error error;
  std::size_t offset;
  TextView what;
};

// The two blocks that nodes and properties live in. Law: validated; every token, name and value lies inside.
struct FdtBlocks {
  ByteView structure;
  ByteView strings;
};

struct FdtEnd {};  // the end of any of the ranges below

class FdtProperties;
class FdtChildren;

// One property: a name and bytes. What they mean is the reader's business.
class FdtProperty {
 public:
  constexpr FdtProperty(TextView name, ByteView bytes) noexcept : name_{name}, bytes_{bytes} {}
  constexpr TextView name() const noexcept { return name_; }
  constexpr ByteView bytes() const noexcept { return bytes_; }
  constexpr std::size_t size() const noexcept { return bytes_.size(); }

  // One cell, two cells, or `count` cells from cell `first` on, as one number.
  //
  // Errors    truncated_table: the property is shorter. overflow: the number needs more than 64 bits.
  //           bad_argument: `count` is 0 or above 4.
  Result<std::uint32_t> u32() const noexcept;
  Result<std::uint64_t> u64() const noexcept;
  Result<std::uint64_t> cells(std::size_t first, std::size_t count) const noexcept;

  // The first string, without its zero. A text without one ends where the property ends.
  TextView text() const noexcept;
  // The `at`-th string of a list; none when the list is shorter.
  std::optional<TextView> text(std::size_t at) const noexcept;
  // Whether the list of strings has `wanted`, as "compatible" does.
  bool lists(TextView wanted) const noexcept;

 private:
  TextView name_;
  ByteView bytes_;
};

// One node. Equal when it is the same node of the same tree.
class FdtNode {
 public:
  constexpr FdtNode(const FdtBlocks& blocks, std::size_t at) noexcept : blocks_{blocks}, at_{at} {}

  TextView name() const noexcept;          // "memory@40000000"; empty for the root
  TextView base_name() const noexcept;     // "memory"
  TextView unit_address() const noexcept;  // "40000000"; empty when there is none
  FdtProperties properties() const noexcept;
  FdtChildren children() const noexcept;

  // The first property of that name.
  //
  // Cost      O(bytes of the node's properties).
  std::optional<FdtProperty> property(TextView name) const noexcept;
  bool has(TextView name) const noexcept { return property(name).has_value(); }
  // The first child of that name. A wanted name without '@' matches whatever the unit address is.
  //
  // Cost      O(bytes of the subtree).
  std::optional<FdtNode> child(TextView name) const noexcept;

  // Whether "status" is missing, "okay" or "ok".
  bool available() const noexcept;
  bool compatible_with(TextView wanted) const noexcept;
  // This node's #address-cells and #size-cells, for its children; what is missing comes from `otherwise`.
  FdtCells cells(FdtCells otherwise = {}) const noexcept;
  // "numa-node-id" and the like: the first cell of a property; none when it has no whole cell.
  std::optional<std::uint32_t> number(TextView name) const noexcept;

  // What others call it by: "phandle", or "linux,phandle" in trees of long ago; none when it has no name of that kind.
  std::optional<std::uint32_t> phandle() const noexcept;

  // Where the node begins in the structure block: its identity.
  constexpr std::size_t offset() const noexcept { return at_; }
  friend constexpr bool operator==(const FdtNode& a, const FdtNode& b) noexcept {
    return a.at_ == b.at_ && a.blocks_.structure.data() == b.blocks_.structure.data();
  }

 private:
  FdtBlocks blocks_;
  std::size_t at_;  // law: the offset of an FDT_BEGIN_NODE
};

// for (FdtProperty property : node.properties())
class FdtProperties {
 public:
  class Iterator {
   public:
    Iterator(const FdtBlocks& blocks, std::size_t at) noexcept;
    FdtProperty operator*() const noexcept;
    Iterator& operator++() noexcept;
    bool operator==(FdtEnd) const noexcept;

   private:
    FdtBlocks blocks_;
    std::size_t at_;  // law: the offset of a token that is no FDT_NOP
  };
  FdtProperties(const FdtBlocks& blocks, std::size_t at) noexcept : blocks_{blocks}, at_{at} {}
  Iterator begin() const noexcept { return {blocks_, at_}; }
  static FdtEnd end() noexcept { return {}; }

 private:
  FdtBlocks blocks_;
  std::size_t at_;
};

// for (FdtNode child : node.children()). Each step skips a subtree, so a whole walk with children() costs
// O(bytes * depth); Fdt::nodes() does it in O(bytes).
class FdtChildren {
 public:
  class Iterator {
   public:
    Iterator(const FdtBlocks& blocks, std::size_t at) noexcept;
    FdtNode operator*() const noexcept { return {blocks_, at_}; }
    Iterator& operator++() noexcept;
    bool operator==(FdtEnd) const noexcept;

   private:
    FdtBlocks blocks_;
    std::size_t at_;
  };
  FdtChildren(const FdtBlocks& blocks, std::size_t at) noexcept : blocks_{blocks}, at_{at} {}
  Iterator begin() const noexcept { return {blocks_, at_}; }
  static FdtEnd end() noexcept { return {}; }

 private:
  FdtBlocks blocks_;
  std::size_t at_;
};

// Every node in the order of the blob, with its depth; the root's is 0.
class FdtNodes {
 public:
  struct Visit {
    FdtNode node;
    std::size_t depth;
  };
  class Iterator {
   public:
    Iterator(const FdtBlocks& blocks, std::size_t at) noexcept : blocks_{blocks}, at_{at} {}
    Visit operator*() const noexcept { return {{blocks_, at_}, depth_}; }
    Iterator& operator++() noexcept;
    bool operator==(FdtEnd) const noexcept { return at_ == kPast; }

   private:
    static constexpr std::size_t kPast = SIZE_MAX;
    FdtBlocks blocks_;
    std::size_t at_;
    std::size_t depth_ = 0;
  };
  FdtNodes(const FdtBlocks& blocks, std::size_t at) noexcept : blocks_{blocks}, at_{at} {}
  Iterator begin() const noexcept { return {blocks_, at_}; }
  static FdtEnd end() noexcept { return {}; }

 private:
  FdtBlocks blocks_;
  std::size_t at_;
};

// One entry of the memory reservation block, as written: unaligned, overlapping and wrapping ones included.
struct FdtReservation {
  PhysAddr base;
  Bytes size;
};

// The reservations in their order. The block ends at its first entry of size zero.
class FdtReservations {
 public:
  class Iterator {
   public:
    constexpr Iterator(ByteView bytes) noexcept : bytes_{bytes} {}
    FdtReservation operator*() const noexcept;
    Iterator& operator++() noexcept {
      bytes_ = bytes_.subspan(kEntryBytes);
      return *this;
    }
    bool operator==(FdtEnd) const noexcept { return bytes_.empty(); }

   private:
    ByteView bytes_;
  };
  static constexpr std::size_t kEntryBytes = 16;  // 2^4
  constexpr explicit FdtReservations(ByteView bytes) noexcept : bytes_{bytes} {}
  constexpr std::size_t size() const noexcept { return bytes_.size() >> 4; }
  Iterator begin() const noexcept { return {bytes_}; }
  static FdtEnd end() noexcept { return {}; }

 private:
  ByteView bytes_;  // law: whole entries, the terminator left out
};

class Fdt {
 public:
  // Reads a tree of version 16 or 17, or a later one that is compatible with 17. Bytes past the tree's own
  // size are ignored. With `fault`, a failure says where and why.
  //
  // Errors    truncated_table: there are fewer bytes than the header says. bad_table: anything else.
  // Cost      O(bytes), once.
  static Result<Fdt> from(ByteView bytes, FdtFault* fault = nullptr) noexcept;

  FdtNode root() const noexcept { return {blocks_, root_}; }
  FdtNodes nodes() const noexcept { return {blocks_, root_}; }
  // The node at an absolute path such as "/chosen" or "/soc/bus@0"; unit addresses may be left out.
  //
  // Cost      O(bytes).
  std::optional<FdtNode> find(TextView path) const noexcept;
  // The first node that is called so. 0 and the highest number are no handles.
  //
  // Cost      O(bytes).
  std::optional<FdtNode> by_phandle(std::uint32_t handle) const noexcept;
  FdtReservations reservations() const noexcept { return FdtReservations{reservations_}; }

  ByteView bytes() const noexcept { return bytes_; }  // exactly totalsize of them
  unsigned version() const noexcept { return version_; }
  std::uint32_t boot_cpu() const noexcept { return boot_cpu_; }

 private:
  Fdt() noexcept = default;
  friend class FdtValidator;

  ByteView bytes_;
  FdtBlocks blocks_;
  ByteView reservations_;
  std::size_t root_ = 0;
  unsigned version_ = 0;
  std::uint32_t boot_cpu_ = 0;
};

}  // namespace quarry::firmware
