// quarry/slab/kmem_cache.hpp: objects of one size, cut from slabs of pages.
//
//   core 0   loaded, spare, outgoing: arrays of free objects                (object_array.hpp)
//   node 0   full arrays --> partial:  [##.#....] -> [.###.###]   full: [########]   empty: at most min_partial of the partial
//   node 1                   partial:  [#.......]    lists for each 2^31 frames of a node that hold slabs
//
// alloc() pops a pointer from this core's array, free() pushes one; a node is asked, under its lock, for an array at a time.
// A slab's whole state is in its first frame's descriptor: the cache's number, the first free object, how many are
// in use, its links. Nothing is written in front of, between or behind objects but what Packing says: an object's slab is its
// frame's number with low bits cleared, as many as the frame's own descriptor says.
//
// Any core may allocate and free at any time. A lock is held for an array of objects at most, and not while pages are
// asked for. Constructors and hooks run with nothing held.
#pragma once

#include <new>

#include "quarry/slab/free_list.hpp"
#include "quarry/slab/node_lists.hpp"
#include "quarry/slab/stats.hpp"

namespace quarry::slab {

template <PageSource P, Hardening H = kPlain>
class SlabAllocator;
template <PageSource P, Hardening H = kPlain>
class KmemCache;

// Runs once for each object of a new slab. Whoever frees an object leaves it as the constructor made it.
using Constructor = void (*)(void* object) noexcept;

// What the pages of a cache are good for.
enum class Memory : std::uint8_t {
  normal,
  reclaimable,  // SLAB_RECLAIM_ACCOUNT: pages that reclaim can win back
  dma,          // SLAB_CACHE_DMA: pages of the DMA zone
};

// SLAB_ACCOUNT: what is charged to somebody is kept apart from what is not, no more.
enum class Charged : std::uint8_t { no, yes };
// Never: kmalloc's own, whose objects are copied to users.
enum class Merging : std::uint8_t { allowed, never };

struct CacheSpec {
  TextView name;            // the characters must outlive the cache
  std::uint32_t size = 0;   // bytes
  std::uint32_t align = 0;  // bytes, a power of two; 0: whatever the machine asks for
  LineAlign line_align = LineAlign::no;
  LinkPlace link =
      LinkPlace::inside;  // behind, if readers may still look at freed objects; implied by a constructor
  Constructor constructor = nullptr;
  Memory memory = Memory::normal;
  Charged charged = Charged::no;
  Merging merging = Merging::allowed;
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

// What all caches of an allocator have in common.
template <PageSource P, Hardening H>
struct Common {
  P* pages;
  std::uint64_t secret;                // for links and orders; never 0
  KmemCache<P, H>* records = nullptr;  // "kmem_cache_node": where the records of further stretches come from
  decltype(std::declval<P&>().direct_ram()) ram{};  // where slabs are found fastest
  KmemCache<P, H>* arrays[kArrayKinds] = {};        // null: cores keep nothing at hand
  FaultHook hook{};
  Atomic<std::size_t> events{};  // allocations and frees that left a track
};

// Lives in an object of the cache "kmem_cache", with what each core has and one pointer for each node behind it.
template <PageSource P, Hardening H>
class alignas(64) KmemCache {
 public:
  KmemCache(const KmemCache&) = delete;
  KmemCache& operator=(const KmemCache&) = delete;
  static constexpr Hardening kHardening = H;

  // Hands out an object, whose content is the constructor's, or anything if there is none.
  //
  // Returns   memory of `packing().object_size` bytes, aligned to `packing().align`.
  // Errors    no_memory: no free object where `where` allows, and no pages for a new slab, not even of the least
  //           order, whatever the page source's pressure hooks did. out_of_range: the pages lie where no node or no mapping
  //           is. Nothing changed but stats().failures.
  // Cost      a pop from this core's array; every so often one lock for an array full, and now and then a slab.
  [[gnu::always_inline]] Result<void*> alloc(const Where& where = {}) noexcept {
    void* object = nullptr;
    if (where.node == kHere && take_here(object)) [[likely]]
      return object;
    return alloc_slowly(pack(where));
  }
  // The first half of it.
  //
  // Returns   false: nothing was done, alloc() will do.
  [[gnu::always_inline]] bool take_here([[maybe_unused]] void*& object) noexcept {
    if constexpr (!H.any_per_object()) {
      const Guard guard{pages_->cores()};
      return mine(guard).loaded->pop(object);
    }
    return false;
  }

  // The same with every byte of the object zero. Not for caches with a constructor.
  //
  // Errors    bad_argument: the cache has a constructor. As alloc() otherwise.
  Result<void*> zalloc(const Where& where = {}) noexcept {
    if (constructor_ != nullptr) return Error::bad_argument;
    const Result<void*> object = alloc(where);
    if (object) __builtin_memset(object.value(), 0, object_size());
    return object;
  }

