// quarry/memory/frames.hpp: the page allocator and the port's direct map seen as one, which is what slabs ask for.
#pragma once

#include "quarry/buddy/page_allocator.hpp"
#include "quarry/port/platform.hpp"
#include "quarry/slab/page_source.hpp"

namespace quarry::memory {

// A view of two objects that outlive it; nothing is kept here.
template <class P, class Allocator>
  requires port::Platform<P> && port::InverseMap<P>
class Frames {
 public:
  static constexpr Geometry kGeometry = Allocator::kGeometry;
  using Cores = port::CoresOf<P>;

  Frames(Allocator& allocator, const zones::Layout& layout, P platform) noexcept
      : allocator_{&allocator}, layout_{&layout}, platform_{platform}, cores_{port::cores_of(platform)} {}

  Result<Pfn> alloc_pages(Order order, const buddy::Request& request) noexcept {
    return allocator_->alloc_pages(order, request);
  }
  Result<Done> free_pages(Pfn page, Order order) noexcept { return allocator_->free_pages(page, order); }
  page::Descriptor* find(Pfn page) noexcept { return allocator_->descriptor(page); }
  NodeId node_of(Pfn page) noexcept { return allocator_->map().node_of(page); }
  std::span<const zones::Node> nodes() noexcept { return layout_->nodes; }
  std::byte* map(PfnRange pages) noexcept { return platform_.map(pages); }
  Result<Pfn> pfn_of(const void* pointer) noexcept { return platform_.pfn_of(pointer); }
  const Cores& cores() const noexcept { return cores_; }

 private:
  Allocator* allocator_;
  const zones::Layout* layout_;
  [[no_unique_address]] P platform_;
  [[no_unique_address]] Cores cores_;
};

}  // namespace quarry::memory
