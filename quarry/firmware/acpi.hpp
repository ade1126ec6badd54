// quarry/firmware/acpi.hpp: finding ACPI's tables: RSDP, then RSDT or XSDT, then each table by signature.
//
// Source    ACPI 6.4, sections 5.2.5 (RSDP), 5.2.6 (header), 5.2.7 (RSDT), 5.2.8 (XSDT).
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"
#include "quarry/firmware/load.hpp"

namespace quarry::firmware {

// Physical memory as the caller can show it: a direct map in a kernel, files on a host. The bytes stay
// valid for as long as the tables are read.
class PhysMemory {
 public:
  // Returns fewer than `size` bytes, none included, when that is all there is.
  using View = ByteView (*)(void* self, PhysAddr at, std::size_t size) noexcept;
  constexpr PhysMemory(void* self, View show) noexcept : self_{self}, show_{show} {}
  // Errors    out_of_range: not all of it can be seen.
  Result<ByteView> view(PhysAddr at, std::size_t size) const noexcept;

 private:
  void* self_;
  View show_;
};

// Whether the bytes add up to zero, modulo 256.
bool acpi_checksum_holds(ByteView bytes) noexcept;

// A whole table: its header and what follows.
class AcpiTable {
 public:
  static constexpr std::size_t kHeaderBytes = 36;

  // Cuts `bytes` to the length that the header states.
  //
  // Errors    truncated_table: fewer bytes than that, or than a header. bad_table: a length below a header's,
  //           or a wrong checksum.
  static Result<AcpiTable> from(ByteView bytes) noexcept;
  // The same for one signature. Errors: bad_table also for another signature.
  static Result<AcpiTable> from(ByteView bytes, TextView signature) noexcept;

  TextView signature() const noexcept;  // four characters
  std::uint8_t revision() const noexcept { return load_le<std::uint8_t>(bytes_, 8); }
  TextView oem_id() const noexcept;        // six characters
  TextView oem_table_id() const noexcept;  // eight characters
  ByteView bytes() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }

 private:
  explicit AcpiTable(ByteView bytes) noexcept : bytes_{bytes} {}
  ByteView bytes_;  // law: at least a header, exactly as long as the header says, checksum zero
};

// The root pointer.
struct Rsdp {
  std::uint8_t revision = 0;  // 0: ACPI 1.0, no XSDT
  PhysAddr rsdt;
  PhysAddr xsdt;           // 0: none
  std::size_t length = 0;  // bytes

  // Errors    truncated_table: too few bytes. bad_table: no signature, or a wrong checksum.
  static Result<Rsdp> from(ByteView bytes) noexcept;
};

// The list of tables.
class AcpiTables {
 public:
  // Follows the pointer at `rsdp`; the XSDT goes before the RSDT.
  //
  // Errors    as of Rsdp and AcpiTable; out_of_range: memory cannot show the bytes.
  static Result<AcpiTables> from(PhysMemory memory, PhysAddr rsdp) noexcept;

  std::size_t size() const noexcept;
  PhysAddr address(std::size_t at) const noexcept;
  // Errors    as of AcpiTable::from(); out_of_range.
  Result<AcpiTable> table(std::size_t at) const noexcept;
  // The first table of that signature that can be read.
  //
  // Errors    not_found: none is listed. Else why the listed one cannot be read.
  Result<AcpiTable> find(TextView signature) const noexcept;

 private:
  AcpiTables(PhysMemory memory, AcpiTable root, std::size_t entry_bytes) noexcept
      : memory_{memory}, root_{root}, entry_bytes_{entry_bytes} {}
  PhysMemory memory_;
  AcpiTable root_;
  std::size_t entry_bytes_;  // 4 in an RSDT, 8 in an XSDT
};

// A subtable of SRAT or MADT: type and length in its first two bytes.
struct AcpiEntry {
  std::uint8_t type;
  ByteView bytes;
};
// Cuts the entry at `offset`, and moves `offset` past it.
//
// Errors    truncated_table: the table ends within the entry. bad_table: a length below two.
Result<AcpiEntry> next_acpi_entry(ByteView table, std::size_t& offset) noexcept;

}  // namespace quarry::firmware
