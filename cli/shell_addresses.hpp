// cli/shell_addresses.hpp: kernel addresses of a simulated machine, by page tables in its own RAM.
#pragma once

#include <memory>

#include "host/paged_host.hpp"
#include "linux/kernel_profile.hpp"
#include "shell/address_space.hpp"

namespace quarry::cli {

// The simulated machine's, of its architecture's format, where the kernel that boots has its vmalloc; null: the library's own, of no build.
// Tables are made, and their first page taken, with the first request. What is given outlives it.
//
// Returns   null: there are no such page tables here.
std::unique_ptr<shell::AddressSpace, void (*)(shell::AddressSpace*)> simulated_addresses(
    shell::Machine& machine, hosted::PagedRam& ram, const lnx::KernelProfile* kernel);

}  // namespace quarry::cli
