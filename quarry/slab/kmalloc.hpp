// quarry/slab/kmalloc.hpp: memory of any size, from caches of powers of two and, above two pages, from whole blocks.
#pragma once

#include <bit>

#include "quarry/slab/size_classes.hpp"
#include "quarry/slab/slab_allocator.hpp"

namespace quarry::slab {

// What kmalloc(0) returns: no memory, but no failure either. kfree() takes it back.
inline void* zero_size_pointer() noexcept { return std::bit_cast<void*>(std::uintptr_t{16}); }

// Whether there are size classes of the DMA zone's pages (CONFIG_ZONE_DMA).
enum class DmaCaches : std::uint8_t { none, all };

template <PageSource P, Hardening H = kPlain>
class Kmalloc {
 public:
  using Slabs = SlabAllocator<P, H>;
  using Cache = KmemCache<P, H>;

  // `slabs` must be booted and outlive it.
  explicit Kmalloc(SlabAllocator<P, H>& slabs) noexcept : slabs_{&slabs} {}
  Kmalloc(const Kmalloc&) = delete;
  Kmalloc& operator=(const Kmalloc&) = delete;

  // Makes the caches: the normal classes, then the reclaimable ones, then those of the DMA zone if wanted.
  //
  // Errors    no_memory, no_room: all that were made are gone again.
  Result<Done> boot(DmaCaches dma) noexcept;
  // Destroys the caches that are empty.
  //
  // Returns   the number of objects that keep others alive, large ones included.
  std::uint64_t shut_down() noexcept;

  // At least `size` bytes. Aligned to the size class where that is a power of two, at least to the machine's
  // kmalloc alignment; above two pages, to the block.
  //
  // Returns   zero_size_pointer() for 0 bytes.
  // Errors    no_memory: as KmemCache::alloc(). bad_argument: larger than the largest block, or memory of a kind
  //           that the machine has no caches for.
  // Cost      as KmemCache::alloc(), and a look into a table for sizes up to 1 KiB.
  [[gnu::always_inline]] Result<void*> kmalloc(std::uint64_t size, const Where& where = {},
                                               Memory memory = Memory::normal) noexcept {
    if (size - 1 < small_sizes_ && memory == Memory::normal) [[likely]] {
      if (size - 1 >= kSmall) __builtin_unreachable();
      return small_[(size - 1) >> kSmallShift]->alloc(where);
    }
    return kmalloc_slowly(size, pack(where), memory);
  }
  // The same, every byte that ksize() counts zero.
  Result<void*> kzalloc(std::uint64_t size, const Where& where = {}, Memory memory = Memory::normal) noexcept;

  // Takes memory back; null and zero_size_pointer() are none.
  //
  // Errors    wrong_owner: freed already. bad_argument: not where the memory starts. not_found: not from kmalloc
  //           or a cache. out_of_range: no memory there. Nothing changed.
  // Without hardening, memory of a cache is looked at as KmemCache::free() says.
  // Cost      the page's descriptor, and KmemCache::free().
  [[gnu::always_inline]] Result<Done> kfree(void* memory) noexcept {
    if constexpr (!H.any_per_object()) {
      if (const page::Descriptor* const page = ram_.descriptor_of(memory)) [[likely]] {
        const page::Descriptor::Tag tag = page->tag();
        if (tag.is_quick_slab() && by_id_[tag.cache_of_slab()]->keep_here(memory)) [[likely]]
          return Done{};
      }
    }
    return kfree_slowly(memory);
  }
  // The same, of what may be anything: KmemCache::free_checked(). No guard is held.
  Result<Done> kfree_checked(void* memory) noexcept;

  // The bytes that may be used, which may be more than were asked for; 0 for null and zero_size_pointer().
  //
  // Errors    as kfree().
  Result<std::uint64_t> ksize(const void* memory) noexcept;

  // Makes memory larger, or leaves it as it is. The old content comes along. Null becomes fresh memory; size 0
  // frees and returns zero_size_pointer().
  //
  // Errors    those of ksize() and kmalloc(). The old memory is untouched then.
  Result<void*> krealloc(void* memory, std::uint64_t size, const Where& where = {},
                         Memory kind = Memory::normal) noexcept;

  // The cache that serves a size, null if none does.
  Cache* cache_for(std::uint64_t size, Memory memory = Memory::normal) const noexcept;
  std::uint64_t large_blocks() const noexcept { return large_blocks_; }
  PageCount large_pages() const noexcept { return PageCount{large_pages_}; }

 private:
  // In the owner's words of a large block's descriptor. Whoever takes pages from the page allocator itself
  // must not write this there.
  static constexpr std::uint64_t kLargeMark = 0x6b6d'616c'6c6f'6321;

