// linux/arm64_page_tables.hpp: pages that the tables of arm64's kernel image and linear map take.
//
//   image     |text|rodata|init text|init data|data|       a table of pages for each 2 MiB that a part ends in
//   linear    |====|(image: read-only)|===========|        blocks of 1 GiB or 2 MiB where both addresses allow it
//   identity  a few pages of the image at their physical address
//
// All tables come from the top of memory, wherever what they map lies.
//
// Source    Linux 6.1, arch/arm64/mm/mmu.c, "paging_init": "map_kernel", "map_mem", "create_idmap" (behaviour).
#pragma once

#include <set>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

class Arm64PageTables {
 public:
  Arm64PageTables(boot::State& state, const KernelProfile& kernel) noexcept
      : state_{&state}, kernel_{&kernel} {}

  // Errors    no_memory: the kernel stops.
  // Cost      O(memory regions + tables).
  Result<Done> map_everything();

 private:
  enum class Blocks : std::uint8_t { allowed, forbidden };

  // Maps `physical` from `address` on.
  Result<Done> map(PhysRange physical, std::uint64_t address, Blocks blocks);
  Result<Done> map_image();
  Result<Done> map_linear();
  // The table of a level for an address, unless it is there.
  Result<Done> need(std::set<std::uint64_t>& tables, std::uint64_t which);
  // Whether all of the linear map is made of pages, so that rights of each can change later.
  bool maps_pages_only() const;

  boot::State* state_;
  const KernelProfile* kernel_;
  std::set<std::uint64_t> upper_, middle_, lowest_;  // tables there are: of 512 GiB, 1 GiB and 2 MiB
};

}  // namespace quarry::lnx
