// quarry/memory/page_system.hpp: the stages from the first page descriptor to kmalloc.
//
//   layout --> descriptors --> buddy <-- memblock's or bootmem's free pages, then areas, initrd, init memory
//                                |
//                                +--> kmem_cache --> kmalloc
#pragma once

#include "quarry/memory/frames.hpp"
#include "quarry/memory/hand_over.hpp"
#include "quarry/slab/kmalloc.hpp"

namespace quarry::memory {

// What an embedder decides about these stages.
struct PageConfig {
  buddy::AllocatorConfig allocator{};
  slab::PackingRules packing{};
  slab::DmaCaches dma_caches = slab::DmaCaches::none;
};

template <Geometry G, class P, class Watcher = buddy::NoObserver>
class PageSystem {
 public:
  using Allocator = buddy::PageAllocator<G, Watcher>;
  using Pages = Frames<G, P, Watcher>;
  static constexpr Geometry kGeometry = G;

  // `early` has its zones cut, and outlives this; so does whatever `metadata` and `platform` point at.
  PageSystem(EarlySystem& early, P platform, page::MetadataSource metadata, const PageConfig& config,
             Watcher watcher = Watcher{}) noexcept
      : early_{&early},
        metadata_{metadata},
        config_{config},
        allocator_{watcher},
        frames_{allocator_, early.layout(), platform},
        slabs_{frames_, config.packing},
        kmalloc_{slabs_} {}
  PageSystem(const PageSystem&) = delete;
  PageSystem& operator=(const PageSystem&) = delete;

  // A descriptor for every page, and a page allocator that has none of them yet.
  //
  // Errors    bad_geometry: the machine is not of this type's geometry. no_memory, no_room: the metadata's
  //           source is used up.
  Result<Done> describe_pages() noexcept {
    if (early_->machine().geometry != G) return Error::bad_geometry;
    if (auto mapped = map_.init(early_->layout(), metadata_); !mapped) return mapped;
    return allocator_.init(early_->layout(), map_, metadata_, config_.allocator);
  }

  // Free pages of memblock, or of bootmem, become the allocator's.
  //
  // Errors    those of release_free_memory() or release_bootmem().
  Result<Done> hand_over() noexcept {
    if (early_->bootmem() != nullptr) return release_bootmem(*early_, allocator_, counts_);
    const auto pages = release_free_memory(*early_, allocator_);
    if (!pages) return pages.error();
    counts_.from_memblock = pages.value();
    return Done{};
  }

  // kmem_cache and kmalloc, out of pages of the allocator.
  //
  // Errors    no_memory: not even the first caches fit.
  Result<Done> start_slab() noexcept {
    if (auto booted = slabs_.boot(); !booted) return booted;
    return kmalloc_.boot(config_.dma_caches);
  }

  // What comes back once the kernel runs: contiguous areas, the initrd, the kernel's init memory. Watermarks
  // are computed in between, from the pages managed at that moment, as Linux does.
  //
  // Errors    those of the releases.
  Result<Done> finish() noexcept {
    const auto areas = activate_areas(*early_, allocator_);
    if (!areas) return areas.error();
    counts_.from_cma = areas.value();
    set_watermarks();
    const boot::State& state = early_->state();
    if (state.initrd.is_valid) {
      const auto pages = release_reserved(*early_, allocator_, state.initrd.range, "initrd");
      if (!pages) return pages.error();
      counts_.from_initrd = pages.value();
    }
    const auto pages = release_reserved(*early_, allocator_, state.machine.kernel.init, "kernel init");
    if (!pages) return pages.error();
    counts_.from_init = pages.value();
    const auto rest = release_given_back(*early_, allocator_);
    if (!rest) return rest.error();
    counts_.from_others = rest.value();
    return Done{};
  }

  const HandOverCounts& counts() const noexcept { return counts_; }
  Allocator& allocator() noexcept { return allocator_; }
  Pages& frames() noexcept { return frames_; }
  slab::SlabAllocator<Pages>& slabs() noexcept { return slabs_; }
  slab::Kmalloc<Pages>& kmalloc() noexcept { return kmalloc_; }

 private:
  void set_watermarks() noexcept {
    const zones::Layout& layout = early_->layout();
    if (layout.nodes.empty()) return;
    const PageCount lowmem = allocator_.free_buffer_pages(layout.nodes[0].id);
    allocator_.set_watermarks(buddy::min_free_kbytes(lowmem, G.page_size()));
  }

  EarlySystem* early_;
  page::MetadataSource metadata_;
  PageConfig config_;
  page::MemoryMap<G> map_;
  Allocator allocator_;
  Pages frames_;
  slab::SlabAllocator<Pages> slabs_;
  slab::Kmalloc<Pages> kmalloc_;
  HandOverCounts counts_;
};

}  // namespace quarry::memory
