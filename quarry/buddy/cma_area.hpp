// quarry/buddy/cma_area.hpp: a contiguous memory area: runs of pages on demand, lent out in between.
//
//   bitmap     1   1   1   0   0   0   0   0      a bit for 2^order_per_bit pages: handed out by this area
//   pages    |XXX|XXX|XX.|...|mm.|mmm|...|...|    X its users', m movable pages that borrow, . free
//   alloc                    |XXX|XXX|            m is moved away first; what stays busy is skipped
//
// Its pageblocks have the type cma: the page allocator lends their pages to movable requests alone.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/buddy/area_bitmap.hpp"
#include "quarry/buddy/area_stats.hpp"
#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

// Allocator: a PageAllocator, which outlives the area. One caller at a time for each area; the allocator serves others meanwhile.
template <class Allocator>
class CmaArea {
 public:
  static constexpr Geometry kGeometry = Allocator::kGeometry;

  // Describes the area: `pages`, reserved until now.
  //
  // Errors    bad_argument: no pages, not whole pageblocks, or not a whole number of bits. Nothing changed.
  // Source    Linux 6.1, "cma_init_reserved_mem".
  Result<Done> init(TextView name, PfnRange pages, Order order_per_bit) noexcept;
  // What activate() takes of its source for such an area, at most, in objects aligned to 8 bytes.
  static constexpr Bytes metadata_size(PageCount pages, Order order_per_bit) noexcept {
    const std::uint64_t bits = bits_of(pages, order_per_bit);
    const std::uint64_t counts = order_per_bit == Order{0} ? 0 : (bits * sizeof(std::uint16_t) + 7) & ~7u;
    return Bytes{((bits + 63) >> 6) * sizeof(std::uint64_t) + counts};
  }
  // Gives its pages to the allocator, to be lent out. Once only.
  //
  // Errors    bad_argument: not all of one zone. no_memory: `source` has none. Those of PageAllocator::release_cma().
  //           Nothing changed: expose() does what Linux then does.
  // Source    Linux 6.1, "cma_activate_area" (behaviour).
  Result<Done> activate(Allocator& allocator, page::MetadataSource source) noexcept;
  // The same where zones of one node overlap (mirrored memory), and only the caller knows which one is meant.
  Result<Done> activate(Allocator& allocator, std::uint32_t zone, page::MetadataSource source) noexcept;
  // Its pages become ordinary ones of the allocator, as they are of no use for an area, and it has none any more. Not
  // of an active area.
  //
  // Errors    those of PageAllocator::release(): nothing changed.
  Result<Done> expose(Allocator& allocator) noexcept;

  // Hands out `count` pages in a row whose first is a multiple of 2^alignment: the first such place that is not
  // handed out and can be had, whoever borrows there.
  //
  // Errors    no_memory: there is none, or the area is not active. bad_argument: no pages.
  // Cost      O(bits) and O(count) for each place that is tried.
  // Source    Linux 6.1, "cma_alloc", "cma_bitmap_aligned_mask", "cma_bitmap_aligned_offset" (behaviour).
  Result<Pfn> alloc(PageCount count, Order alignment = Order{0}) noexcept;
  // Takes back a run, or, in steps of bits, parts of it or several in a row.
  //
  // Errors    bad_argument, wrong_owner: last_misuse() says why. Nothing changed.
  // Source    Linux 6.1, "cma_release".
  Result<Done> release(PfnRange pages) noexcept;
  AreaMisuse last_misuse() const noexcept { return last_misuse_; }

  TextView name() const noexcept { return name_; }
  PfnRange pages() const noexcept { return pages_; }
  Order order_per_bit() const noexcept { return order_per_bit_; }
  // It has pages, activated or not: false before init(), and when they have become ordinary ones.
  bool is_described() const noexcept { return !pages_.empty(); }
  bool is_active() const noexcept { return allocator_ != nullptr; }
  const AreaBitmap& bitmap() const noexcept { return bitmap_; }
  // Cost      O(bits).
  AreaStats stats() const noexcept;

