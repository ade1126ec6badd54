// quarry/slab/geometry.hpp: how objects of one size are packed into blocks of pages.
//
//   object      |---- object_size ----|-pad-|               one slot, `size` bytes, a multiple of `align`
//   slab        |slot|slot|slot| ... |slot|  rest  |        2^order pages, `objects` slots
//
// Pure arithmetic, so that the same numbers come out as on a booted Linux 6.1 with SLUB. A slab has at most
// 512 MiB. No operator divides here: armv7 may have no instruction for it, and would call libgcc.
#pragma once

#include <cstdint>

#include "quarry/base/bits.hpp"
#include "quarry/base/divide.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/units.hpp"

namespace quarry::slab {

// What the machine and its command line say about every cache.
struct PackingRules {
  unsigned page_shift = 12;
  unsigned word = 8;            // bytes of a pointer
  unsigned cpus = 1;            // present, or possible where only one is present
  unsigned cache_line = 64;     // bytes
  unsigned kmalloc_align = 8;   // ARCH_KMALLOC_MINALIGN: 8 on x86, 64 on armv7, 128 on arm64
  unsigned min_align = 8;       // ARCH_SLAB_MINALIGN, that of a 64-bit integer
  unsigned min_order = 0;       // slub_min_order=
  unsigned max_order = 3;       // slub_max_order=
  unsigned min_objects = 0;     // slub_min_objects=; 0: from the number of cpus
  unsigned highest_order = 10;  // of the page allocator, inclusive
};

// What each debugging option of slub_debug= adds to a slot, besides `kmalloc`, which says that the
// tracks of a kmalloc cache remember the size that was asked for.
enum class Debug : std::uint8_t {
  none = 0,
  red_zone = 1,
  poison = 2,
  store_user = 4,
  kmalloc = 8,
  sanity = 16,
  state = 32  // not Linux's: a word behind the object that says whether it is free
};
constexpr Debug operator|(Debug a, Debug b) noexcept {
  return static_cast<Debug>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr bool has(Debug set, Debug bit) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(bit)) != 0;
}

enum class LineAlign : std::uint8_t { no, yes };  // SLAB_HWCACHE_ALIGN
// Where a free object keeps its link. A constructor's work and what RCU readers still look at must
// survive being free, so their caches keep it behind the object.
enum class LinkPlace : std::uint8_t { inside, behind };

struct ObjectSpec {
  std::uint32_t size = 0;   // bytes
  std::uint32_t align = 0;  // bytes, a power of two; 0: whatever the machine asks for
  LineAlign line_align = LineAlign::no;
  LinkPlace link = LinkPlace::inside;
  Debug debug = Debug::none;
};

// Everything a cache knows about its slabs before it has one.
struct Packing {
  std::uint32_t object_size = 0;    // bytes, as asked for
  std::uint32_t size = 0;           // bytes of a slot; Linux's slab_size
  std::uint32_t align = 0;          // bytes
  std::uint32_t object_offset = 0;  // bytes from the slot's begin, here and below
  std::uint32_t right_zone = 0;     // bytes behind the object that stay as they are
  std::uint32_t state_offset = 0;   // 0: there is none
  std::uint32_t link_offset = 0;    // a multiple of four
  std::uint32_t track_offset = 0;   // 0: there are none
  Order order{0};                   // of a slab, unless memory is short
  Order small_order{0};             // of a slab when it is: the least that holds one object
  std::uint16_t objects = 0;        // in a slab of `order`
  std::uint16_t small_objects = 0;  // in a slab of `small_order`
  std::uint16_t min_partial = 0;    // slabs a node keeps though they are empty
  std::uint16_t cpu_partial = 0;    // objects a cpu may hold in slabs of its own
};

// The links are 16 bits and one value means none, but it is Linux's counter of 15 bits that binds.
inline constexpr std::uint32_t kMaxObjects = 32767;
inline constexpr std::uint16_t kMinPartial = 5, kMaxPartial = 10;

namespace detail {
constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t to) noexcept {
  return (value + to - 1) & ~(to - 1);
}
constexpr unsigned ilog2(std::uint32_t value) noexcept { return 63 - count_leading_zeros(value); }
constexpr std::uint32_t larger(std::uint32_t a, std::uint32_t b) noexcept { return a < b ? b : a; }
constexpr std::uint32_t smaller(std::uint32_t a, std::uint32_t b) noexcept { return a < b ? a : b; }
// Slabs never grow past this many bytes, so that every product below stays in 32 bits.
inline constexpr unsigned kMaxSlabShift = 29;
// Slots of `size` bytes that fit in a block.
constexpr std::uint32_t slots(std::uint32_t bytes, std::uint32_t size) noexcept {
  return static_cast<std::uint32_t>(divide(bytes, size));
}
constexpr std::uint32_t bytes_of(unsigned order, const PackingRules& rules) noexcept {
  return std::uint32_t{1} << (order + rules.page_shift);
}
}  // namespace detail

