// quarry/firmware/fdt_cells.hpp: addresses and sizes made of 32-bit cells.
//
// Source    Devicetree Specification v0.4, sections 2.3.5 and 2.3.6.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/divide.hpp"
#include "quarry/base/units.hpp"
#include "quarry/firmware/load.hpp"

namespace quarry::firmware {

// How many entries of `entry` bytes there are in `size` bytes; none when `entry` is 0.
constexpr std::size_t whole_entries(std::size_t size, std::uint64_t entry) noexcept {
  return entry == 0 ? 0 : static_cast<std::size_t>(divide(size, entry));
}

// How many cells an address and a size have. The defaults are those that Linux 6.1 gives a root that is
// silent; the specification's own are 2 and 1.
struct FdtCells {
  std::uint32_t address = 1;
  std::uint32_t size = 1;
  constexpr std::uint64_t entry_bytes() const noexcept { return (std::uint64_t{address} + size) * 4; }
  friend constexpr bool operator==(FdtCells, FdtCells) noexcept = default;
};

// The low 64 bits of `count` cells at byte `offset`, which the caller has measured.
struct FdtNumber {
  std::uint64_t value = 0;
  bool fits = true;  // false: the cells held more than 64 bits
};
FdtNumber read_cells(ByteView bytes, std::size_t offset, std::uint32_t count) noexcept;

// One pair of "reg" and the like. Zero sizes and ends past 2^64 are kept as they came.
struct FdtReg {
  PhysAddr base;
  Bytes size;
  bool fits = true;  // false: a number above 64 bits lost its high cells, as it does in Linux
};

// A list of (address, size) pairs over a property's bytes.
class FdtRegs {
 public:
  constexpr FdtRegs() noexcept = default;
  constexpr FdtRegs(ByteView bytes, FdtCells cells) noexcept
      : bytes_{bytes}, cells_{cells}, count_{whole_entries(bytes.size(), cells.entry_bytes())} {}

  constexpr std::size_t size() const noexcept { return count_; }
  constexpr bool empty() const noexcept { return count_ == 0; }
  // Whether the pairs fill the property: no cell is left over.
  constexpr bool whole() const noexcept { return count_ * cells_.entry_bytes() == bytes_.size(); }
  constexpr ByteView bytes() const noexcept { return bytes_; }
  FdtReg operator[](std::size_t at) const noexcept;

  class Iterator {
   public:
    constexpr Iterator(const FdtRegs* list, std::size_t at) noexcept : list_{list}, at_{at} {}
    FdtReg operator*() const noexcept { return (*list_)[at_]; }
    constexpr Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    constexpr bool operator==(const Iterator& other) const noexcept { return at_ == other.at_; }

   private:
    const FdtRegs* list_;
    std::size_t at_;
  };
  constexpr Iterator begin() const noexcept { return {this, 0}; }
  constexpr Iterator end() const noexcept { return {this, count_}; }

 private:
  ByteView bytes_;
  FdtCells cells_;
  std::size_t count_ = 0;  // law: count_ whole pairs lie in bytes_
};

}  // namespace quarry::firmware
