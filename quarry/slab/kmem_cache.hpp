// quarry/slab/kmem_cache.hpp: objects of one size, cut from slabs of pages.
//
//   node 0   partial:  [##.#....] -> [.###.###]      full: counted   empty: at most min_partial of the partial ones
//   node 1   partial:  [#.......]                    a list for each 2^31 frames of a node that hold slabs
//
// A slab's whole state is in its first frame's descriptor: the cache's number, the first free object, how many are
// in use, its links. Nothing is written in front of, between or behind objects but what Packing says, and no
// tail frame is written at all: an object's slab is its frame's number with low bits cleared.
//
// Any core may allocate and free at any time; each cache has a lock, held for an object or a slab, and not while pages are
// asked for. Constructors run with nothing held.
#pragma once

#include <new>

#include "quarry/slab/free_list.hpp"
#include "quarry/slab/node_lists.hpp"
#include "quarry/slab/stats.hpp"

namespace quarry::slab {

template <PageSource P>
class SlabAllocator;

// Runs once for each object of a new slab. Whoever frees an object leaves it as the constructor made it.
using Constructor = void (*)(void* object) noexcept;

// What the pages of a cache are good for.
enum class Memory : std::uint8_t {
  normal,
  reclaimable,  // SLAB_RECLAIM_ACCOUNT: pages that reclaim can win back
  dma,          // SLAB_CACHE_DMA: pages of the DMA zone
};

struct CacheSpec {
  TextView name;            // the characters must outlive the cache
  std::uint32_t size = 0;   // bytes
  std::uint32_t align = 0;  // bytes, a power of two; 0: whatever the machine asks for
  LineAlign line_align = LineAlign::no;
  LinkPlace link =
      LinkPlace::inside;  // behind, if readers may still look at freed objects; implied by a constructor
  Constructor constructor = nullptr;
  Memory memory = Memory::normal;
};

// What a pointer is to a cache.
enum class ObjectState : std::uint8_t {
  live,         // an object that was handed out
  free,         // an object that was given back, or never handed out
  misaligned,   // into a slab of this cache, but not where an object starts
  other_cache,  // into a slab of another cache
  no_slab,      // into memory that is no slab
  unmapped,     // outside of the memory that the page source maps
};

// Lives in an object of the cache "kmem_cache", with one pointer for each node behind it.
template <PageSource P>
class KmemCache {
 public:
  KmemCache(const KmemCache&) = delete;
  KmemCache& operator=(const KmemCache&) = delete;

  // Hands out an object, whose content is the constructor's, or anything if there is none.
  //
  // Returns   memory of `packing().object_size` bytes, aligned to `packing().align`.
  // Errors    no_memory: no partial slab where `where` allows, and no pages for a new one, not even of the least
  //           order. out_of_range: the pages lie where no node or no mapping is. Nothing changed but stats().failures.
  // Cost      O(1), but for a new slab, and for a walk over the node's stretches when one has no free object left.
  Result<void*> alloc(const Where& where = {}) noexcept {
    NodeLists* const local = lists(where.node);
    if (local != nullptr) [[likely]] {
      const Hold hold{pages_->cores(), lock_};
      if (local->front.first != page::Link::none) [[likely]]
        return take(*local, local->front.slab_at(local->front.first));
    }
    return alloc_slowly(where);
  }

  // The same with every byte of the object zero. Not for caches with a constructor.
  //
  // Errors    bad_argument: the cache has a constructor. As alloc() otherwise.
  Result<void*> zalloc(const Where& where = {}) noexcept {
    if (constructor_ != nullptr) return Error::bad_argument;
    const Result<void*> object = alloc(where);
    if (object) __builtin_memset(object.value(), 0, packing_.object_size);
    return object;
  }

  // Takes an object back. A slab that becomes empty is given back if its node has min_partial partial ones, itself
  // among them if it was one.
  //
  // Errors    wrong_owner: freed already, or another cache's. bad_argument: no object starts there.
  //           not_found: no slab there. out_of_range: no memory there. Nothing changed.
  // Cost      O(1) and, when the slab changes lists, the node's stretches; a walk over the slab's free objects
  //           when the object looks as if it were free.
  Result<Done> free(void* object) noexcept;

  ObjectState state_of(const void* object) noexcept;

  // Gives every empty slab back.
  //
  // Returns   how many there were.
  std::uint64_t shrink() noexcept;

  // Cost      O(partial slabs).
  CacheStats stats() noexcept;
  // Cost      O(objects in partial slabs).
  Audit audit() noexcept;

  TextView name() const noexcept { return name_; }
  const Packing& packing() const noexcept { return packing_; }
  Memory memory() const noexcept { return memory_; }
  std::uint16_t id() const noexcept { return id_; }
  KmemCache* next() const noexcept { return next_; }  // in the order of creation

