// quarry/early/bootmem_hand_over.cpp: free pages become the page allocator's.
#include "quarry/early/bootmem.hpp"

namespace quarry::early {
namespace {

constexpr TextView kHandedOver{"its free pages are the page allocator's now"};
constexpr TextView kLost{"free, but in a long of the bitmap that is not looked at: lost"};

// Bit i says that page `start` + i is free. Beyond the long that holds the first of them there are more only
// if a whole long's worth of pages is left.
std::uint64_t free_bits(const BootmemData& data, std::uint64_t start, LongBits width) noexcept {
  const std::uint64_t bit = start - data.node_min_pfn().raw;
  const std::uint64_t all = UINT64_MAX >> (64 - bits_in(width));
  const std::uint64_t shift = bit & (bits_in(width) - 1);
  std::uint64_t bits = (~data.map.long_at(bit, width) & all) >> shift;
  if (shift != 0 && data.node_low_pfn().raw - start >= bits_in(width))
    bits |= (~data.map.long_at(bit + bits_in(width) - shift, width) << (bits_in(width) - shift)) & all;
  return bits;
}

// The pages of the last piece that free_bits() does not reach.
PfnRange unseen(const BootmemData& data, LongBits width) noexcept {
  const std::uint64_t min = data.node_min_pfn().raw, low = data.node_low_pfn().raw;
  const std::uint64_t last = align_down(low, bits_in(width));
  if (last <= min || last == low) return {};
  const std::uint64_t shift = (last - min) & (bits_in(width) - 1);
  if (shift == 0) return {};
  const std::uint64_t seen = last + bits_in(width) - shift;
  return seen < low ? PfnRange{Pfn{seen}, Pfn{low}} : PfnRange{};
}

}  // namespace

PfnRange Bootmem::never_seen(const BootmemData& data) const noexcept {
  return unseen(data, config_.long_bits);
}

Handover Bootmem::hand_over(BootmemData& data, PageReceiver receiver) noexcept {
  Handover result{};
  if (data.is_handed_over) return result;
  const std::uint64_t width = bits_in(config_.long_bits), low = data.node_low_pfn().raw;
  const std::uint64_t full = UINT64_MAX >> (64 - width);
  const Order whole{count_trailing_zeros(width)};
  for (std::uint64_t start = data.node_min_pfn().raw; start < low;) {
    std::uint64_t bits = free_bits(data, start, config_.long_bits);
    if (bits == full && is_aligned(start, width)) {
      receiver({.first = Pfn{start}, .order = whole, .node = data.node});
      result.pages.raw += width;
      start += width;
      continue;
    }
    const std::uint64_t next = align_down(start + width, width);
    for (; bits != 0 && start != next; ++start, bits >>= 1) {
      if ((bits & 1) == 0) continue;
      receiver({.first = Pfn{start}, .node = data.node});
      ++result.pages.raw;
    }
    start = next;
  }
  const PageSize page = config_.page;
  if (const PfnRange lost = unseen(data, config_.long_bits); !lost.empty()) {
    const Pfn min = data.node_min_pfn();
    result.lost = data.map.count_clear((lost.begin() - min).raw, (lost.end() - min).raw);
    if (result.lost.raw != 0)
      observer_.tell({.action = Action::remove,
                      .range = {page.address_of(lost.begin()), page.address_of(lost.end())},
                      .node = data.node,
                      .reason = kLost});
  }
  if (data.map_at) {
    result.bitmap_pages = bootmap_pages(data.pages.size());
    for (std::uint64_t i = 0; i < result.bitmap_pages.raw; ++i)
      receiver(
          {.first = *data.map_at + PageCount{i}, .node = data.node, .kind = ReleasedBlock::Kind::bitmap});
    result.pages.raw += result.bitmap_pages.raw;
  }
  data.map = {};
  data.is_handed_over = true;
  observer_.tell({.action = Action::remove,
                  .range = {page.address_of(data.node_min_pfn()), page.address_of(data.node_low_pfn())},
                  .node = data.node,
                  .reason = kHandedOver});
  return result;
}

Result<Handover> Bootmem::free_all_node(NodeId node, PageReceiver receiver) noexcept {
  BootmemData* const data = record(node);
  if (data == nullptr) return Error::not_found;
  return hand_over(*data, receiver);
}

Result<Handover> Bootmem::free_all(PageReceiver receiver) noexcept {
  Handover all{};
  for (BootmemData& data : nodes_) {
    const Handover one = hand_over(data, receiver);
    all.pages.raw += one.pages.raw;
    all.bitmap_pages.raw += one.bitmap_pages.raw;
    all.lost.raw += one.lost.raw;
  }
  totalram_pages_.raw += all.pages.raw;
  return all;
}

PageCount Bootmem::free_late(PhysAddr at, Bytes size, PageReceiver receiver, TextView owner) noexcept {
  const PhysRange range = PhysRange::sized(at, size);
  const PfnRange pages = PfnRange::inside(range, config_.page);
  observer_.tell({.action = Action::free_late, .range = range, .owner = owner});
  for (Pfn page = pages.begin(); page < pages.end(); ++page.raw) receiver({.first = page});
  totalram_pages_.raw += pages.size().raw;
  return pages.size();
}

}  // namespace quarry::early
