// quarry/firmware/slit.hpp: how far proximity domains are from each other.
//
// Source    ACPI 6.4, section 5.2.17, "System Locality Information Table".
#pragma once

#include "quarry/firmware/acpi.hpp"

namespace quarry::firmware {

class Slit {
 public:
  static constexpr std::size_t kFirstDistance = 44;
  static constexpr std::uint8_t kLocal = 10;

  // Errors    as of AcpiTable::from() with "SLIT"; bad_table: the table is shorter than its localities
  //           squared.
  static Result<Slit> from(ByteView bytes) noexcept;

  std::size_t localities() const noexcept { return localities_; }
  std::uint8_t distance(std::size_t from, std::size_t to) const noexcept;
  // Row by row, localities() squared of them.
  std::span<const std::uint8_t> distances() const noexcept;
  // Whether each domain is 10 from itself and further from every other. Linux ignores the table otherwise.
  bool plausible() const noexcept;

 private:
  Slit(ByteView matrix, std::size_t localities) noexcept : matrix_{matrix}, localities_{localities} {}
  ByteView matrix_;  // law: localities_ squared
  std::size_t localities_;
};

}  // namespace quarry::firmware
