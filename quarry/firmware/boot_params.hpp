// quarry/firmware/boot_params.hpp: the "zero page" that an x86 boot loader fills in, as far as memory goes.
//
// Source    Linux 6.1, Documentation/x86/zero-page.rst and boot.rst (the layout is the boot protocol's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/table.hpp"
#include "quarry/firmware/load.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::firmware {

// Where the loader left the UEFI memory map.
struct BootEfiInfo {
  PhysAddr memory_map;
  std::uint32_t memory_map_size = 0;
  std::uint32_t descriptor_size = 0;
  std::uint32_t descriptor_version = 0;
};

// A setup_data node's header. The nodes are a list through physical memory.
struct SetupData {
  static constexpr std::size_t kHeaderBytes = 16;
  static constexpr std::uint32_t kE820Ext = 1;  // more e820 entries
  PhysAddr next;                                // 0: the last
  std::uint32_t type = 0;
  std::uint32_t length = 0;  // bytes of payload after the header
};

class BootParams {
 public:
  static constexpr std::size_t kBytes = 4096;
  static constexpr unsigned kMaxEntries = 128;

  // Errors    truncated_table: fewer than 4,096 bytes.
  static Result<BootParams> from(ByteView bytes) noexcept;

  // Appends the zero page's own e820 table.
  //
  // Errors    bad_table: it claims more than 128 entries. no_room: `out` is too small. Nothing changed.
  Result<Done> e820(Table<MapEntry>& out) const noexcept;

  // KiB above 1 MiB, by INT 15h E801h and 88h.
  std::uint32_t alt_mem_k() const noexcept;
  std::uint16_t ext_mem_k() const noexcept;

  PhysAddr setup_data() const noexcept;  // 0: none
  PhysRange initrd() const noexcept;     // empty: none
  PhysAddr command_line() const noexcept;
  PhysAddr acpi_rsdp() const noexcept;  // 0: search for it
  std::optional<BootEfiInfo> efi() const noexcept;

 private:
  explicit BootParams(ByteView bytes) noexcept : bytes_{bytes} {}
  ByteView bytes_;  // law: kBytes of them
};

// Errors    truncated_table: fewer than 16 bytes.
Result<SetupData> decode_setup_data(ByteView bytes) noexcept;
// Appends the entries of an e820 payload, the bytes after the header. Bytes that make no whole entry
// are left over, as Linux leaves them.
//
// Errors    no_room: `out` is too small. Nothing changed.
Result<Done> decode_e820_ext(ByteView payload, Table<MapEntry>& out) noexcept;

// What older BIOS calls said, for a machine whose map is no map.
struct MemoryFallback {
  enum class Source : std::uint8_t { e801, bios_88 };
  Source source;
  MapEntry low;   // 0 .. 0x9f000
  MapEntry high;  // from 1 MiB on
};
// The larger of the two answers counts; on a tie E801h.
//
// Source    Linux 6.1, "e820__memory_setup_default" (behaviour).
MemoryFallback memory_fallback(std::uint32_t alt_mem_k, std::uint32_t ext_mem_k) noexcept;

}  // namespace quarry::firmware
