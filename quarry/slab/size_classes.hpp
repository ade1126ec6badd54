// quarry/slab/size_classes.hpp: the sizes that kmalloc rounds up to.
//
//   index   3   4    5    6    1    7    2    8   ...   13     + 1 for each doubling of the page size
//   size    8   16   32   64   96   128  192  256 ...   8192   two pages; larger ones are whole blocks
//
// Powers of two by their logarithm, and two in between by the numbers that no power needs. Where DMA demands a
// larger alignment, the classes below it are left out, and with 64 or 128 those in between that would break it.
#pragma once

#include <optional>

#include "quarry/base/text.hpp"
#include "quarry/slab/geometry.hpp"
#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

inline constexpr unsigned kLeastClass = 3;
inline constexpr unsigned kSizeClasses = 18;  // up to two pages of 64 KiB
inline constexpr unsigned kMemories = 3;      // enum Memory

// Bytes of a class, 0 for the unused index 0.
constexpr std::uint32_t class_size(unsigned index) noexcept {
  return index == 0 ? 0 : index == 1 ? 96 : index == 2 ? 192 : std::uint32_t{1} << index;
}

// KMALLOC_MIN_SIZE: the least class, which is also the alignment that all memory from kmalloc has.
constexpr std::uint32_t least_class_size(const PackingRules& rules) noexcept {
  return detail::larger(rules.kmalloc_align, class_size(kLeastClass));
}
constexpr unsigned highest_class(const PackingRules& rules) noexcept { return rules.page_shift + 1; }

// Whether the machine has a class: 96 needs an alignment of at most 32, 192 of at most 64.
constexpr bool has_class(unsigned index, const PackingRules& rules) noexcept {
  if (index == 1) return least_class_size(rules) <= 32;
  if (index == 2) return least_class_size(rules) <= 64;
  return index >= kLeastClass && index <= highest_class(rules) &&
         class_size(index) >= least_class_size(rules);
}

// The class that serves `size` bytes; none if that is 0 or above two pages.
//
// Source    Linux 6.1, "kmalloc_slab", "setup_kmalloc_cache_index_table" (behaviour).
constexpr std::optional<unsigned> class_of(std::uint64_t size, const PackingRules& rules) noexcept {
  if (size == 0 || size > class_size(highest_class(rules))) return std::nullopt;
  if (size > 64 && size <= 96 && has_class(1, rules)) return 1;
  if (size > 128 && size <= 192 && has_class(2, rules)) return 2;
  const unsigned power = size == 1 ? 0 : 64 - count_leading_zeros(size - 1);
  const unsigned least = detail::ilog2(least_class_size(rules));
  return power < least ? least : power;
}

// "kmalloc-96", "kmalloc-rcl-1k", "dma-kmalloc-8".
TextView class_name(Memory memory, unsigned index) noexcept;

}  // namespace quarry::slab
