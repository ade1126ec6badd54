// quarry/page/extra.hpp: an embedder's own fields beside every descriptor, chosen at compile time.
//
//   MemoryMap<G>          | Descriptor |                16 bytes a page
//   MemoryMap<G, Extra>   | Descriptor | Extra |        16 + sizeof(Extra), as alignment asks
//
// What only some machines need, and what is decided while booting, is a page extension instead (extension.hpp).
#pragma once

#include <type_traits>

#include "quarry/page/descriptor.hpp"

namespace quarry::page {

struct NoExtra {};

// `extra` starts as zero bytes, at init() and whenever a section is added. No change of the page's state touches it:
// it stands for the frame, not for the block, and every tail has its own.
template <class Extra>
struct Extended : Descriptor {
  static_assert(std::is_trivially_copyable_v<Extra> && std::is_trivially_destructible_v<Extra>,
                "extra fields begin as zero bytes and are never destroyed");
  Extra extra;
};

template <class Extra>
using DescriptorWith = std::conditional_t<std::is_same_v<Extra, NoExtra>, Descriptor, Extended<Extra>>;
static_assert(sizeof(DescriptorWith<NoExtra>) == 16);

}  // namespace quarry::page
