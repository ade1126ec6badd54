// quarry/memory/page_system.hpp: the stages from the first page descriptor to kmalloc.
//
//   layout --> descriptors --> buddy <-- memblock's or bootmem's free pages, then areas, initrd, init memory
//                                |
//                                +--> kmem_cache --> kmalloc
#pragma once

#include "quarry/memory/cma_areas.hpp"
#include "quarry/memory/frames.hpp"
#include "quarry/memory/hand_over.hpp"
#include "quarry/memory/timeline.hpp"
#include "quarry/slab/kmalloc.hpp"

namespace quarry::memory {

// Whether each core keeps pages at hand once the hand-over is done.
enum class CpuListsAre : std::uint8_t { started, left_out };

// What an embedder decides about these stages.
struct PageConfig {
  buddy::AllocatorConfig allocator{};
  CpuListsAre cpu_lists = CpuListsAre::started;
  slab::SlabConfig slabs{};
  std::span<const NodeId> homes{};  // the node of each core; outlives the system
  slab::DmaCaches dma_caches = slab::DmaCaches::none;
  MomentObserver moments{};
};

// The cores are the platform's; with one there is one set of lists.
template <Geometry G, class P, class Watcher = buddy::NoObserver, class Policy = buddy::LinuxPolicy,
          slab::Hardening H = slab::kPlain>
class PageSystem {
 public:
  using Allocator = buddy::PageAllocator<G, Watcher, Policy, port::CoresOf<P>>;
  using Pages = Frames<P, Allocator>;
  using Area = buddy::CmaArea<Allocator>;
  static constexpr Geometry kGeometry = G;

  // `early` has its zones cut, and outlives this; so does whatever `metadata` and `platform` point at.
  PageSystem(EarlySystem& early, P platform, page::MetadataSource metadata, const PageConfig& config,
             Watcher watcher = Watcher{}) noexcept
      : early_{&early},
        metadata_{metadata},
        config_{config},
        allocator_{watcher, port::cores_of(platform)},
        frames_{allocator_, early.layout(), platform},
        slabs_{frames_, config.slabs},
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
    if (auto made = allocator_.init(early_->layout(), map_, metadata_, config_.allocator); !made) return made;
    if (auto kept = keep_room_for_cpu_lists(); !kept) return kept;
    return areas_.keep_room(*early_, allocator_, metadata_);
  }

  // Free pages of memblock, or of bootmem, become the allocator's.
  //
  // Errors    those of release_low_memory() and release_high_memory().
  Result<Done> hand_over() noexcept {
    if (auto low = release_low_memory(*early_, allocator_, counts_); !low) return low;
    reached(HandOverStep::low_memory);
    if (auto high = release_high_memory(*early_, allocator_, counts_); !high) return high;
    reached(HandOverStep::high_memory);
    return Done{};
  }

  // kmem_cache and kmalloc, out of pages of the allocator.
  //
  // Errors    no_memory: not even the first caches fit.
  Result<Done> start_slab() noexcept {
    frames_.settle(config_.homes);
    if (auto booted = slabs_.boot(); !booted) return booted;
    return kmalloc_.boot(config_.dma_caches);
  }

  // Each core gets its lists; then what comes back while the kernel starts: contiguous areas, the initrd, the kernel's
  // init memory. Watermarks are computed in between, from the pages managed at that moment, as Linux does.
  //
  // Errors    those of the releases.
  Result<Done> finish() noexcept {
    if (auto started = start_cpu_lists(); !started) return started;
    reached(HandOverStep::cpu_lists);
    if (auto done = give(HandOverStep::boot_memory, counts_.from_others, given_back(When::before_areas));
        !done)
      return done;
    if (auto done = give(HandOverStep::areas, counts_.from_cma, areas_.activate(*early_, allocator_)); !done)
      return done;
    set_watermarks();
    reached(HandOverStep::watermarks);
    if (auto done = give(HandOverStep::used, counts_.from_used, release_all_used(*early_, allocator_)); !done)
      return done;
    return finish_init();
  }

