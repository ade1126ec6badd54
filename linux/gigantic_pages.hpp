// linux/gigantic_pages.hpp: huge pages that are larger than any block of the page allocator, as hugepages= asks for them.
//
// Source    Linux 6.1, mm/hugetlb.c, "hugetlb_hstate_alloc_pages" and "__alloc_bootmem_huge_page" (behaviour).
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// Takes them, in turn from each node with memory. The page allocator counts them as managed later on. Where memory
// ends, the kernel has fewer than it was asked for.
//
// Errors    no_room: the arena is used up.
Result<Done> allocate_gigantic_pages(boot::State& state);

// Whether that is what the range is.
bool is_gigantic_page(const boot::GivenBack& page) noexcept;

}  // namespace quarry::lnx
