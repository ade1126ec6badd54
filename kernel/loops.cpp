#include "kernel/loops.hpp"

#include "kernel/console.hpp"
#include "kernel/loop.hpp"

namespace kernel {
namespace {

using quarry::Done;
using quarry::Error;
using quarry::Order;
using quarry::Pfn;
using quarry::Result;
using quarry::TextView;
using Cache = quarry::slab::KmemCache<System::Pages>;

constexpr std::uint64_t kPairs = 100'000, kLargePairs = 2000;
constexpr std::uint64_t kSinglePages = 65'536, kLargeBlocks = 256, kObjects = 10'000;

[[gnu::noinline]] void measure_nothing() noexcept {
  const std::uint64_t before = arch::ticks();
  for (std::uint64_t left = kPairs; left != 0; --left) barrier();
  tell("empty_loop", 0, before, kPairs);
}

// One block out and in again; the first time around only warms up. The order is known when compiled, as it is wherever a kernel
// asks for a page.
template <unsigned kOrder>
[[gnu::noinline]] Result<Done> measure_page_pairs(System& system, std::uint64_t pairs) noexcept {
  constexpr Order order{kOrder};
  for (int around = 0; around < 2; ++around) {
    const std::uint64_t before = arch::ticks();
    for (std::uint64_t left = pairs; left != 0; --left) {
      const auto block = system.allocator().alloc_pages(order, {});
      if (!block) return block.error();
      if (const auto done = system.allocator().free_pages(block.value(), order); !done) return done;
    }
    if (around == 1) tell("page_pair", order.raw(), before, pairs);
  }
  return Done{};
}

// Many blocks out, then all of them in. The list of them is a block itself.
template <unsigned kOrder>
[[gnu::noinline]] Result<Done> measure_many_pages(System& system, std::uint64_t blocks) noexcept {
  constexpr Order order{kOrder};
  const List<Pfn> list{system, blocks};
  Pfn* const held = list.items();
  if (held == nullptr) return Error::no_memory;
  std::uint64_t before = arch::ticks();
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const auto block = system.allocator().alloc_pages(order, {});
    if (!block) return block.error();
    held[i] = block.value();
  }
  tell("page_bulk_alloc", order.raw(), before, blocks);
  before = arch::ticks();
  for (std::uint64_t i = 0; i < blocks; ++i)
    if (const auto done = system.allocator().free_pages(held[i], order); !done) return done;
  tell("page_bulk_free", order.raw(), before, blocks);
  return Done{};
}

[[gnu::noinline]] Result<Done> measure_objects(Cache& cache, std::uint64_t size) noexcept {
  const std::uint64_t before = arch::ticks();
  for (std::uint64_t left = kPairs; left != 0; --left) {
    const auto object = cache.alloc();
    if (!object) return object.error();
    barrier();
    if (const auto done = cache.free(object.value()); !done) return done;
  }
  tell("slab_pair", size, before, kPairs);
  return Done{};
}

[[gnu::noinline]] Result<Done> measure_many_objects(System& system, Cache& cache,
                                                    std::uint64_t size) noexcept {
  const List<void*> list{system, kObjects};
  void** const held = list.items();
  if (held == nullptr) return Error::no_memory;
  std::uint64_t before = arch::ticks();
  for (std::uint64_t i = 0; i < kObjects; ++i) {
    const auto object = cache.alloc();
    if (!object) return object.error();
    held[i] = object.value();
  }
  tell("slab_bulk_alloc", size, before, kObjects);
  before = arch::ticks();
  for (std::uint64_t i = 0; i < kObjects; ++i)
    if (const auto done = cache.free(held[i]); !done) return done;
  tell("slab_bulk_free", size, before, kObjects);
  return Done{};
}

[[gnu::noinline, gnu::noclone]] Result<Done> measure_kmalloc(System& system, std::uint64_t size) noexcept {
  const std::uint64_t before = arch::ticks();
  for (std::uint64_t left = kPairs; left != 0; --left) {
    const auto memory = system.kmalloc().kmalloc(size);
    if (!memory) return memory.error();
    barrier();
    if (const auto done = system.kmalloc().kfree(memory.value()); !done) return done;
  }
  tell("kmalloc_pair", size, before, kPairs);
  return Done{};
}

Result<Done> measure_slab(System& system, std::uint32_t size, TextView group) noexcept {
  const auto cache = system.slabs().create({.name = "loops", .size = size});
  if (!cache) return cache.error();
  Result<Done> done = Done{};
  const auto wanted = [&](TextView name) { return done && (group.empty() || group == name); };
  if (wanted("slab_pair")) done = measure_objects(*cache.value(), size);
  if (wanted("slab_bulk")) done = measure_many_objects(system, *cache.value(), size);
  if (wanted("kmalloc_pair")) done = measure_kmalloc(system, size);
  const auto left = system.slabs().destroy(*cache.value());
  return !done || left ? done : left.error();
}

// Whether a tick of the clock is an instruction: a loop of two to four takes what it must, and each time the same.
bool clock_counts_instructions() noexcept {
  std::uint64_t took[2] = {};
  for (std::uint64_t& ticks : took) {
    const std::uint64_t before = arch::ticks();
    for (std::uint64_t left = kPairs; left != 0; --left) barrier();
    ticks = arch::ticks() - before;
  }
  const std::uint64_t apart = took[0] < took[1] ? took[1] - took[0] : took[0] - took[1];
  return took[1] >= 2 * kPairs && took[1] <= 4 * kPairs + 100 && apart <= 8;
}

}  // namespace

Result<Done> run_loops(System& system, Vmalloc& vmalloc, TextView group) noexcept {
  if (!clock_counts_instructions()) {
    console().put("@@LOOP failed: the clock does not count instructions\n");
    return Error::bad_argument;
  }
  Result<Done> done = Done{};
  const auto wanted = [&](TextView name) { return done && (group.empty() || group == name); };
  if (wanted("empty_loop")) measure_nothing();
  if (wanted("page_pair")) done = measure_page_pairs<0>(system, kPairs);
  if (wanted("page_pair")) done = measure_page_pairs<1>(system, kPairs);
  if (wanted("page_pair")) done = measure_page_pairs<3>(system, kPairs);
  if (wanted("page_pair")) done = measure_page_pairs<9>(system, kLargePairs);
  if (wanted("page_pair")) done = measure_page_pairs<10>(system, kLargePairs);
  if (wanted("page_bulk")) done = measure_many_pages<0>(system, kSinglePages);
  if (wanted("page_bulk")) done = measure_many_pages<9>(system, kLargeBlocks);
  for (const std::uint32_t size : {16u, 64u, 256u, 1024u})
    if (done) done = measure_slab(system, size, group);
  if (wanted("vmalloc_pair")) done = measure_vmalloc_pairs(vmalloc);
  if (wanted("vmalloc_find")) done = measure_vmalloc_lookups(system, vmalloc);
  console().put(done ? "@@LOOP done\n" : "@@LOOP failed\n");
  return done;
}

}  // namespace kernel
