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

// What an embedder decides beside the packing.
struct SlabConfig {
  PackingRules packing{};
  bool cores_keep_objects = true;  // no: every object comes from its slab and goes there, under a lock
  bool merging = true;             // slab_nomerge: no
  std::uint64_t secret =
      0x51ab'5ec2'e75e'ed01;  // for Hardening::hidden_links and its like: nobody should know it
};

// Making and unmaking caches is for one core at a time; all else for any, but that who walks from first() on holds them off.
template <PageSource P, Hardening H>
class SlabAllocator {
 public:
  using Cache = KmemCache<P, H>;

  // `pages` must outlive it. Nothing is allocated before boot(). The page size and the highest order of
  // `rules` are those of the page source, whatever they say.
  SlabAllocator(P& pages, const SlabConfig& config) noexcept
      : common_{.pages = &pages, .secret = config.secret}, config_{config}, rules_{config.packing} {
    rules_.page_shift = P::kGeometry.page_size().shift();
    rules_.highest_order = P::kGeometry.max_order().raw();
    rules_.word = sizeof(void*);
  }
  SlabAllocator(P& pages, const PackingRules& rules) noexcept
      : SlabAllocator{pages, SlabConfig{.packing = rules}} {}
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
  // a node come with the slabs there. Where a cache is there that would do as well, that one has a user more, unless caches
  // are not to be merged or hardening tells them apart.
  //
  // Source    Linux 6.1, "find_mergeable" (behaviour).
  // Errors    bad_argument: a size or an alignment that cannot be (see packing_of). no_memory: for the cache
  //           itself. no_room: kMaxCaches are there. Nothing changed.
  // Cost      O(nodes with memory + caches), however much memory they have.
  Result<Cache*> create(const CacheSpec& spec) noexcept;

  // Unmakes a cache whose objects are all free; one of several users only leaves. While there are objects it only loses its
  // empty slabs, and lives on. No guard is held, here and below.
  //
  // Returns   what is still in use, each of which `leak` was told of; the cache is gone when that is none().
  // Errors    bad_argument: one of the caches that all live in.
  Result<Leaks> destroy(Cache& cache, const LeakHook& leak = {}) noexcept;

  // Everything that nobody uses back to the page allocator: what cores have at hand, and empty slabs. For a pressure hook
  // (buddy/request.hpp), as nothing is asked for on the way.
  //
  // Returns   the pages that went.
  PageCount give_back() noexcept;

  // Is told of each misuse from now on. Set while nobody else allocates.
  void set_fault_hook(const FaultHook& hook) noexcept { common_.hook = hook; }

  // The cache that an object belongs to.
  //
  // Errors    not_found: no slab there. out_of_range: no memory there.
  Result<Cache*> cache_of(const void* object) noexcept;

  Cache* first() const noexcept { return first_; }  // then Cache::next()
  P& pages() noexcept { return *common_.pages; }
  const PackingRules& rules() const noexcept { return rules_; }

  // Cost      O(objects in partial slabs of all caches).
  Audit audit() noexcept;

  static constexpr unsigned kMaxCaches = page::Descriptor::kMaxCaches;

  // The cache with a number; a slab says which. Null: there is none.
  Cache* by_id(std::uint32_t id) const noexcept {
    Cache** const chunk = chunks_[id >> kChunkShift];
    return chunk == nullptr ? nullptr : chunk[id & (kChunkIds - 1)];
  }

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
  Result<Cache*> make(const CacheSpec& spec, const Packing& packing) noexcept;
  Cache* mergeable(const CacheSpec& spec, const Packing& packing) noexcept;
  bool is_own(const Cache& cache) const noexcept;
  Result<Done> boot_arrays() noexcept;
  void unmake(Cache& cache) noexcept;
  bool unlist(Cache& cache) noexcept;
  Cache* next_visited(Cache* before) noexcept;
  void set_up_arrays(Cache& cache) noexcept;
  Result<Done> boot_caches() noexcept;
  Result<Pfn> boot_slab(const CacheSpec& spec, const Packing& packing) noexcept;
  Result<Done> boot_lists() noexcept QUARRY_UNLOCKED;  // nobody else is there yet
  Result<Done> add_lists(Cache& cache) noexcept;
  void drop_lists(Cache& cache) noexcept;
  void dissolve() noexcept;
  void dissolve_lists() noexcept;
  void let_go(const void* record) noexcept;

  Common<P, H> common_;
  SlabConfig config_;
  PackingRules rules_;
  std::size_t node_ids_ = 0;  // the highest node id and one
  unsigned nodes_with_memory_ = 0;
  unsigned cores_ = 0;
  [[no_unique_address]] typename P::Cores::Lock list_lock_;  // the order of caches, and who looks at each
  Cache* first_ = nullptr;   // in order of creation; the first two are caches_ and lists_
  Cache* caches_ = nullptr;  // "kmem_cache"
  Cache* lists_ = nullptr;   // "kmem_cache_node"
  Cache** chunks_[kChunks] = {};
};

}  // namespace quarry::slab

#include "quarry/slab/slab_allocator_boot.hpp"
#include "quarry/slab/slab_allocator_inline.hpp"