  static bool is_nothing(const void* memory) noexcept {
    return memory == nullptr || memory == zero_size_pointer();
  }
  // The first frame of the large block at `memory`.
  Result<Pfn> large_at(const void* memory) noexcept;
  bool is_own(const Cache* cache) const noexcept {
    for (const auto& kind : caches_)
      for (const Cache* const own : kind)
        if (own != nullptr && own == cache) return true;
    return false;
  }
  void learn_ids() noexcept {
    for (std::uint32_t id = 0; id < kOwnIds; ++id) {
      Cache* const cache = slabs_->by_id(id);
      by_id_[id] = is_own(cache) ? cache : slabs_->first();
    }
  }
  // Adds, or takes away what wraps.
  void count_large(std::uint64_t blocks, std::uint64_t pages) noexcept {
    const port::CoreHold<typename P::Cores> hold{slabs_->pages().cores(), lock_};
    large_blocks_ += blocks, large_pages_ += pages;
  }
  [[gnu::noinline]] Result<void*> kmalloc_slowly(std::uint64_t size, std::uint64_t where,
                                                 Memory memory) noexcept;
  [[gnu::noinline]] Result<Done> kfree_slowly(void* memory) noexcept;
  Result<Done> free_large(void* memory) noexcept;
  Result<void*> take_large(std::uint64_t size, const Where& where, Memory memory) noexcept;

  static constexpr std::uint64_t kSmall = 1024;  // bytes, up to which a table knows the cache
  static constexpr unsigned kSmallShift = 3;

