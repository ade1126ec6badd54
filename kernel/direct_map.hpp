// kernel/direct_map.hpp: all of RAM at arch::kDirectMap, by the library's own page-table writer.
#pragma once

#include <optional>

#include "kernel/platform.hpp"
#include "kernel/system.hpp"
#include "quarry/base/locking.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/early/config.hpp"
#include "quarry/vm/page_table.hpp"

namespace kernel {

// How often processors were told to forget translations: counted where it is done.
//
// Law: what was in force until flush number n began is remembered by nobody once `done` is n.
struct Flushes {
  std::uint64_t begun = 0, done = 0;
  std::uint64_t on_cores = 0;  // by how many instructions' rows: each core's own, or one that tells all
};
Flushes flushes() noexcept;

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
  // Held by whoever changes or reads the tables once other cores run. No guard: cores that wait for it hear what they are told.
  quarry::SpinLock& lock() noexcept { return lock_; }
  // Shows `range` at `at` as well when the tables are built, with table pages of memblock's. For tests: a mapping that ends.
  void show_early(quarry::vm::VirtAddr at, quarry::PhysRange range) noexcept {
    early_at_ = at;
    early_ = range;
  }
  // From now on table pages are the page allocator's, and go back to it, those too that were memblock's; and all running cores are
  // told what changes.
  void take_pages_from(System& system) noexcept;

 private:
  quarry::Result<quarry::Done> build(quarry::boot::State& state) noexcept;
  quarry::Result<quarry::Done> map_ram(quarry::boot::State& state) noexcept;
  quarry::Result<quarry::Done> map_the_rest() noexcept;
  quarry::Result<quarry::Done> map_absent(const arch::Mapping& mapping) noexcept;
  static quarry::Result<quarry::Pfn> take_page(void* self) noexcept;
  static void give_page(System& system, quarry::Pfn page) noexcept;

  quarry::PhysRange boot_mapped_;
  quarry::boot::State* state_ = nullptr;  // while building
  std::optional<Table> table_;
  quarry::SpinLock lock_;
  quarry::vm::VirtAddr early_at_{};
  quarry::PhysRange early_{};
};

}  // namespace kernel
