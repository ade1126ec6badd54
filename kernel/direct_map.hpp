// kernel/direct_map.hpp: all of RAM at arch::kDirectMap, by the library's own page-table writer.
#pragma once

#include <optional>

#include "kernel/platform.hpp"
#include "kernel/system.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/early/config.hpp"
#include "quarry/vm/page_table.hpp"

namespace kernel {

// The kernel's page tables: built when the flow knows all of RAM, out of memblock's memory that the boot tables
// show; from then on in force.
class DirectMap {
 public:
  using Table = quarry::vm::PageTable<arch::TableFormat, Platform>;

  explicit DirectMap(quarry::PhysRange boot_mapped) noexcept;
  DirectMap(const DirectMap&) = delete;
  DirectMap& operator=(const DirectMap&) = delete;

  quarry::boot::Hooks hooks() noexcept;
  // Physical memory as pointers; before the tables are in force as far as the boot tables reach.
  static quarry::early::DirectMap early() noexcept;

  // Null before they are built.
  Table* table() noexcept { return table_ ? &*table_ : nullptr; }
  // From now on table pages are the page allocator's, and all running cores are told what changes.
  void take_pages_from(System& system) noexcept;

 private:
  quarry::Result<quarry::Done> build(quarry::boot::State& state) noexcept;
  quarry::Result<quarry::Done> map_ram(quarry::boot::State& state) noexcept;
  quarry::Result<quarry::Done> map_the_rest() noexcept;
  quarry::Result<quarry::Done> map_absent(const arch::Mapping& mapping) noexcept;
  static quarry::Result<quarry::Pfn> take_page(void* self) noexcept;

  quarry::PhysRange boot_mapped_;
  quarry::boot::State* state_ = nullptr;  // while building
  std::optional<Table> table_;
};

}  // namespace kernel