 private:
  static constexpr std::uint64_t bits_of(PageCount pages, Order order_per_bit) noexcept {
    return (pages.raw + order_per_bit.pages().raw - 1) >> order_per_bit.raw();
  }
  std::uint64_t bits_for(PageCount pages) const noexcept { return bits_of(pages, order_per_bit_); }
  bool is_one_zone(const Allocator& allocator) const noexcept;
  AreaMisuse misuse_of(PfnRange pages) const noexcept;
  void note(std::uint64_t first, PageCount pages) noexcept;
  Error refuse(AreaMisuse misuse) noexcept {
    last_misuse_ = misuse;
    return misuse == AreaMisuse::not_of_area ? Error::bad_argument : Error::wrong_owner;
  }

  TextView name_;
  PfnRange pages_;
  Order order_per_bit_{0};
  Allocator* allocator_ = nullptr;  // null: not active
  AreaBitmap bitmap_;
  std::uint16_t* in_bit_ = nullptr;  // pages handed out in each bit; null where a bit is one page
  AreaMisuse last_misuse_ = AreaMisuse::none;
  AreaStats counts_;
};

template <class Allocator>
Result<Done> CmaArea<Allocator>::init(TextView name, PfnRange pages, Order order_per_bit) noexcept {
  const std::uint64_t step = kGeometry.pageblock_order().pages().raw | order_per_bit.pages().raw;
  if (pages.empty() || !is_aligned(pages.begin().raw, kGeometry.pageblock_order().pages().raw) ||
      (pages.size().raw & (bit_floor(step) - 1)) != 0)
    return Error::bad_argument;
  name_ = name;
  pages_ = pages;
  order_per_bit_ = order_per_bit;
  return Done{};
}

template <class Allocator>
bool CmaArea<Allocator>::is_one_zone(const Allocator& allocator) const noexcept {
  const auto zone = allocator.zone_at(pages_.begin());
  if (!zone) return false;
  for (Pfn at = pages_.begin(); at < pages_.end(); at = at + kGeometry.pageblock_order().pages()) {
    const Pfn last{at.raw + kGeometry.pageblock_order().pages().raw - 1};
    const auto first_in = allocator.zone_at(at), last_in = allocator.zone_at(last);
    if (!first_in || !last_in || first_in.value() != zone.value() || last_in.value() != zone.value())
      return false;
  }
  return true;
}

template <class Allocator>
Result<Done> CmaArea<Allocator>::activate(Allocator& allocator, page::MetadataSource source) noexcept {
  const auto zone = allocator.zone_at(pages_.begin());
  return zone ? activate(allocator, zone.value(), source) : Error::bad_argument;
}

template <class Allocator>
Result<Done> CmaArea<Allocator>::activate(Allocator& allocator, std::uint32_t zone,
                                          page::MetadataSource source) noexcept {
  check(!is_active() && !pages_.empty(), "an area is described, then activated once");
  if (!is_one_zone(allocator)) return Error::bad_argument;
  const NodeId near = allocator.layout().zones[zone].node;
  const std::uint64_t bits = bits_for(pages_.size());
  if (const auto done = bitmap_.init(bits, source, near); !done) return done;
  if (order_per_bit_ != Order{0}) {
    const auto taken = source.template take<std::uint16_t>(bits, near);
    if (!taken) return taken.error();
    in_bit_ = taken.value();
  }
  if (const auto done = allocator.release_cma(zone, pages_); !done) return done;
  allocator_ = &allocator;
  return Done{};
}

template <class Allocator>
Result<Done> CmaArea<Allocator>::expose(Allocator& allocator) noexcept {
  check(!is_active(), "the pages of an active area are its own");
  if (const auto done = allocator.release(pages_); !done) return done;
  pages_ = PfnRange{};
  return Done{};
}

