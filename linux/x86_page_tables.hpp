// linux/x86_page_tables.hpp: pages that the tables of x86's direct map take, and from where.
//
//   0      1M                                min mapped          max mapped      end of RAM
//   |=ISA==|. . . . . . not mapped yet . . . .|=====================|. . last . . .|
//    first                                   ^ a table page for what is mapped next lies here
//
// RAM is mapped in steps, downwards from its highest whole 2 MiB, each step larger than the one before, so that the few
// pages in the brk suffice until mapped memory has room for tables. Bottom-up boots begin behind the kernel instead.
//
// Source    Linux 6.1, arch/x86/mm/init.c and init_64.c, "init_mem_mapping" (behaviour).
#pragma once

#include <map>
#include <set>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// How large a piece of memory one entry of a table may map.
enum class MappedBy : std::uint8_t { pages_4k, pages_2m, pages_1g };

class X86PageTables {
 public:
  X86PageTables(boot::State& state, const StructSizes& sizes, const KernelProfile& kernel) noexcept;

  // Maps all memory of the machine; what that takes is memblock's afterwards.
  //
  // Errors    no_memory: a table has no place, and the kernel stops.
  // Cost      O(steps * regions + tables).
  Result<Done> map_everything();

 private:
  enum class Entry : std::uint8_t { table, mapping };

  Result<Done> map_downwards(PhysRange range);
  Result<Done> map_upwards(PhysRange range);
  // Maps the memory in a range. Returns how much of it is memory.
  Result<Bytes> map_memory_in(PhysRange range);
  Result<Done> map(PhysRange range);
  Result<Done> map_piece(PhysRange piece, MappedBy largest);
  Result<Done> map_in_gigabyte(PhysRange part, MappedBy largest);
  Result<Done> map_small(PhysRange part, MappedBy largest);
  // The largest entries that may map a piece: also larger ones than it has bytes, where all around it is memory.
  MappedBy widened(PhysRange piece, MappedBy by) const;
  Result<Done> take_table();

  boot::State* state_;
  bool has_gigabyte_pages_;
  bool has_five_levels_;
  bool has_trampoline_tables_;  // the trampoline maps memory at a place of its own choice
  PhysRange buffer_;            // what is left of the brk's pages
  bool may_use_buffer_ = true;
  PhysAddr min_mapped_{}, max_mapped_{};
  PhysAddr kernel_end_{};
  std::set<std::uint64_t> top_;               // of 256 TiB: those with a table, where there are five levels
  std::set<std::uint64_t> upper_;             // of 512 GiB: those with a table
  std::map<std::uint64_t, Entry> gigabytes_;  // of 1 GiB
  std::map<std::uint64_t, Entry> two_megabytes_;  // of 2 MiB: those that were mapped in part
};

}  // namespace quarry::lnx