  // Takes an object back. A slab that becomes empty is given back if its node has min_partial partial ones, itself
  // among them if it was one.
  //
  // Errors    wrong_owner: freed already (seen with Hardening::checked_frees), or another cache's. bad_argument: no object
  //           starts there. not_found: no slab there. out_of_range: no memory there. damaged: it was written over, and is not
  //           used again (seen with Hardening::red_zones or checked_frees). Nothing changed otherwise.
  //           Without hardening a pointer is looked at when it leaves this core; then a wrong one stops the machine.
  // Cost      a push to this core's array; every so often one lock for an array full.
  [[gnu::always_inline]] Result<Done> free(void* object) noexcept {
    if (object != nullptr && keep_here(object)) [[likely]]
      return Done{};
    return free_slowly(object);
  }
  // The first half of it, for an object that is known to be this cache's.
  //
  // Returns   false: nothing was done, free() will do.
  [[gnu::always_inline]] bool keep_here([[maybe_unused]] void* object) noexcept {
    if constexpr (!H.any_per_object()) {
      const Guard guard{pages_->cores()};
      return mine(guard).loaded->push(object);
    }
    return false;
  }

  // Objects into each element of `out`, from the first on.
  //
  // Returns   how many there were; less than asked for as alloc() fails.
  // Cost      a copy of pointers for what is at hand.
  std::size_t alloc_bulk(std::span<void*> out, const Where& where = {}) noexcept;
  // Takes objects back, from the first on.
  //
  // Errors    those of free(), for the first that was refused: `*done`, if given, are those before it.
  Result<Done> free_bulk(std::span<void* const> objects, std::size_t* done = nullptr) noexcept;

  // The same as free(), of what may be anything: whether it is a live object is looked up first, whatever the hardening.
  // No guard is held, as cores are asked for what they have at hand.
  //
  // Cost      O(cores + objects in the slab)
  Result<Done> free_checked(void* object) noexcept {
    if (state_of(object) == ObjectState::free) return refuse(Fault::double_free, object, Error::wrong_owner);
    return free_slowly(object);
  }
  // The bytes that may be used from an object's begin on.
  //
  // Errors    those of free(); that it was freed is seen with Hardening::checked_frees.
  Result<std::uint64_t> usable_size(const void* object) noexcept;
  // No guard is held.
  //
  // Cost      as free_checked()
  ObjectState state_of(const void* object) noexcept;

  // What cores have at hand and what waits between them goes to its slabs, the arrays go, then every empty slab is given back. No
  // guard is held.
  //
  // Returns   how many slabs went.
  // Cost      each core once, and O(objects at hand + partial slabs).
  std::uint64_t shrink() noexcept { return send_home().slabs; }
  // Only the objects: cores keep their arrays, and slabs go as they go when objects are freed.
  std::uint64_t drain() noexcept { return send_objects_home().slabs; }

  // No guard is held, here and below: each core is asked what it has at hand.
  //
  // Cost      O(cores + partial slabs).
  CacheStats stats() noexcept;
  // Cost      O(objects in partial slabs + objects at hand).
  Audit audit() noexcept;
  // Tells of each object in use, under a lock: `leak` asks nothing of the allocator. After drain(), or what cores
  // have at hand is told too. Tracks are right at rest.
  void for_each_live(const LeakHook& leak) noexcept;

  TextView name() const noexcept { return name_; }
  const Packing& packing() const noexcept { return packing_; }
  // Bytes of packing().object_size, which a cache that is merged into this one may raise at any time.
  std::uint32_t object_size() const noexcept {
    return __atomic_load_n(&packing_.object_size, __ATOMIC_RELAXED);
  }
  Memory memory() const noexcept { return memory_; }
  std::uint16_t id() const noexcept { return id_; }
  KmemCache* next() const noexcept { return next_; }  // in the order of creation
  // Whether objects of such a cache may be this one's.
  bool can_stand_for(const CacheSpec& spec, const Packing& packing, std::uint32_t word) const noexcept {
    return is_mergeable_ && memory_ == spec.memory && charged_ == spec.charged &&
           serves(packing_, packing, word);
  }
  unsigned users() const noexcept { return users_; }  // creations that were merged into it, and its own

 private:
  friend class SlabAllocator<P, H>;
  using Lock = typename P::Cores::Lock;
  using Guard = typename P::Cores::Guard;
  using Hold = port::CoreHold<typename P::Cores>;
  using Lists = NodeLists<Lock>;

