// quarry/vm/block_list.hpp: the blocks of frames that an area owns.
//
//   record   |block|block|block|block| first --> |next|block|block|block|...   a page of the same source
//
// The first few need no page, so that small areas and those of huge blocks cost nothing more.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include "quarry/base/geometry.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/buddy/request.hpp"

namespace quarry::vm {

// Whoever owns the frames: slab's PageSource has all of it.
//
//   alloc_pages(order, request), free_pages(pfn, order), map(pages), node_of(pfn), home_of(core), Cores, cores()
//
// Law: what alloc_pages() gives as order 0 is in the direct map, or map() says null.
template <class P>
concept FrameSource = requires(P& p, const buddy::Request& request, Order order, Pfn pfn) {
  { P::kGeometry } -> std::convertible_to<Geometry>;
  { p.alloc_pages(order, request) } noexcept -> std::same_as<Result<Pfn>>;
  { p.free_pages(pfn, order) } noexcept -> std::same_as<Result<Done>>;
  { p.map(PfnRange{}) } noexcept -> std::same_as<std::byte*>;
  { p.node_of(pfn) } noexcept -> std::same_as<NodeId>;
  { p.home_of(0u) } noexcept -> std::same_as<NodeId>;
  { p.cores() } noexcept -> std::same_as<const typename P::Cores&>;
};

// One that takes and gives single frames by the row: as many of them as it could, the first ones of the row.
template <class P>
concept RowSource = FrameSource<P> && requires(P& p, std::span<Pfn> out, std::span<const Pfn> in,
                                               const buddy::Request& request) {
  { p.alloc_pages_bulk(out, request) } noexcept -> std::same_as<std::size_t>;
  { p.free_pages_bulk(in) } noexcept -> std::same_as<std::size_t>;
};
inline constexpr std::size_t kFrameRow = 32;

struct Block {
  Pfn first;
  Order order{0};
  PfnRange frames() const noexcept { return {first, first + order.pages()}; }
  friend bool operator==(const Block&, const Block&) noexcept = default;
};

class BlockList {
 public:
  std::uint64_t count() const noexcept { return count_; }

  // Errors    those of the source, when a page is needed; out_of_range: the direct map does not reach it. Nothing changed.
  template <FrameSource P>
  Result<Done> append(P& source, const buddy::Request& request, Block block) noexcept {
    if (count_ < kInline) {
      inline_[count_++] = pack(block);
      return Done{};
    }
    if (count_ == kInline || used_in_last_ == per_page<P>()) {
      const auto page = take_page(source, request);
      if (!page) return page.error();
      if (count_ == kInline)
        first_ = page.value();
      else
        words(source, last_)[0] = page.value().raw;
      last_ = page.value();
      used_in_last_ = 0;
    }
    words(source, last_)[1 + used_in_last_++] = pack(block);
    ++count_;
    return Done{};
  }

  // Calls `visit` with each block in the order in which they were appended, until it returns false.
  template <FrameSource P, class Visit>
  void each(P& source, Visit&& visit) const noexcept {
    for (std::uint64_t i = 0; i < count_ && i < kInline; ++i)
      if (!visit(unpack_block(inline_[i]))) return;
    Pfn page = first_;
    for (std::uint64_t left = in_pages(); left != 0;) {
      const std::uint64_t here = left < per_page<P>() ? left : per_page<P>();
      const std::uint64_t* const listed = words(source, page);
      for (std::uint64_t i = 0; i < here; ++i)
        if (!visit(unpack_block(listed[1 + i]))) return;
      left -= here;
      page = Pfn{listed[0]};
    }
  }

  // Gives all blocks back, and the list's own pages.
  template <FrameSource P>
  void release(P& source) noexcept {
    Pfn row[kFrameRow];
    std::size_t waiting = 0;
    each(source, [&](Block block) noexcept {
      if (!RowSource<P> || block.order != Order{0}) {
        give_back(source, block);
        return true;
      }
      row[waiting++] = block.first;
      if (waiting == kFrameRow) give_row_back(source, {row, std::exchange(waiting, 0)});
      return true;
    });
    give_row_back(source, {row, waiting});
    std::uint64_t left = in_pages();
    for (Pfn page = first_; left != 0;) {
      const Pfn next{words(source, page)[0]};
      give_back(source, Block{page, Order{0}});
      left -= left < per_page<P>() ? left : per_page<P>();
      page = next;
    }
    count_ = 0;
  }

 private:
  static constexpr unsigned kInline = 4;
  std::uint64_t in_pages() const noexcept { return count_ > kInline ? count_ - kInline : 0; }
  // The first word is the link.
  template <FrameSource P>
  static constexpr std::uint64_t per_page() noexcept {
    return (Geometry{P::kGeometry}.page_size().bytes().raw >> 3) - 1;
  }
  static constexpr std::uint64_t pack(Block block) noexcept {
    return block.first.raw << 4 | block.order.raw();
  }
  static constexpr Block unpack_block(std::uint64_t word) noexcept {
    return {Pfn{word >> 4}, Order{static_cast<unsigned>(word & 15)}};
  }
  template <FrameSource P>
  static void give_back(P& source, Block block) noexcept {
    const Result<Done> done = source.free_pages(block.first, block.order);
    check(bool{done}, "frames of an area were freed behind its back");
  }
  template <FrameSource P>
  static void give_row_back([[maybe_unused]] P& source, [[maybe_unused]] std::span<const Pfn> row) noexcept {
    if constexpr (RowSource<P>)
      check(source.free_pages_bulk(row) == row.size(), "frames of an area were freed behind its back");
  }
  // A list's page is the kernel's own, wherever the area's frames may lie.
  template <FrameSource P>
  static Result<Pfn> take_page(P& source, buddy::Request request) noexcept {
    if (request.highest > zones::ZoneType::normal) request.highest = zones::ZoneType::normal;
    request.type = buddy::MigrateType::unmovable;
    const Result<Pfn> page = source.alloc_pages(Order{0}, request);
    if (!page) return page;
    std::byte* const memory = source.map(PfnRange{page.value(), page.value() + PageCount{1}});
    if (memory != nullptr) {
      words(source, page.value())[0] = 0;
      return page;
    }
    give_back(source, Block{page.value(), Order{0}});
    return Error::out_of_range;
  }
  template <FrameSource P>
  static std::uint64_t* words(P& source, Pfn page) noexcept {
    std::byte* const memory = source.map(PfnRange{page, page + PageCount{1}});
    check(memory != nullptr, "a list of frames left the direct map");
    return reinterpret_cast<std::uint64_t*>(memory);
  }

  std::uint64_t inline_[kInline] = {};
  std::uint64_t count_ = 0;
  std::uint64_t used_in_last_ = 0;
  Pfn first_{}, last_{};  // pages of the list, where there are more than kInline
};

}  // namespace quarry::vm
