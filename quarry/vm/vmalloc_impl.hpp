// quarry/vm/vmalloc_impl.hpp: bodies of Vmalloc: areas, and the frames that they own.
#pragma once

#include "quarry/vm/vmalloc.hpp"

namespace quarry::vm {

template <class Tree, FrameSource P, Lock TableLock>
Vmalloc<Tree, P, TableLock>::Vmalloc(Tree& tree, TableLock& table_lock, P& frames,
                                     const VmallocConfig& config) noexcept
    : table_lock_{table_lock},
      tree_{tree},
      frames_{frames},
      most_{config.most},
      zero_{config.zero},
      arena_{frames.cores(), config.range, kPage, config.records, config.backlog} {}

template <class Tree, FrameSource P, Lock TableLock>
template <class Attempt>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::try_twice(Attempt&& attempt) noexcept {
  const std::size_t flushes = flushes_.load_acquire();
  const Result<VirtAddr> first = attempt();
  if (first || (first.error() != Error::no_memory && first.error() != Error::no_room)) return first;
  purge();
  // What was missing may have been in the hands of another who purged meanwhile.
  return flushes_.load_acquire() == flushes ? first : attempt();
}

template <class Tree, FrameSource P, Lock TableLock>
template <class Fill>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::make_area(const AreaRequest& request, AreaKind kind,
                                                        TextView caller, Fill&& fill) noexcept {
  const Result<Area*> taken = arena_.take(request);
  if (!taken) return taken.error();
  Area& area = *taken.value();
  const VirtAddr at = area.range().begin();
  area.kind = kind;
  area.caller = caller;
  const Result<Done> filled = fill(area);
  if (filled) {
    arena_.publish(area);
    return at;
  }
  release_frames(area);
  arena_.abandon(area);
  return filled.error();
}

// --- Frames of its own -----------------------------------------------------------------------------------

template <class Tree, FrameSource P, Lock TableLock>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::vmalloc(const VmallocRequest& request) noexcept {
  return allocate(request, Content::any);
}

template <class Tree, FrameSource P, Lock TableLock>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::vzalloc(const VmallocRequest& request) noexcept {
  VmallocRequest zeroed = request;
  if (zero_.zero == nullptr && zeroed.highest > zones::ZoneType::normal)
    zeroed.highest = zones::ZoneType::normal;
  return allocate(zeroed, Content::zero);
}

template <class Tree, FrameSource P, Lock TableLock>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::allocate(const VmallocRequest& request,
                                                       Content content) noexcept {
  const auto size = align_up(request.size.raw, kPage.bytes().raw);
  if (!size) return Error::no_room;
  if (size.value() >> kPage.shift() > most_.raw) return Error::no_memory;
  AreaRequest area{.size = Bytes{size.value()}, .alignment = request.alignment, .guard = kPage.bytes()};
  const Bytes huge = kPage.bytes_in(kHugePages);
  if (kHasHugeBlocks && request.huge == HugeBlocks::allowed && area.size >= huge && area.alignment < huge &&
      (area.alignment.raw == 0 || is_power_of_two(area.alignment.raw)))
    area.alignment = huge;
  return try_twice([&]() noexcept {
    return make_area(area, AreaKind::vmalloc, request.caller, [&](Area& made) noexcept -> Result<Done> {
      const Result<Done> taken = take_frames(made, request, content);
      return taken ? map_blocks(made, request.access) : taken;
    });
  });
}

// A block of a large page.
template <class Tree, FrameSource P, Lock TableLock>
Result<Block> Vmalloc<Tree, P, TableLock>::take_huge(const buddy::Request& request) noexcept {
  buddy::Request modest = request;  // single frames will do as well
  modest.effort = buddy::Effort::no_wait;
  const Result<Pfn> block = frames_.alloc_pages(Order{kHugeOrder}, modest);
  if (!block) return block.error();
  return Block{block.value(), Order{kHugeOrder}};
}

// Single frames, at most as many as `row` has room for: one at least, or the error of one.
template <class Tree, FrameSource P, Lock TableLock>
Result<std::size_t> Vmalloc<Tree, P, TableLock>::take_row(std::span<Pfn> row,
                                                          const buddy::Request& request) noexcept {
  if constexpr (RowSource<P>)
    if (row.size() > 1)
      if (const std::size_t count = frames_.alloc_pages_bulk(row, request); count != 0) return count;
  const Result<Pfn> frame = frames_.alloc_pages(Order{0}, request);
  if (!frame) return frame.error();
  row[0] = frame.value();
  return std::size_t{1};
}

// The area owns the block from here on, or nobody does.
template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::add_block(Area& area, const buddy::Request& request, Block block,
                                                    Content content) noexcept {
  const Result<Done> listed = area.blocks.append(frames_, request, block);
  if (!listed) {
    const Result<Done> freed = frames_.free_pages(block.first, block.order);
    check(bool{freed}, "a block that was just taken cannot be freed");
    return listed;
  }
  area.pages.raw += block.order.pages().raw;
  frames_taken_.fetch_add_relaxed(static_cast<std::size_t>(block.order.pages().raw));
  return content == Content::any ? Result<Done>{Done{}} : zero(block.frames());
}

// On failure the area has what it got so far.
template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::take_frames(Area& area, const VmallocRequest& request,
                                                      Content content) noexcept {
  const buddy::Request frames{.highest = request.highest, .node = slab::node_asked(frames_, request.node)};
  std::uint64_t left = area.range().size().raw >> kPage.shift();
  if constexpr (kHasHugeBlocks)
    for (; request.huge == HugeBlocks::allowed && left >= kHugePages.raw; left -= kHugePages.raw) {
      const Result<Block> block = take_huge(frames);
      if (!block) break;
      if (const Result<Done> done = add_block(area, frames, block.value(), content); !done) return done;
    }
  while (left != 0) {
    Pfn row[kFrameRow];
    const Result<std::size_t> taken =
        take_row({row, left < kFrameRow ? static_cast<std::size_t>(left) : kFrameRow}, frames);
    if (!taken) return taken.error();
    left -= taken.value();
    Result<Done> done = Done{};
    for (std::size_t i = 0; i < taken.value(); ++i) {
      if (done) {
        done = add_block(area, frames, {row[i], Order{0}}, content);
        continue;
      }
      const Result<Done> freed = frames_.free_pages(row[i], Order{0});
      check(bool{freed}, "a frame that was just taken cannot be freed");
    }
    if (!done) return done;
  }
  return Done{};
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::zero(PfnRange frames) noexcept {
  std::byte* const memory = frames_.map(frames);
  if (memory == nullptr) return zero_.zero == nullptr ? Error::out_of_range : zero_.zero(zero_.self, frames);
  __builtin_memset(memory, 0, static_cast<std::size_t>(kPage.bytes_in(frames.size()).raw));
  return Done{};
}

template <class Tree, FrameSource P, Lock TableLock>
void Vmalloc<Tree, P, TableLock>::release_frames(Area& area) noexcept {
  area.blocks.release(frames_);
  frames_taken_.fetch_add_relaxed(std::size_t{0} - static_cast<std::size_t>(area.pages.raw));
  area.pages = PageCount{0};
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::vfree(VirtAddr at) noexcept {
  return retire(at, AreaKind::vmalloc);
}

// --- Frames of others, and devices -----------------------------------------------------------------------

template <class Tree, FrameSource P, Lock TableLock>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::vmap(std::span<const Pfn> frames, Access access,
                                                   TextView caller) noexcept {
  const PageCount count{frames.size()};
  if (count.raw > UINT64_MAX >> kPage.shift()) return Error::no_room;
  const AreaRequest request{.size = kPage.bytes_in(count), .guard = kPage.bytes()};
  return try_twice([&]() noexcept {
    return make_area(request, AreaKind::vmap, caller,
                     [&](Area& area) noexcept { return map_frames(area, frames, access); });
  });
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::vunmap(VirtAddr at) noexcept {
  return retire(at, AreaKind::vmap);
}

template <class Tree, FrameSource P, Lock TableLock>
Result<VirtAddr> Vmalloc<Tree, P, TableLock>::ioremap(PhysRange range, TextView caller,
                                                      Access access) noexcept {
  if (range.empty()) return Error::bad_argument;
  const std::uint64_t page = kPage.bytes().raw;
  const auto end = align_up(range.end().raw, page);
  if (!end) return Error::out_of_range;
  const PhysRange whole{PhysAddr{align_down(range.begin().raw, page)}, PhysAddr{end.value()}};
  constexpr unsigned highest = Format::kHighestLeaf < 2 ? Format::kHighestLeaf : 2;
  const auto power = bit_ceil(whole.size().raw);
  const std::uint64_t most = Shape<Format>::span(highest);
  const std::uint64_t alignment = power && power.value() < most ? power.value() : most;
  const AreaRequest request{.size = whole.size(), .alignment = Bytes{alignment}, .guard = kPage.bytes()};
  const Result<VirtAddr> at = try_twice([&]() noexcept {
    return make_area(request, AreaKind::ioremap, caller, [&](Area& area) noexcept {
      area.phys = whole.begin();
      return map_device(area, whole, access);
    });
  });
  if (!at) return at;
  return at.value() + (range.begin() - whole.begin());
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::iounmap(VirtAddr at) noexcept {
  return retire(VirtAddr{align_down(at.raw, kPage.bytes().raw)}, AreaKind::ioremap);
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::retire(VirtAddr at, AreaKind kind) noexcept {
  const Result<Backlog> backlog = arena_.retire(at, kind);
  if (!backlog) return backlog.error();
  if (backlog.value() == Backlog::full) purge();
  return Done{};
}

// --- What there is ---------------------------------------------------------------------------------------

template <class Tree, FrameSource P, Lock TableLock>
Result<AreaInfo> Vmalloc<Tree, P, TableLock>::next(VirtAddr from, std::span<PageCount> on_nodes) noexcept {
  for (PageCount& pages : on_nodes) pages = PageCount{0};
  // Whoever purges waits meanwhile: an area that is looked at would stay mapped behind its back.
  const Hold<TableLock> table{table_lock_};
  AreaInfo info;
  Area* const area = arena_.pin_next(from, info);
  if (area == nullptr) return Error::not_found;
  area->blocks.each(frames_, [&](Block block) noexcept {
    const auto node = static_cast<std::size_t>(frames_.node_of(block.first));
    if (node < on_nodes.size()) on_nodes[node].raw += block.order.pages().raw;
    return true;
  });
  arena_.unpin(*area);
  return info;
}

template <class Tree, FrameSource P, Lock TableLock>
VmallocStats Vmalloc<Tree, P, TableLock>::stats() const noexcept {
  return {.areas = arena_.stats(),
          .frames = PageCount{frames_taken_.load_relaxed()},
          .flushes = flushes_.load_relaxed()};
}

}  // namespace quarry::vm
