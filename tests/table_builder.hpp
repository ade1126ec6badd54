// tests/table_builder.hpp: writes little-endian tables: ACPI's, UEFI's, boot_params, ATAGs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "quarry/base/check.hpp"
#include "quarry/base/text.hpp"

namespace quarry::test {

class TableBuilder {
 public:
  static constexpr std::size_t kBytes = 4096;

  TableBuilder& u8(unsigned value) noexcept { return put(value, 1); }
  TableBuilder& u16(unsigned value) noexcept { return put(value, 2); }
  TableBuilder& u32(std::uint32_t value) noexcept { return put(value, 4); }
  TableBuilder& u64(std::uint64_t value) noexcept { return put(value, 8); }
  TableBuilder& zeros(std::size_t count) noexcept {
    while (count-- > 0) put(0, 1);
    return *this;
  }
  TableBuilder& text(TextView value) noexcept {
    for (const char c : value) put(static_cast<unsigned char>(c), 1);
    return *this;
  }
  // The 36 bytes that every ACPI table begins with; finish_acpi() fills in length and checksum.
  TableBuilder& acpi(TextView signature, unsigned revision) noexcept {
    return text(signature).u32(0).u8(revision).u8(0).text("QUARRY").text("TESTTABL").zeros(12);
  }
  std::span<std::byte> finish_acpi() noexcept {
    at(4, size_, 4);
    fix_checksum(9, size_);
    return bytes();
  }
  // Makes the first `size` bytes add up to zero, by the byte at `where`.
  TableBuilder& fix_checksum(std::size_t where, std::size_t size) noexcept {
    unsigned sum = 0;
    data_[where] = std::byte{0};
    for (std::size_t i = 0; i < size; ++i) sum += std::to_integer<unsigned>(data_[i]);
    data_[where] = static_cast<std::byte>(0u - sum);
    return *this;
  }
  // Overwrites `width` bytes.
  TableBuilder& at(std::size_t where, std::uint64_t value, std::size_t width) noexcept {
    check(where + width <= size_, "outside the test's table");
    for (std::size_t i = 0; i < width; ++i) data_[where + i] = static_cast<std::byte>(value >> (8 * i));
    return *this;
  }
  std::span<std::byte> bytes() noexcept { return {data_.data(), size_}; }
  std::size_t size() const noexcept { return size_; }

 private:
  TableBuilder& put(std::uint64_t value, std::size_t width) noexcept {
    check(width <= kBytes - size_, "the test's table is too large");
    size_ += width;
    return at(size_ - width, value, width);
  }

  std::array<std::byte, kBytes> data_{};
  std::size_t size_ = 0;
};

}  // namespace quarry::test

namespace quarry {
using test::TableBuilder;
}