template <class Allocator>
Result<Pfn> CmaArea<Allocator>::alloc(PageCount count, Order alignment) noexcept {
  if (count.raw == 0) return Error::bad_argument;
  const unsigned per_bit = order_per_bit_.raw(), aligned = alignment.raw();
  const std::uint64_t mask = aligned <= per_bit ? 0 : (std::uint64_t{1} << (aligned - per_bit)) - 1;
  const std::uint64_t offset = (pages_.begin().raw & (alignment.pages().raw - 1)) >> per_bit;
  const bool can_fit = is_active() && count <= pages_.size();
  for (std::uint64_t start = 0; can_fit;) {
    const auto found = bitmap_.find_clear(start, bits_for(count), mask, offset);
    if (!found) break;
    const Pfn first{pages_.begin().raw + (found.value() << per_bit)};
    const auto taken = allocator_->alloc_range({first, first + count}, MigrateType::cma);
    if (taken) {
      bitmap_.set(found.value(), bits_for(count));
      note(found.value(), count);
      counts_.succeeded.raw += count.raw;
      return first;
    }
    if (taken.error() != Error::busy) break;
    ++counts_.retries;
    start = found.value() + mask + 1;
  }
  counts_.failed.raw += count.raw;
  return Error::no_memory;
}

// Writes down how many pages of each bit are handed out.
template <class Allocator>
void CmaArea<Allocator>::note(std::uint64_t first, PageCount pages) noexcept {
  if (in_bit_ == nullptr) return;
  const std::uint64_t whole = order_per_bit_.pages().raw;
  for (std::uint64_t left = pages.raw; left != 0; ++first) {
    const std::uint64_t here = left < whole ? left : whole;
    in_bit_[first] = static_cast<std::uint16_t>(here);
    left -= here;
  }
}

template <class Allocator>
AreaMisuse CmaArea<Allocator>::misuse_of(PfnRange pages) const noexcept {
  if (!is_active() || pages.empty() || pages.begin() < pages_.begin() || pages_.end() < pages.end())
    return AreaMisuse::not_of_area;
  const unsigned per_bit = order_per_bit_.raw();
  const std::uint64_t from = pages.begin().raw - pages_.begin().raw,
                      to = pages.end().raw - pages_.begin().raw;
  const std::uint64_t first = from >> per_bit, end = bits_for(PageCount{to});
  const std::uint64_t set = bitmap_.count_set(first, end - first);
  if (set == 0) return AreaMisuse::not_allocated;
  if (set != end - first || !is_aligned(from, order_per_bit_.pages().raw)) return AreaMisuse::partly;
  for (std::uint64_t bit = first; in_bit_ != nullptr && bit < end; ++bit) {
    const std::uint64_t stop = bit + 1 == end ? to : (bit + 1) << per_bit;
    if (in_bit_[bit] != stop - (bit << per_bit)) return AreaMisuse::partly;
  }
  return AreaMisuse::none;
}

template <class Allocator>
Result<Done> CmaArea<Allocator>::release(PfnRange pages) noexcept {
  if (const AreaMisuse misuse = misuse_of(pages); misuse != AreaMisuse::none) return refuse(misuse);
  if (!allocator_->free_range(pages)) return refuse(AreaMisuse::busy_page);
  const std::uint64_t first = (pages.begin().raw - pages_.begin().raw) >> order_per_bit_.raw();
  bitmap_.clear(first, bits_for(pages.size()));
  return Done{};
}

template <class Allocator>
AreaStats CmaArea<Allocator>::stats() const noexcept {
  AreaStats stats = counts_;
  if (!is_active()) return stats;
  stats.total = pages_.size();
  stats.used = PageCount{bitmap_.count_set(0, bitmap_.size()) << order_per_bit_.raw()};
  stats.largest_free = PageCount{bitmap_.longest_clear() << order_per_bit_.raw()};
  return stats;
}

}  // namespace quarry::buddy