  // A frame's slab, and which of its slots a pointer is.
  struct Place {
    ObjectState state;  // live stands for "an object": whether it is free is not asked yet
    Pfn slab{};
    page::Descriptor* head = nullptr;
    std::byte* begin = nullptr;  // of the slab
    std::uint32_t index = kNoObject;
    std::int64_t offset = 0;  // of a misaligned pointer, from the begin of its object
  };
  // What went back to the page allocator: slabs of the least order are smaller than the others.
  struct Gone {
    std::uint64_t slabs = 0;
    PageCount pages{};
    Gone& operator+=(const Gone& more) noexcept {
      slabs += more.slabs;
      pages.raw += more.pages.raw;
      return *this;
    }
  };
  // Slabs that became empty under a lock, to be given back when it is let go.
  struct Emptied {
    static constexpr unsigned kMost = kArrayBytes[0] / sizeof(void*);
    unsigned count = 0;
    std::uint64_t slabs[kMost];  // numbers of their first frames; only `count` are written
  };

  KmemCache(Common<P, H>& common, const CacheSpec& spec, const Packing& packing, std::uint16_t id,
            unsigned cores, std::size_t nodes) noexcept
      : pages_{common.pages},
        common_{&common},
        packing_{packing},
        divider_{packing.size},
        constructor_{spec.constructor},
        name_{spec.name},
        cores_{cores},
        nodes_{static_cast<std::uint32_t>(nodes)},
        id_{id},
        memory_{spec.memory},
        charged_{spec.charged},
        is_mergeable_{spec.merging == Merging::allowed && spec.constructor == nullptr &&
                      spec.link == LinkPlace::inside} {
    for (unsigned i = 0; i < cores; ++i) ::new (static_cast<void*>(&at(i))) AtCore{};
    for (std::size_t i = 0; i < nodes; ++i) table()[i] = nullptr;
  }
  static constexpr std::size_t size_for(unsigned cores, std::size_t nodes) noexcept {
    return sizeof(KmemCache) + cores * sizeof(AtCore) + nodes * sizeof(void*);
  }

  // Behind the cache itself: what each core has, then one pointer for each node id, null for nodes without memory.
  [[gnu::always_inline]] AtCore& at(unsigned core) noexcept {
    return reinterpret_cast<AtCore*>(this + 1)[core];
  }
  // A port may know 64 times the number of its core without a multiplication.
  template <class G>
  [[gnu::always_inline]] AtCore& mine(const G& guard) noexcept {
    if constexpr (requires { guard.core_line(); })
      return *reinterpret_cast<AtCore*>(reinterpret_cast<std::byte*>(this + 1) + guard.core_line());
    else
      return at(guard.core());
  }
  Lists** table() noexcept { return reinterpret_cast<Lists**>(&at(cores_)); }
  Lists* lists(NodeId node) noexcept {
    const std::size_t index = static_cast<std::size_t>(node);
    return index < nodes_ ? table()[index] : nullptr;
  }
  Lists& lists_of(Pfn slab) noexcept {
    Lists* const found = only_ != nullptr ? only_ : lists(pages_->node_of(slab));
    check(found != nullptr, "a slab on a node without lists");
    return *found;
  }
  Slots<H> slots(std::byte* begin) const noexcept { return {begin, packing_, common_->secret}; }
  Slots<H> slots(Pfn slab, Order order) noexcept {
    std::byte* memory = common_->ram.memory_of(slab);
    if (memory == nullptr) memory = pages_->map(PfnRange{slab, slab + order.pages()});
    check(memory != nullptr, "a slab that is not mapped");
    return slots(memory);
  }
  std::uint32_t objects_in_slab(const page::Descriptor& head) const noexcept {
    return head.order() == packing_.order ? packing_.objects : packing_.small_objects;
  }
  bool is_ours(const page::Descriptor* head) const noexcept {
    return head != nullptr && head->state() == page::State::slab && head->cache() == id_;
  }
  page::MigrateType migrate_type() const noexcept {
    return memory_ == Memory::reclaimable ? page::MigrateType::reclaimable : page::MigrateType::unmovable;
  }
  void* object_of(std::byte* slot) const noexcept { return slot + packing_.object_offset; }
  std::byte* slot_of(void* object) const noexcept {
    return static_cast<std::byte*>(object) - packing_.object_offset;
  }

  // Objects, by way of this core (kmem_cache_cores.hpp). What is in arrays and rows are slots.
  [[gnu::noinline]] Result<void*> alloc_slowly(std::uint64_t where) noexcept;
  [[gnu::noinline]] Result<Done> free_slowly(void* object) noexcept;
  Result<void*> take(const Where& where) noexcept;
  void* take_at_hand(const Where& where, ObjectArray*& fresh) noexcept;
  void put(const Place& place) noexcept;
  enum class Kept : bool { no, yes };
  Kept keep(AtCore& mine, Lists& home, void* slot, ObjectArray*& fresh, bool may_ask,
            Emptied& emptied) noexcept;
  Kept send(AtCore& mine, void* slot, ObjectArray*& fresh, Emptied& emptied) noexcept;
  void hand_over(ObjectArray& array, Emptied& emptied) noexcept;
  Gone empty_core(AtCore& mine) noexcept;
  Gone empty_node(Lists& node) noexcept;
  ObjectArray* make_array() noexcept;
  void drop_array(ObjectArray* array) noexcept;
  Gone send_objects_home() noexcept;
  Gone drop_arrays() noexcept;
  Gone send_home() noexcept;
  template <class Visit>
  void for_each_core(Visit&& visit) noexcept;