  const HandOverCounts& counts() const noexcept { return counts_; }
  std::span<const Moment> timeline() const noexcept { return timeline_.moments(); }
  Allocator& allocator() noexcept { return allocator_; }
  // The contiguous areas, to allocate from: those that could be activated, in the order in which they were reserved.
  // None before finish().
  std::span<Area> areas() noexcept { return areas_.all(); }
  Pages& frames() noexcept { return frames_; }
  slab::SlabAllocator<Pages, H>& slabs() noexcept { return slabs_; }
  slab::Kmalloc<Pages, H>& kmalloc() noexcept { return kmalloc_; }

 private:
  using When = boot::GivenBack::When;

  Result<PageCount> given_back(When when) noexcept { return release_given_back(*early_, allocator_, when); }

  Result<Done> finish_init() noexcept {
    const boot::State& state = early_->state();
    if (state.initrd.is_valid) {
      const auto pages = release_reserved(*early_, allocator_, state.initrd.range, "initrd");
      if (!pages) return pages.error();
      counts_.from_initrd = pages.value();
    }
    if (auto done = give(HandOverStep::initrd, counts_.from_others, given_back(When::with_initrd)); !done)
      return done;
    const PhysRange init = state.machine.kernel.init;
    if (auto done = give(HandOverStep::init_memory, counts_.from_init,
                         release_reserved(*early_, allocator_, init, "kernel init"));
        !done)
      return done;
    return give(HandOverStep::the_rest, counts_.from_others, given_back(When::at_the_end));
  }

  // A step that is over: what it gave is counted, and told.
  Result<Done> give(HandOverStep step, PageCount& into, Result<PageCount> pages) noexcept {
    if (!pages) return pages.error();
    into.raw += pages.value().raw;
    reached(step);
    return Done{};
  }

  void reached(HandOverStep step) noexcept {
    const Moment& now = timeline_.record(step, allocator_);
    if (config_.moments.after != nullptr) config_.moments.after(config_.moments.self, now);
  }

  void set_watermarks() noexcept {
    const zones::Layout& layout = early_->layout();
    if (layout.nodes.empty()) return;
    const PageCount lowmem = allocator_.free_buffer_pages(layout.nodes[0].id);
    allocator_.set_watermarks(buddy::min_free_kbytes(lowmem, G.page_size()));
  }

  // The metadata's source may be the boot-time allocator, which is gone when the lists start.
  Result<Done> keep_room_for_cpu_lists() noexcept {
    if (config_.cpu_lists == CpuListsAre::left_out || early_->layout().nodes.empty()) return Done{};
    const Bytes size = allocator_.cpu_lists_size();
    const auto room = metadata_.take_bytes(metadata_.self, size, Bytes{alignof(std::uint64_t)},
                                           early_->layout().nodes[0].id);
    if (!room) return room.error();
    cpu_lists_ = {room.value(), static_cast<std::size_t>(size.raw)};
    return Done{};
  }

  Result<Done> start_cpu_lists() noexcept {
    if (cpu_lists_.empty()) return Done{};
    const page::MetadataSource kept{this,
                                    [](void* self, Bytes size, Bytes, NodeId) noexcept -> Result<std::byte*> {
                                      const auto room = static_cast<PageSystem*>(self)->cpu_lists_;
                                      if (size.raw > room.size()) return Error::no_memory;
                                      return room.data();
                                    }};
    for (const numa::Node& node : early_->state().nodes.nodes())
      allocator_.set_cores_of_node(node.id, node.cpus);
    return allocator_.start_cpu_lists(kept);
  }

  EarlySystem* early_;
  page::MetadataSource metadata_;
  PageConfig config_;
  page::MemoryMap<G> map_;
  Allocator allocator_;
  Pages frames_;
  slab::SlabAllocator<Pages, H> slabs_;
  slab::Kmalloc<Pages, H> kmalloc_;
  CmaAreas<Allocator> areas_;
  HandOverCounts counts_;
  Timeline timeline_;
  std::span<std::byte> cpu_lists_;  // memory for them, taken while there was a boot-time allocator
};

}  // namespace quarry::memory
