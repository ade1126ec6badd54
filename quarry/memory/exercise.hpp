// quarry/memory/exercise.hpp: a booted memory system put to use, and found as it was before.
//
// Each exercise allocates, writes, checks and frees through one allocator and leaves no page behind, on no core's lists
// either. They run on simulated machines and on real ones alike.
#pragma once

#include "quarry/memory/page_system.hpp"

namespace quarry::memory {

struct Exercise {
  TextView what;
  std::uint64_t operations = 0;  // allocations and frees
  TextView complaint{};          // empty: all is well; else what was found
  PfnRange where{};              // what the complaint is about
};

// Every order on every node: as many blocks as there are orders, stamped, checked, given back.
template <class System>
Exercise exercise_pages(System& system) noexcept {
  Exercise result{.what = "pages of every order on every node"};
  auto& frames = system.frames();
  for (const zones::Node& node : frames.nodes()) {
    if (node.present.raw == 0) continue;
    for (unsigned raw = 0; raw <= System::kGeometry.max_order().raw(); ++raw) {
      const Order order{raw};
      const auto block = frames.alloc_pages(order, {.node = node.id});
      if (!block) continue;  // a small node may have none of this order, and its neighbours neither
      const PfnRange pages{block.value(), block.value() + order.pages()};
      ++result.operations;
      std::byte* const memory = frames.map({pages.begin(), pages.begin() + PageCount{1}});
      if (memory == nullptr) return {result.what, result.operations, "a page that is not mapped", pages};
      *memory = std::byte{0x5a};
      if (!is_aligned(pages.begin().raw, order.pages().raw))
        return {result.what, result.operations, "a block that is not aligned", pages};
      if (frames.free_pages(pages.begin(), order))
        ++result.operations;
      else
        return {result.what, result.operations, "a block that was not taken back", pages};
      if (frames.free_pages(pages.begin(), order))
        return {result.what, result.operations, "a block that was taken back twice", pages};
    }
  }
  system.allocator().drain_all();
  if (const auto finding = system.allocator().audit(); finding)
    return {result.what, result.operations, buddy::name_of(finding.broken), {finding.page, finding.page}};
  return result;
}

// Every size class and two large sizes, on every node, each written from end to end.
template <class System>
Exercise exercise_kmalloc(System& system) noexcept {
  Exercise result{.what = "kmalloc from 8 bytes to 64 KiB"};
  auto& kmalloc = system.kmalloc();
  for (const zones::Node& node : system.frames().nodes()) {
    for (std::uint64_t size = 8; size <= (std::uint64_t{64} << 10); size += size / 2) {
      const auto memory = kmalloc.kmalloc(size, {.node = node.id});
      if (!memory) return {result.what, result.operations, "no memory for a small object"};
      ++result.operations;
      __builtin_memset(memory.value(), 0xa5, static_cast<std::size_t>(size));
      const auto usable = kmalloc.ksize(memory.value());
      if (!usable || usable.value() < size)
        return {result.what, result.operations, "an object smaller than was asked for"};
      if (!kmalloc.kfree(memory.value()))
        return {result.what, result.operations, "an object that was not taken back"};
      ++result.operations;
    }
  }
  system.allocator().drain_all();
  if (const auto audit = system.slabs().audit(); !audit.holds())
    return {result.what, result.operations, slab::name_of(audit.broken)};
  return result;
}

// A cache of its own: made, filled over several slabs, emptied and unmade.
template <class System>
Exercise exercise_cache(System& system) noexcept {
  Exercise result{.what = "a kmem_cache, made and unmade"};
  constexpr std::size_t object_count = 200;
  auto made = system.slabs().create({.name = "exercise", .size = 200, .align = 8});
  if (!made) return {result.what, 0, "no memory for a cache"};
  auto& cache = *made.value();
  void* objects[object_count] = {};
  for (auto& object : objects) {
    const auto fresh = cache.alloc({.node = system.frames().nodes()[0].id});
    if (!fresh) return {result.what, result.operations, "no memory for an object"};
    object = fresh.value();
    ++result.operations;
    __builtin_memset(object, 0x3c, 200);
  }
  for (void* const object : objects) {
    if (!cache.free(object)) return {result.what, result.operations, "an object that was not taken back"};
    ++result.operations;
  }
  const auto leaks = system.slabs().destroy(cache);
  if (!leaks || !leaks.value().none()) return {result.what, result.operations, "a cache that would not go"};
  system.allocator().drain_all();
  return result;
}

}  // namespace quarry::memory
