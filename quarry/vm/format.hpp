// quarry/vm/format.hpp: what a processor's page tables look like, as a type.
//
//   level        2          1          0
//   table    |--------| |--------| |--------|     one page each; the topmost may use the start of its page only
//   entry         *----->    *----->    *----->  page
//                 |          large page          a leaf above level 0 maps 2^(index bits * level) pages
#pragma once

#include <concepts>
#include <cstdint>

#include "quarry/vm/access.hpp"
#include "quarry/vm/address.hpp"

namespace quarry::vm {

// Levels are counted from the pages up, whatever the architecture's manual calls them. Entries have 8 bytes.
//
// Laws: 0 is absent, and so is every entry whose lowest bit is clear, whatever the others say; a leaf's entry
// read back is the leaf that was written.
template <class F>
concept TableFormat =
    requires(std::uint64_t entry, unsigned level, PhysAddr at, Access access, VirtAddr virt) {
      { F::kPageShift } -> std::convertible_to<unsigned>;
      { F::kVirtBits } -> std::convertible_to<unsigned>;       // of an address that tables translate
      { F::kPhysBits } -> std::convertible_to<unsigned>;       // that an entry has room for
      { F::kHighestLeaf } -> std::convertible_to<unsigned>;    // the highest level whose entries may be pages
      { F::kOptional } -> std::convertible_to<std::uint64_t>;  // bits that a processor may not have
      // Whether an entry in force must become absent, and be forgotten, before another takes its place.
      { F::kBreaksBeforeMaking } -> std::convertible_to<bool>;
      { F::translates(virt) } noexcept -> std::same_as<bool>;  // the address is of this tree, sign and all
      { F::is_present(entry) } noexcept -> std::same_as<bool>;
      { F::is_leaf(entry, level) } noexcept -> std::same_as<bool>;         // of a present one
      { F::address_in(entry, level) } noexcept -> std::same_as<PhysAddr>;  // of a page or of a table
      { F::table_at(at) } noexcept -> std::same_as<std::uint64_t>;
      { F::leaf_at(at, level, access) } noexcept -> std::same_as<std::uint64_t>;
      { F::access_of(entry, level) } noexcept -> std::same_as<Access>;
    };

// What follows from a format's numbers.
template <TableFormat F>
struct Shape {
  static constexpr unsigned kIndexBits = F::kPageShift - 3;
  static constexpr unsigned levels() noexcept {
    unsigned levels = 1;
    while (shift(levels) < F::kVirtBits) ++levels;
    return levels;
  }
  static constexpr unsigned shift(unsigned level) noexcept { return F::kPageShift + level * kIndexBits; }
  // Bytes that one entry of a table of `level` stands for.
  static constexpr std::uint64_t span(unsigned level) noexcept { return std::uint64_t{1} << shift(level); }
  static constexpr unsigned top() noexcept { return levels() - 1; }
  static constexpr unsigned entries(unsigned level) noexcept {
    return level == top() ? 1u << (F::kVirtBits - shift(level)) : 1u << kIndexBits;
  }
  // Where `offset` has its entry in a table of `level`.
  static constexpr unsigned index(std::uint64_t offset, unsigned level) noexcept {
    return static_cast<unsigned>(offset >> shift(level)) & (entries(level) - 1);
  }
};

}  // namespace quarry::vm
