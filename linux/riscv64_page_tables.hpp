// linux/riscv64_page_tables.hpp: pages that the tables of riscv64's linear map and kernel image take.
//
//   linear   |====|====|=|     a bank at whole blocks of 2 MiB is mapped by them, any other page by page
//   image    blocks of 2 MiB at the last 2 GiB of all addresses
//
// All tables come from the top of memory, one after the other as the first address of each is mapped.
//
// Source    Linux 6.1, arch/riscv/mm/init.c, "setup_vm_final" (behaviour). Later kernels use larger blocks.
#pragma once

#include <set>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

class Riscv64PageTables {
 public:
  Riscv64PageTables(boot::State& state, const KernelProfile& kernel) noexcept
      : state_{&state}, kernel_{&kernel} {}

  // Errors    no_memory: the kernel stops.
  // Cost      O(memory regions + tables).
  Result<Done> map_everything();

 private:
  enum class By : std::uint8_t { blocks, pages };

  Result<Done> map(std::uint64_t begin, std::uint64_t end, By by);
  // The table that `level` address bits select from, unless it is there.
  Result<Done> need(unsigned level, std::uint64_t address);

  boot::State* state_;
  const KernelProfile* kernel_;
  std::set<std::pair<unsigned, std::uint64_t>> tables_;
};

}  // namespace quarry::lnx