  SlabAllocator<P, H>* slabs_;
  // What kfree() looks at before anything else: where most pages are, and the caches of low numbers, which are kmalloc's own if
  // it was booted early. A number without a cache has one that takes nothing in.
  decltype(std::declval<P&>().direct_ram()) ram_{};
  static constexpr std::uint32_t kOwnIds = page::Descriptor::kQuickCaches;
  Cache* by_id_[kOwnIds] = {};
  std::uint64_t small_sizes_ = 0;  // kSmall; 0 while there are no caches
  Cache* small_[kSmall >> kSmallShift] = {};
  Cache* caches_[kMemories][kSizeClasses] = {};
  [[no_unique_address]] typename P::Cores::Lock lock_;  // for who changes these two
  Shared<std::uint64_t> large_blocks_, large_pages_;
};

template <PageSource P, Hardening H>
Result<Done> Kmalloc<P, H>::boot(DmaCaches dma) noexcept {
  const PackingRules& rules = slabs_->rules();
  for (const Memory memory : {Memory::normal, Memory::reclaimable, Memory::dma}) {
    if (memory == Memory::dma && dma == DmaCaches::none) continue;
    for (unsigned index = 1; index < kSizeClasses; ++index) {
      if (!has_class(index, rules)) continue;
      const std::uint32_t size = class_size(index);
      const Result<Cache*> cache = slabs_->create({.name = class_name(memory, index),
                                                   .size = size,
                                                   .align = kmalloc_alignment(size, rules),
                                                   .memory = memory,
                                                   .merging = Merging::never});
      if (!cache) {
        check(shut_down() == 0, "a fresh cache holds objects");
        return cache.error();
      }
      caches_[static_cast<unsigned>(memory)][index] = cache.value();
    }
  }
  ram_ = slabs_->pages().direct_ram();
  learn_ids();
  for (std::uint64_t i = 0; i < kSmall >> kSmallShift; ++i) small_[i] = cache_for((i + 1) << kSmallShift);
  small_sizes_ = kSmall;
  return Done{};
}

template <PageSource P, Hardening H>
std::uint64_t Kmalloc<P, H>::shut_down() noexcept {
  std::uint64_t left = large_blocks_;
  small_sizes_ = 0;
  for (auto& kind : caches_) {
    for (Cache*& cache : kind) {
      if (cache == nullptr) continue;
      const std::uint64_t leaked = slabs_->destroy(*cache).value().objects;
      left += leaked;
      if (leaked == 0) cache = nullptr;
    }
  }
  learn_ids();
  return left;
}

template <PageSource P, Hardening H>
auto Kmalloc<P, H>::cache_for(std::uint64_t size, Memory memory) const noexcept -> Cache* {
  const std::optional<unsigned> index = class_of(size, slabs_->rules());
  return index ? caches_[static_cast<unsigned>(memory)][*index] : nullptr;
}

template <PageSource P, Hardening H>
Result<void*> Kmalloc<P, H>::kmalloc_slowly(std::uint64_t size, std::uint64_t packed,
                                            Memory memory) noexcept {
  const Where where = unpack_where(packed);
  if (size == 0) return zero_size_pointer();
  if (size > class_size(highest_class(slabs_->rules()))) return take_large(size, where, memory);
  Cache* const cache = cache_for(size, memory);
  if (cache == nullptr) return Error::bad_argument;
  return cache->alloc(where);
}

template <PageSource P, Hardening H>
Result<void*> Kmalloc<P, H>::take_large(std::uint64_t size, const Where& where, Memory memory) noexcept {
  P& pages = slabs_->pages();
  const unsigned raw = order_for(size, slabs_->rules().page_shift);
  if (raw > P::kGeometry.max_order().raw()) return Error::bad_argument;
  const Order order{raw};
  buddy::Request request{.placement = where.placement,
                         .urgency = where.urgency,
                         .effort = where.effort,
                         .node = node_asked(pages, where.node)};
  if (memory == Memory::dma) request.highest = zones::ZoneType::dma;
  if (memory == Memory::reclaimable) request.type = page::MigrateType::reclaimable;
  const Result<Pfn> block = pages.alloc_pages(order, request);
  if (!block) return block.error();
  std::byte* const begin = pages.map(PfnRange{block.value(), block.value() + order.pages()});
  if (begin == nullptr) {
    check(static_cast<bool>(pages.free_pages(block.value(), order)), "a fresh block was not taken back");
    return Error::out_of_range;
  }
  known(pages, block.value()).set_owner_word(kLargeMark);
  count_large(1, order.pages().raw);
  return static_cast<void*>(begin);
}

template <PageSource P, Hardening H>
Result<void*> Kmalloc<P, H>::kzalloc(std::uint64_t size, const Where& where, Memory memory) noexcept {
  const Result<void*> fresh = kmalloc(size, where, memory);
  if (fresh && size != 0)
    __builtin_memset(fresh.value(), 0, static_cast<std::size_t>(ksize(fresh.value()).value()));
  return fresh;
}

template <PageSource P, Hardening H>
Result<Pfn> Kmalloc<P, H>::large_at(const void* memory) noexcept {
  P& pages = slabs_->pages();
  const Result<Pfn> frame = pages.pfn_of(memory);
  if (!frame) return frame.error();
  const Result<Pfn> head = head_of(pages, frame.value());
  if (!head) return Error::not_found;
  const page::Descriptor& descriptor = known(pages, head.value());
  if (descriptor.state() != page::State::allocated || descriptor.owner_word() != kLargeMark)
    return Error::not_found;
  const PfnRange block{head.value(), head.value() + descriptor.order().pages()};
  if (pages.map(block) != memory) return Error::bad_argument;
  return head;
}

template <PageSource P, Hardening H>
Result<std::uint64_t> Kmalloc<P, H>::ksize(const void* memory) noexcept {
  if (is_nothing(memory)) return std::uint64_t{0};
  const Result<Cache*> cache = slabs_->cache_of(memory);
  if (cache) return cache.value()->usable_size(memory);
  if (cache.error() != Error::not_found) return cache.error();
  const Result<Pfn> block = large_at(memory);
  if (!block) return block.error();
  return slabs_->pages().find(block.value())->order().pages().raw << slabs_->rules().page_shift;
}

template <PageSource P, Hardening H>
Result<Done> Kmalloc<P, H>::kfree_slowly(void* memory) noexcept {
  if (is_nothing(memory)) return Done{};
  const Result<Cache*> cache = slabs_->cache_of(memory);
  if (cache) return cache.value()->free(memory);
  if (cache.error() != Error::not_found) return cache.error();
  return free_large(memory);
}

template <PageSource P, Hardening H>
Result<Done> Kmalloc<P, H>::kfree_checked(void* memory) noexcept {
  if (is_nothing(memory)) return Done{};
  const Result<Cache*> cache = slabs_->cache_of(memory);
  return cache ? cache.value()->free_checked(memory) : kfree_slowly(memory);
}

template <PageSource P, Hardening H>
Result<Done> Kmalloc<P, H>::free_large(void* memory) noexcept {
  const Result<Pfn> block = large_at(memory);
  if (!block) return block.error();
  P& pages = slabs_->pages();
  const Order order = known(pages, block.value()).order();
  const Result<Done> freed = pages.free_pages(block.value(), order);
  if (!freed) return freed;
  count_large(std::uint64_t{0} - 1, 0 - order.pages().raw);
  return Done{};
}

template <PageSource P, Hardening H>
Result<void*> Kmalloc<P, H>::krealloc(void* memory, std::uint64_t size, const Where& where,
                                      Memory kind) noexcept {
  if (size == 0) {
    const Result<Done> freed = kfree(memory);
    if (!freed) return freed.error();
    return zero_size_pointer();
  }
  const Result<std::uint64_t> old = ksize(memory);
  if (!old) return old.error();
  if (old.value() >= size) return memory;
  const Result<void*> fresh = kmalloc(size, where, kind);
  if (!fresh || is_nothing(memory)) return fresh;
  __builtin_memcpy(fresh.value(), memory, static_cast<std::size_t>(old.value()));
  check(static_cast<bool>(kfree(memory)), "memory that was there a moment ago");
  return fresh;
}

}  // namespace quarry::slab
