// quarry/vm/vmalloc_map_impl.hpp: bodies of Vmalloc: what writes page tables, all under the tables' lock.
#pragma once

#include "quarry/vm/vmalloc.hpp"

namespace quarry::vm {

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::Mapper::add(PhysRange frames) noexcept {
  if (!run_.empty() && run_.end() == frames.begin()) {
    run_ = {run_.begin(), frames.end()};
    return Done{};
  }
  const Result<Done> done = map_run();
  if (done) run_ = frames;
  return done;
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::Mapper::map_run() noexcept {
  if (run_.empty()) return Done{};
  const Result<Done> done = tree_.map(end_, run_, access_, row_);
  if (done) end_ = end_ + run_.size();
  return done;
}

// What was mapped ends at once, told to the processors. It is cut nowhere, so that needs no memory.
template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::Mapper::finish(Result<Done> so_far) noexcept {
  if (so_far) so_far = map_run();
  tree_.finish_map(row_);
  if (so_far || begin_ == end_) return so_far;
  const Result<Done> undone = tree_.unmap({begin_, end_});
  check(bool{undone}, "what was just mapped cannot be unmapped");
  return so_far;
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::map_blocks(const Area& area, Access access) noexcept {
  const Hold<TableLock> table{table_lock_};
  Mapper mapper{tree_, area.range().begin(), access};
  Result<Done> done = Done{};
  area.blocks.each(frames_, [&](Block block) noexcept {
    done = mapper.add(bytes_of(block.frames()));
    return bool{done};
  });
  return mapper.finish(done);
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::map_frames(const Area& area, std::span<const Pfn> frames,
                                                     Access access) noexcept {
  const Hold<TableLock> table{table_lock_};
  Mapper mapper{tree_, area.range().begin(), access};
  Result<Done> done = Done{};
  for (std::size_t i = 0; i < frames.size() && done; ++i) {
    done = Error::out_of_range;
    if (is_address(frames[i])) done = mapper.add(bytes_of({frames[i], frames[i] + PageCount{1}}));
  }
  return mapper.finish(done);
}

template <class Tree, FrameSource P, Lock TableLock>
Result<Done> Vmalloc<Tree, P, TableLock>::map_device(const Area& area, PhysRange range,
                                                     Access access) noexcept {
  const Hold<TableLock> table{table_lock_};
  return tree_.map(area.range().begin(), range, access);
}

template <class Tree, FrameSource P, Lock TableLock>
std::uint64_t Vmalloc<Tree, P, TableLock>::purge() noexcept {
  // Whoever finds no room while another purges waits for it here.
  const Hold<TableLock> table{table_lock_};
  const std::uint64_t gone = arena_.purge([this](Area& first) noexcept { forget(first); });
  // Counted once frames and addresses are there for others.
  if (gone != 0) flushes_.fetch_add_relaxed(1);
  return gone;
}

// Called back by purge(), which holds the lock.
template <class Tree, FrameSource P, Lock TableLock>
void Vmalloc<Tree, P, TableLock>::forget(Area& first) noexcept {
  typename Tree::Ended ended;
  for (const Area* area = &first; area != nullptr; area = area->next) {
    const Result<Done> done = tree_.begin_unmap(area->range(), ended);
    check(bool{done}, "an area was unmapped behind its back");
  }
  tree_.finish_unmap(ended);
  for (Area* area = &first; area != nullptr; area = area->next) release_frames(*area);
}

}  // namespace quarry::vm