// The alignment of an object of `size` bytes for which the caller asked `align`. A cache line is halved as
// long as two objects fit in it: small objects share lines, but none straddles one.
//
// Source    Linux 6.1, "calculate_alignment" (behaviour).
constexpr std::uint32_t alignment_of(std::uint32_t size, std::uint32_t align, LineAlign line,
                                     const PackingRules& rules) noexcept {
  if (line == LineAlign::yes) {
    std::uint32_t share = rules.cache_line;
    while (share > 1 && size <= share >> 1) share >>= 1;
    align = detail::larger(align, share);
  }
  return detail::round_up(detail::larger(align, rules.min_align), rules.word);
}

// The alignment that a kmalloc class asks for: its own size where that is a power of two, so that a
// block of 512 never crosses a 512-byte boundary.
constexpr std::uint32_t kmalloc_alignment(std::uint32_t size, const PackingRules& rules) noexcept {
  return is_power_of_two(size) ? detail::larger(rules.kmalloc_align, size) : rules.kmalloc_align;
}

// The least order whose block holds `bytes`, which are not 0.
constexpr unsigned order_for(std::uint64_t bytes, unsigned page_shift) noexcept {
  const std::uint64_t pages = (bytes - 1) >> page_shift;
  return pages == 0 ? 0 : 64 - count_leading_zeros(pages);
}

// How many objects a slab should hold at least, where there is room: more cpus, larger slabs.
constexpr std::uint32_t wanted_objects(const PackingRules& rules) noexcept {
  if (rules.min_objects != 0) return rules.min_objects;
  return 4 * (rules.cpus == 0 ? 1 : 2 + detail::ilog2(rules.cpus));
}

namespace detail {

// The first order from that of `objects` slots up to `highest` that wastes at most one part in 2^`shift`;
// highest + 1 when none does. An order above `highest` may be the answer when a slab would hold too many objects.
constexpr unsigned first_tight_order(std::uint32_t size, std::uint32_t objects, unsigned highest,
                                     unsigned shift, const PackingRules& rules) noexcept {
  if (slots(bytes_of(rules.min_order, rules), size) > kMaxObjects)
    return order_for(std::uint64_t{size} * kMaxObjects, rules.page_shift) - 1;
  unsigned order = larger(rules.min_order, order_for(std::uint64_t{size} * objects, rules.page_shift));
  for (; order <= highest; ++order) {
    const std::uint32_t slab = bytes_of(order, rules);
    if (slab - slots(slab, size) * size <= slab >> shift) return order;
  }
  return highest + 1;
}

// A track: where from, the stack's handle, cpu and pid, when. Two of them: allocation and free.
constexpr std::uint32_t track_bytes(const PackingRules& rules) noexcept {
  return 2 * rules.word + 3 * 4 + (rules.word == 8 ? 4 : 0);
}

// Where the parts of a slot are, and its size: what debugging adds lies behind an object and, with red zones, in front of it.
constexpr void lay_out_slot(Packing& p, const ObjectSpec& spec, const PackingRules& rules) noexcept {
  std::uint32_t size = round_up(spec.size, rules.word);
  const bool zones = has(spec.debug, Debug::red_zone);
  if (zones && size == spec.size) size += rules.word;
  if (zones) p.right_zone = size - spec.size;
  if (has(spec.debug, Debug::state)) {
    p.state_offset = size;
    size += rules.word;
  }
  const bool behind =
      spec.link == LinkPlace::behind || has(spec.debug, Debug::poison) || (zones && spec.size < rules.word);
  p.link_offset = behind ? size : (spec.size >> 1) & ~(rules.word - 1);
  if (behind) size += rules.word;
  if (has(spec.debug, Debug::store_user)) {
    p.track_offset = size;
    size += 2 * track_bytes(rules);
    if (has(spec.debug, Debug::kmalloc)) size += 4;
  }
  if (zones) {
    p.object_offset = round_up(rules.word, p.align);
    size += rules.word + p.object_offset;
    if (p.state_offset != 0) p.state_offset += p.object_offset;
    p.link_offset += p.object_offset;
    if (p.track_offset != 0) p.track_offset += p.object_offset;
  }
  p.size = round_up(size, p.align);
}

}  // namespace detail