 private:
  friend class SlabAllocator<P>;
  using Lock = typename P::Cores::Lock;
  using Hold = port::CoreHold<typename P::Cores>;

  // A frame's slab, and which of its objects a pointer is.
  struct Place {
    ObjectState state;  // live stands for "an object": whether it is free is not asked yet
    Pfn slab{};
    page::Descriptor* head = nullptr;
    std::uint16_t index = kNoObject;
  };

  // `records` is "kmem_cache_node", null in that cache itself.
  KmemCache(P& pages, const CacheSpec& spec, const Packing& packing, std::uint16_t id, std::size_t nodes,
            KmemCache* records) noexcept
      : pages_{&pages},
        records_{records},
        packing_{packing},
        divider_{packing.size},
        constructor_{spec.constructor},
        name_{spec.name},
        nodes_{static_cast<std::uint32_t>(nodes)},
        id_{id},
        memory_{spec.memory} {
    for (std::size_t i = 0; i < nodes; ++i) table()[i] = nullptr;
  }

  // One pointer for each node id, behind the cache itself; null for nodes without memory.
  NodeLists** table() noexcept { return reinterpret_cast<NodeLists**>(this + 1); }
  NodeLists* lists(NodeId node) noexcept {
    const std::size_t at = static_cast<std::size_t>(node);
    return at < nodes_ ? table()[at] : nullptr;
  }
  NodeLists& lists_of(Pfn slab) noexcept {
    NodeLists* const found = lists(pages_->node_of(slab));
    check(found != nullptr, "a slab on a node without lists");
    return *found;
  }

  std::uint16_t salt() const noexcept { return static_cast<std::uint16_t>(id_ * 0x6d2bu + 0x35a7u); }
  Slots slots(Pfn slab, Order order) noexcept {
    std::byte* const memory = pages_->map(PfnRange{slab, slab + order.pages()});
    check(memory != nullptr, "a slab that is not mapped");
    return {memory, packing_, salt()};
  }
  std::uint16_t objects_in_slab(const page::Descriptor& head) const noexcept {
    return head.order() == packing_.order ? packing_.objects : packing_.small_objects;
  }
  bool is_ours(const page::Descriptor* head) const noexcept {
    return head != nullptr && head->state() == page::State::slab && head->cache() == id_;
  }
  page::MigrateType migrate_type() const noexcept {
    return memory_ == Memory::reclaimable ? page::MigrateType::reclaimable : page::MigrateType::unmovable;
  }

  // What the slabs on a node's lists hold.
  struct Sums {
    std::uint64_t slabs = 0, empty = 0, objects = 0, in_use = 0;
  };

  Result<void*> alloc_slowly(const Where& where) noexcept;
  NodeLists* other_partial(NodeId node, std::uint64_t above) noexcept QUARRY_REQUIRES(lock_);
  void* pop(Pfn slab) noexcept;
  void* take(NodeLists& from, Pfn slab) noexcept QUARRY_REQUIRES(lock_);
  Result<Pfn> take_pages(const Where& where) noexcept QUARRY_EXCLUDES(lock_);
  Result<void*> take_from_new(const Where& where) noexcept QUARRY_EXCLUDES(lock_);
  Result<void*> take_enlisted(NodeLists& home, Pfn slab, const Where& where) noexcept QUARRY_EXCLUDES(lock_);
  void enlist(NodeLists& home, Pfn slab) noexcept QUARRY_REQUIRES(lock_);
  void fill(Pfn slab) noexcept;
  void give_back(NodeLists& from, Pfn slab) noexcept QUARRY_REQUIRES(lock_);
  void drop_pages(Pfn slab) noexcept;
  Place place_of(const void* object) noexcept;
  bool is_free(const Place& place) noexcept QUARRY_REQUIRES(lock_);
  Audit audit_node(NodeId node) noexcept QUARRY_REQUIRES(lock_);
  Audit audit_stretch(const Stretch& stretch, NodeId node, Sums& sums) noexcept QUARRY_REQUIRES(lock_);
  Law audit_slab(Pfn slab, NodeId node) noexcept;
  const void* first_live() noexcept;

  P* pages_;
  [[no_unique_address]] Lock lock_;  // guards the lists, and the free objects and counts of all slabs
  KmemCache* records_;  // where the records of further stretches come from; null: from the slabs themselves
  Packing packing_;
  Divider divider_;
  Constructor constructor_;
  TextView name_;
  KmemCache* next_ = nullptr;  // SlabAllocator's list of all caches
  std::uint64_t failures_ QUARRY_GUARDED_BY(lock_) = 0;
  std::uint32_t nodes_;  // entries of table(): the highest node id and one
  std::uint16_t id_;
  Memory memory_;
};

}  // namespace quarry::slab

#include "quarry/slab/kmem_cache_inline.hpp"
