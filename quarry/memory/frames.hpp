// quarry/memory/frames.hpp: the page allocator and the port's direct map seen as one, which is what slabs ask for.
#pragma once

#include "quarry/buddy/page_allocator.hpp"
#include "quarry/port/platform.hpp"
#include "quarry/slab/page_source.hpp"

namespace quarry::memory {

// A view of two objects that outlive it.
template <class P, class Allocator>
  requires port::Platform<P> && port::InverseMap<P>
class Frames {
 public:
  static constexpr Geometry kGeometry = Allocator::kGeometry;
  using Cores = port::CoresOf<P>;
  using DirectRam = slab::DirectRam<typename Allocator::Map::Descriptor, kGeometry.page_size().shift()>;

  Frames(Allocator& allocator, const zones::Layout& layout, P platform) noexcept
      : allocator_{&allocator}, layout_{&layout}, platform_{platform}, cores_{port::cores_of(platform)} {}

  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    return allocator_->alloc_pages(order, request);
  }
  Result<Done> free_pages(Pfn page, Order order) noexcept { return allocator_->free_pages(page, order); }
  std::size_t alloc_pages_bulk(std::span<Pfn> pages, const buddy::Request& request) noexcept {
    return allocator_->alloc_pages_bulk(pages, request);
  }
  std::size_t free_pages_bulk(std::span<const Pfn> pages) noexcept {
    return allocator_->free_pages_bulk(pages);
  }
  page::Descriptor* find(Pfn page) noexcept {
    page::Descriptor* const found = direct_ram_.descriptor_of(page);
    return found != nullptr ? found : allocator_->descriptor(page);
  }
  NodeId node_of(Pfn page) noexcept { return allocator_->map().node_of(page); }
  std::span<const zones::Node> nodes() noexcept { return layout_->nodes; }
  std::byte* map(PfnRange pages) noexcept { return platform_.map(pages); }
  Result<Pfn> pfn_of(const void* pointer) noexcept { return platform_.pfn_of(pointer); }
  const Cores& cores() const noexcept { return cores_; }
  DirectRam direct_ram() const noexcept { return direct_ram_; }
  NodeId home_of(unsigned core) const noexcept { return core < homes_.size() ? homes_[core] : first_home_; }

  // Once the page allocator has its pages: where most of them are, if that is one piece for the direct map too, and which node
  // each core is near; a core of which nothing is said is near the first node with memory. `homes` outlives this.
  void settle(std::span<const NodeId> homes) noexcept {
    homes_ = homes;
    for (const zones::Node& node : layout_->nodes) {
      if (node.present.raw == 0) continue;
      first_home_ = node.id;
      break;
    }
    const auto run = allocator_->map().main_run();
    std::uint64_t end = 0;
    for (const zones::Node& node : layout_->nodes)
      if (node.span.end().raw > end) end = node.span.end().raw;
    if (end > run.begin + run.pages) end = run.begin + run.pages;
    // Whole blocks of the highest order, so that where a block starts follows from the distance.
    const std::uint64_t block = kGeometry.max_order().pages().raw;
    const std::uint64_t begin = align_down(run.begin + block - 1, block);
    end = align_down(end, block);
    if (end <= begin) return;
    const std::byte* const memory = platform_.map({Pfn{begin}, Pfn{end}});
    if (memory == nullptr) return;
    direct_ram_ = {reinterpret_cast<std::uintptr_t>(memory),
                   static_cast<std::uintptr_t>((end - begin) << kGeometry.page_size().shift()),
                   run.first + (begin - run.begin), Pfn{begin}};
  }

 private:
  Allocator* allocator_;
  const zones::Layout* layout_;
  [[no_unique_address]] P platform_;
  [[no_unique_address]] Cores cores_;
  DirectRam direct_ram_;
  std::span<const NodeId> homes_;
  NodeId first_home_{};
};

}  // namespace quarry::memory