// The order of the slabs for slots of `size` bytes: as many objects as wanted with little waste; then with
// more waste; then fewer objects; at last one object in whatever it takes.
//
// Errors    bad_argument: no block of the page allocator holds one.
// Cost      the wanted objects times three fractions times the orders, on creation.
// Source    Linux 6.1, "calculate_order" (behaviour).
constexpr Result<Order> slab_order(std::uint32_t size, const PackingRules& rules) noexcept {
  const unsigned ceiling = detail::smaller(rules.highest_order, detail::kMaxSlabShift - rules.page_shift);
  const unsigned highest = detail::smaller(rules.max_order, ceiling);
  const std::uint32_t most = detail::slots(detail::bytes_of(highest, rules), size);
  for (std::uint32_t objects = detail::smaller(wanted_objects(rules), most); objects > 1; --objects) {
    for (unsigned shift = 4; shift >= 2; --shift) {  // a sixteenth, an eighth, a quarter
      const unsigned order = detail::first_tight_order(size, objects, highest, shift, rules);
      if (order <= highest) return Order{order};
    }
  }
  for (const unsigned limit : {highest, ceiling}) {
    const unsigned order = detail::first_tight_order(size, 1, limit, 0, rules);
    if (order <= limit) return Order{order};
  }
  return Error::bad_argument;
}

// Objects that fit in a slab of `order`.
constexpr std::uint16_t objects_in(Order order, std::uint32_t size, const PackingRules& rules) noexcept {
  return static_cast<std::uint16_t>(
      detail::smaller(detail::slots(detail::bytes_of(order.raw(), rules), size), kMaxObjects));
}

// Empty slabs that a node keeps: half the logarithm of the slot, between 5 and 10.
constexpr std::uint16_t min_partial_of(std::uint32_t size) noexcept {
  const unsigned half = detail::ilog2(size) >> 1;
  return half < kMinPartial   ? kMinPartial
         : half > kMaxPartial ? kMaxPartial
                              : static_cast<std::uint16_t>(half);
}

// Objects that a cpu may keep in partial slabs of its own; none while debugging looks at each of them.
constexpr std::uint16_t cpu_partial_of(std::uint32_t size, Debug debug, const PackingRules& rules) noexcept {
  if (debug != Debug::none) return 0;
  if (size >= detail::bytes_of(0, rules)) return 6;
  return size >= 1024 ? 24 : size >= 256 ? 52 : 120;
}

// Lays out a cache.
//
// Errors    bad_argument: a size of 0 or above the largest block, or an alignment that is no power of two
//           or above a page.
// Source    Linux 6.1, "calculate_sizes", "kmem_cache_open" (behaviour).
constexpr Result<Packing> packing_of(const ObjectSpec& spec, const PackingRules& rules) noexcept {
  const bool page_is_lawful =
      PageSize::kMinShift <= rules.page_shift && rules.page_shift <= PageSize::kMaxShift;
  if (!page_is_lawful || rules.highest_order > Order::kCeiling || rules.min_order > rules.highest_order)
    return Error::bad_argument;
  if (spec.size == 0 || spec.size > std::uint32_t{1} << (detail::kMaxSlabShift - 1))
    return Error::bad_argument;
  if (spec.align != 0 && (!is_power_of_two(spec.align) || spec.align > detail::bytes_of(0, rules)))
    if (spec.align != kmalloc_alignment(spec.size, rules)) return Error::bad_argument;

  Packing p;
  p.object_size = spec.size;
  p.align = alignment_of(spec.size, spec.align, spec.line_align, rules);
  detail::lay_out_slot(p, spec, rules);
  const auto order = slab_order(p.size, rules);
  if (!order) return order.error();
  p.order = order.value();
  const unsigned least = order_for(p.size, rules.page_shift);
  p.small_order = Order{detail::smaller(detail::larger(least, rules.min_order), p.order.raw())};
  p.objects = objects_in(p.order, p.size, rules);
  p.small_objects = objects_in(p.small_order, p.size, rules);
  p.min_partial = min_partial_of(p.size);
  p.cpu_partial = cpu_partial_of(p.size, spec.debug, rules);
  return p;
}

// Whether objects laid out as `wanted` may live in slots of another cache: they fit, waste less than a word, and are aligned.
//
// Source    Linux 6.1, "find_mergeable" (behaviour); what kind of memory they are of is compared elsewhere.
constexpr bool serves(const Packing& slots, const Packing& wanted, std::uint32_t word) noexcept {
  return wanted.size <= slots.size && slots.size - wanted.size < word && is_aligned(slots.size, wanted.align);
}

}  // namespace quarry::slab