  // Slabs (kmem_cache_slabs.hpp).
  std::size_t take_row(Lists& from, void** end, std::size_t most) noexcept QUARRY_REQUIRES(from.lock);
  void put_row(Lists& home, std::span<void* const> row, Emptied& emptied) noexcept QUARRY_REQUIRES(home.lock);
  void put_one(Lists& home, const Place& place, Emptied& emptied) noexcept QUARRY_REQUIRES(home.lock);
  void* take_one(Lists& from) noexcept QUARRY_REQUIRES(from.lock);
  void* take_from_other(const Where& where, NodeId node, std::uint64_t above) noexcept;
  Result<Pfn> take_pages(const Where& where) noexcept;
  Result<void*> take_from_new(const Where& where) noexcept;
  Result<void*> take_enlisted(Lists& home, Pfn slab, std::uint32_t direct, const Where& where) noexcept;
  void* take_first(Lists& home, Pfn slab, std::uint32_t direct, unsigned core) noexcept
      QUARRY_REQUIRES(home.lock);
  std::byte* pop(Pfn slab) noexcept;
  void* take_fresh(Pfn slab) noexcept;
  void enlist(Lists& home, Pfn slab) noexcept QUARRY_REQUIRES(home.lock);
  void fill(Pfn slab, std::uint32_t direct) noexcept;
  void forget_if_empty(Lists& home, Pfn slab, bool was_full, Emptied& emptied) noexcept
      QUARRY_REQUIRES(home.lock);
  void drop_pages(Pfn slab) noexcept;
  Gone drop(const Emptied& emptied) noexcept;
  Place place_of(const void* object) noexcept;
  bool is_on_chain(const Place& place) noexcept;

  // What hardening does for each object (kmem_cache_hardened.hpp).
  void prepare(std::byte* slot) noexcept;
  bool hand_out(std::byte* slot, const void* caller) noexcept;
  Result<Done> take_back(std::byte* slot, const void* caller) noexcept;
  Result<Done> refuse(Fault fault, const void* object, Error error, std::int64_t offset = 0,
                      std::byte* slot = nullptr) noexcept;
  Track track(const std::byte* slot, unsigned which) const noexcept;
  void leave_track(std::byte* slot, unsigned which, const void* caller) noexcept;
  std::uintptr_t state_word(const std::byte* slot, bool is_live) const noexcept;
  Shared<std::uintptr_t>* state_at(std::byte* slot) const noexcept {
    return reinterpret_cast<Shared<std::uintptr_t>*>(slot + packing_.state_offset);
  }
  void poison_free(std::byte* slot) const noexcept;

  // What the slabs on a node's lists hold.
  struct Sums {
    std::uint64_t slabs = 0, partial = 0, empty = 0, objects = 0, in_use = 0;
  };
  bool is_in(const ObjectArray& array, const void* slot) noexcept;
  bool is_at_hand(const Place& place) noexcept;
  Audit audit_node(NodeId node) noexcept;
  Audit audit_list(const Stretch& stretch, bool full, NodeId node, Sums& sums) noexcept;
  Law audit_slab(Pfn slab, bool full, NodeId node) noexcept;
  Law audit_array(ObjectArray& array) noexcept;

  P* pages_;
  Common<P, H>* common_;
  Packing packing_;
  Divider divider_;
  Constructor constructor_;
  TextView name_;
  KmemCache* next_ = nullptr;  // SlabAllocator's list of all caches
  Atomic<std::size_t> failures_{};
  std::uint32_t cores_;
  std::uint32_t nodes_;  // entries of table(): the highest node id and one
  std::uint32_t users_ = 1;
  std::uint32_t visitors_ = 0;  // cores whose walk over all caches is here; guarded by the allocator's lock
  std::uint16_t id_;
  Memory memory_;
  Charged charged_;
  bool is_mergeable_;
  bool keeps_arrays_ = false;
  Lists* only_ = nullptr;  // where one node has memory: all objects are its own
};

}  // namespace quarry::slab

#include "quarry/slab/kmem_cache_cores.hpp"
#include "quarry/slab/kmem_cache_drain.hpp"
#include "quarry/slab/kmem_cache_hardened.hpp"
#include "quarry/slab/kmem_cache_report.hpp"
#include "quarry/slab/kmem_cache_slabs.hpp"
