// quarry/view/gfp.hpp: a request in the words of those who know Linux's flags.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/buddy/request.hpp"

namespace quarry::view {

// The flag word that asks Linux for the same.
//
// Source    Linux 6.1, include/linux/gfp_types.h.
std::uint32_t gfp_of(const buddy::Request& request) noexcept;

// "0xcc0(GFP_KERNEL)": the word, and the names of its parts, the larger first.
//
// Source    Linux 6.1, "show_gfp_flags" (format).
void print_gfp(TextSink& out, const buddy::Request& request) noexcept;

}  // namespace quarry::view
