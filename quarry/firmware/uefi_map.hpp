// quarry/firmware/uefi_map.hpp: the memory map of UEFI's GetMemoryMap().
//
// Source    UEFI 2.10, section 7.2, "Memory Allocation Services": EFI_MEMORY_DESCRIPTOR, tables 7.6 and 7.10.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/table.hpp"
#include "quarry/firmware/load.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::firmware {

// Kept as a number: values from 0x70000000 up are an OEM's or a loader's own.
enum class UefiType : std::uint32_t {
  reserved = 0,
  loader_code = 1,
  loader_data = 2,
  boot_services_code = 3,
  boot_services_data = 4,
  runtime_services_code = 5,
  runtime_services_data = 6,
  conventional = 7,
  unusable = 8,
  acpi_reclaim = 9,
  acpi_nvs = 10,
  mapped_io = 11,
  mapped_io_port_space = 12,
  pal_code = 13,
  persistent = 14,
  unaccepted = 15,
};

// Bits of an attribute.
struct UefiAttribute {
  static constexpr std::uint64_t kUc = 0x1;
  static constexpr std::uint64_t kWc = 0x2;
  static constexpr std::uint64_t kWt = 0x4;
  static constexpr std::uint64_t kWb = 0x8;
  static constexpr std::uint64_t kMoreReliable = 0x10000;  // mirrored
  static constexpr std::uint64_t kSp = 0x40000;            // specific purpose
  static constexpr std::uint64_t kRuntime = 0x8000'0000'0000'0000;
};

struct UefiDescriptor {
  UefiType type = UefiType::reserved;
  PhysAddr base;
  std::uint64_t pages = 0;  // of 4 KiB, whatever the kernel's own page size is
  std::uint64_t attribute = 0;

  // In bytes; a number of pages above 2^52 ends at the last whole page of 2^64.
  Bytes size() const noexcept;
  bool has(std::uint64_t attribute_bits) const noexcept { return (attribute & attribute_bits) != 0; }
};

// Whether memory marked for a specific purpose is set aside, as Linux does unless told efi=nosoftreserve.
enum class SoftReserve : std::uint8_t { off, on };

// Any RAM at all: it can be cached or write-combined (arm64 and riscv64).
bool is_memory(const UefiDescriptor& descriptor) noexcept;
// RAM that is the kernel's once boot services are gone (arm64 and riscv64).
bool is_usable(const UefiDescriptor& descriptor, SoftReserve soft_reserve) noexcept;
// Memory of the boot services, which x86 keeps until late.
bool is_boot_services(const UefiDescriptor& descriptor) noexcept;
// The e820 type as x86 sees it.
//
// Source    Linux 6.1, "do_add_efi_memmap", "is_memory", "is_usable_memory" (behaviour).
MapType map_type(const UefiDescriptor& descriptor, SoftReserve soft_reserve) noexcept;
MapEntry map_entry(const UefiDescriptor& descriptor, SoftReserve soft_reserve) noexcept;

// Descriptors may be larger than the structure: the step between them is the firmware's.
class UefiMap {
 public:
  static constexpr std::size_t kDescriptorBytes = 40;

  // Errors    bad_table: the step is below 40. truncated_table: the last descriptor is cut off.
  static Result<UefiMap> from(ByteView bytes, std::size_t descriptor_size) noexcept;

  std::size_t size() const noexcept { return count_; }
  UefiDescriptor operator[](std::size_t at) const noexcept;
  // Appends every descriptor as an e820 entry, in the map's order.
  //
  // Errors    no_room: `out` is too small. Nothing changed.
  Result<Done> to_entries(SoftReserve soft_reserve, Table<MapEntry>& out) const noexcept;

 private:
  UefiMap(ByteView bytes, std::size_t step, std::size_t count) noexcept
      : bytes_{bytes}, step_{step}, count_{count} {}
  ByteView bytes_;
  std::size_t step_;   // law: at least kDescriptorBytes
  std::size_t count_;  // law: count_ * step_ == bytes_.size()
};

}  // namespace quarry::firmware
