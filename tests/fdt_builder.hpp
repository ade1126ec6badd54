// tests/fdt_builder.hpp: writes a small flattened device tree, in memory of its own and without a heap.
//
//   FdtBuilder tree;
//   tree.cells("#address-cells", 2).cells("#size-cells", 2);
//   tree.begin("memory@40000000").text("device_type", "memory").numbers("reg", 0x40000000, 0x10000000).end();
//   const auto parsed = firmware::Fdt::from(tree.finish());
//
// The root is open from the start and finish() closes it. What does not fit stops the test.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "quarry/base/check.hpp"
#include "quarry/base/text.hpp"

namespace quarry::test {

template <std::size_t kScale>
class ScaledFdtBuilder {
 public:
  // At scale 1 small enough for a kernel's stack.
  static constexpr std::size_t kStructureBytes = 4096 * kScale, kStringsBytes = 1024 * kScale,
                               kReservationBytes = 256 * kScale;
  static constexpr std::size_t kHeader = 40;

  ScaledFdtBuilder() noexcept { begin(""); }

  ScaledFdtBuilder& begin(TextView name) noexcept {
    structure_.word(1);
    structure_.text(name);
    structure_.pad(4);
    return *this;
  }
  ScaledFdtBuilder& end() noexcept {
    structure_.word(2);
    return *this;
  }
  ScaledFdtBuilder& nop() noexcept {
    structure_.word(4);
    return *this;
  }
  // A property of any bytes.
  ScaledFdtBuilder& bytes(TextView name, std::span<const std::byte> value) noexcept {
    header(name, value.size());
    for (const std::byte byte : value) structure_.byte(byte);
    structure_.pad(4);
    return *this;
  }
  ScaledFdtBuilder& flag(TextView name) noexcept { return bytes(name, {}); }
  // Each text with its zero: one string, or a list of them.
  template <class... Texts>
  ScaledFdtBuilder& text(TextView name, Texts... texts) noexcept {
    header(name, (... + (TextView{texts}.size() + 1)));
    (structure_.text(TextView{texts}), ...);
    structure_.pad(4);
    return *this;
  }
  // Each value as one cell, and as two.
  template <class... Values>
  ScaledFdtBuilder& cells(TextView name, Values... values) noexcept {
    header(name, 4 * sizeof...(values));
    (structure_.word(static_cast<std::uint32_t>(values)), ...);
    return *this;
  }
  template <class... Values>
  ScaledFdtBuilder& numbers(TextView name, Values... values) noexcept {
    header(name, 8 * sizeof...(values));
    (structure_.number(static_cast<std::uint64_t>(values)), ...);
    return *this;
  }
  ScaledFdtBuilder& reserve(std::uint64_t base, std::uint64_t size) noexcept {
    reservations_.number(base);
    reservations_.number(size);
    return *this;
  }
  // A raw word in the structure block, for trees that are wrong on purpose.
  ScaledFdtBuilder& word(std::uint32_t value) noexcept {
    structure_.word(value);
    return *this;
  }

  // Closes the root and the tree. The bytes live as long as the builder, and may be spoilt.
  std::span<std::byte> finish() noexcept { return word(2).finish_as_is(); }
  // The same, for a structure block whose root was closed by hand, or never.
  std::span<std::byte> finish_as_is() noexcept {
    structure_.word(9);
    reservations_.number(0);
    reservations_.number(0);
    const std::size_t from = kHeader + reservations_.size, names = from + structure_.size;
    out_.size = 0;
    for (const std::size_t word :
         {std::size_t{0xd00dfeed}, names + strings_.size, from, names, kHeader, std::size_t{17},
          std::size_t{16}, std::size_t{0}, strings_.size, structure_.size})
      out_.word(static_cast<std::uint32_t>(word));
    out_.append(reservations_.view());
    out_.append(structure_.view());
    out_.append(strings_.view());
    return {out_.data.data(), out_.size};
  }

 private:
  template <std::size_t kCapacity>
  struct Buffer {
    std::array<std::byte, kCapacity> data{};
    std::size_t size = 0;
    void byte(std::byte value) noexcept {
      check(size < kCapacity, "the test's tree is too large");
      data[size++] = value;
    }
    void word(std::uint32_t value) noexcept {
      for (int shift = 24; shift >= 0; shift -= 8) byte(static_cast<std::byte>(value >> shift));
    }
    void number(std::uint64_t value) noexcept {
      word(static_cast<std::uint32_t>(value >> 32));
      word(static_cast<std::uint32_t>(value));
    }
    void text(TextView value) noexcept {
      for (const char c : value) byte(static_cast<std::byte>(c));
      byte(std::byte{0});
    }
    void pad(std::size_t to) noexcept {
      while ((size & (to - 1)) != 0) byte(std::byte{0});
    }
    void append(std::span<const std::byte> other) noexcept {
      for (const std::byte value : other) byte(value);
    }
    std::span<const std::byte> view() const noexcept { return {data.data(), size}; }
  };

  void header(TextView name, std::size_t size) noexcept {
    structure_.word(3);
    structure_.word(static_cast<std::uint32_t>(size));
    structure_.word(static_cast<std::uint32_t>(strings_.size));
    strings_.text(name);
  }

  Buffer<kStructureBytes> structure_;
  Buffer<kStringsBytes> strings_;
  Buffer<kReservationBytes> reservations_;
  Buffer<40 + kReservationBytes + kStructureBytes + kStringsBytes> out_;
};

using FdtBuilder = ScaledFdtBuilder<1>;

}  // namespace quarry::test

namespace quarry {
using test::FdtBuilder;
}
