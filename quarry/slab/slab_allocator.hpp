// quarry/slab/slab_allocator.hpp: all caches of one machine, and the two that the others live in.
//
//   first slab of "kmem_cache":            | kmem_cache itself | kmem_cache_node | free | ...
//   first slab of "kmem_cache_node" on n:  | its own lists of node n | free | ...
//     and on n in a further stretch:       | its own record of that stretch | free | ...
//
// Nothing is there before them, so each holds itself: their first slabs are laid out by hand and their first
// objects taken from them. From then on every cache is an object of the one, its lists are objects of the other.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

// Making and unmaking caches is for one core at a time; all else for any.
template <PageSource P>
class SlabAllocator {
 public:
  using Cache = KmemCache<P>;

  // `pages` must outlive it. Nothing is allocated before boot(). The page size and the highest order of
  // `rules` are those of the page source, whatever they say.
  SlabAllocator(P& pages, PackingRules rules) noexcept : pages_{&pages}, rules_{rules} {
    rules_.page_shift = P::kGeometry.page_size().shift();
    rules_.highest_order = P::kGeometry.max_order().raw();
    rules_.word = sizeof(void*);
  }
  SlabAllocator(const SlabAllocator&) = delete;
  SlabAllocator& operator=(const SlabAllocator&) = delete;

  // Makes "kmem_cache" and "kmem_cache_node". Once, before anything else.
  //
  // Errors    no_memory: not enough pages; all are given back, and it may be tried again. bad_argument: rules
  //           that allow no slab.
  Result<Done> boot() noexcept;
  bool is_booted() const noexcept { return first_ != nullptr; }

  // Gives everything back. No other cache may be there any more.
  //
  // Errors    bad_argument: there is one. Nothing changed.
  Result<Done> shut_down() noexcept;

  // Makes an empty cache: no slab yet, but its lists on every node with memory. Records for more stretches of
  // a node come with the slabs there.
  //
  // Errors    bad_argument: a size or an alignment that cannot be (see packing_of). no_memory: for the cache
  //           itself. no_room: kMaxCaches are there. Nothing changed.
  // Cost      O(nodes with memory + caches), however much memory they have.
  Result<Cache*> create(const CacheSpec& spec) noexcept;

  // Unmakes a cache whose objects are all free. While there are others it only loses its empty slabs, and lives on.
  //
  // Returns   what is still in use; the cache is gone when that is none().
  // Errors    bad_argument: one of the two caches that all live in.
  Result<Leaks> destroy(Cache& cache) noexcept;

  // The cache that an object belongs to.
  //
  // Errors    not_found: no slab there. out_of_range: no memory there.
  Result<Cache*> cache_of(const void* object) noexcept;

  Cache* first() const noexcept { return first_; }  // then Cache::next()
  P& pages() noexcept { return *pages_; }
  const PackingRules& rules() const noexcept { return rules_; }

  // Cost      O(objects in partial slabs of all caches).
  Audit audit() noexcept;

  static constexpr unsigned kMaxCaches = page::Descriptor::kMaxCaches;

 private:
  // Caches by number: pages of pointers, taken as they are needed.
  static constexpr unsigned kChunkShift = 9;
  static constexpr unsigned kChunkIds = 1u << kChunkShift;
  static constexpr unsigned kChunks = kMaxCaches >> kChunkShift;
  static_assert(kChunkIds * sizeof(void*) <= (std::size_t{1} << PageSize::kMinShift));

  Cache*& slot(unsigned id) noexcept { return chunks_[id >> kChunkShift][id & (kChunkIds - 1)]; }
  Result<unsigned> free_id() noexcept;
  Result<Done> add_chunk(unsigned chunk) noexcept;
  Result<Packing> packing_for(const CacheSpec& spec) const noexcept;
  Result<Done> boot_caches() noexcept;
  Result<Pfn> boot_slab(const CacheSpec& spec, const Packing& packing) noexcept;
  Result<Done> boot_lists() noexcept QUARRY_UNLOCKED;  // nobody else is there yet
  Result<Done> add_lists(Cache& cache) noexcept;
  void drop_lists(Cache& cache) noexcept;
  void dissolve() noexcept;
  void dissolve_lists() noexcept;
  void let_go(const void* record) noexcept;

  P* pages_;
  PackingRules rules_;
  std::size_t node_ids_ = 0;  // the highest node id and one
  Cache* first_ = nullptr;    // in order of creation; the first two are caches_ and lists_
  Cache* caches_ = nullptr;   // "kmem_cache"
  Cache* lists_ = nullptr;    // "kmem_cache_node"
  Cache** chunks_[kChunks] = {};
};

}  // namespace quarry::slab

#include "quarry/slab/slab_allocator_boot.hpp"
#include "quarry/slab/slab_allocator_inline.hpp"
