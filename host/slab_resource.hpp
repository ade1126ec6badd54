// host/slab_resource.hpp: memory from kmalloc for the standard library's containers, where there is one.
//
//   SlabResource resource{system.kmalloc()};
//   std::pmr::vector<int> numbers{&resource};
//
// Hosted, because <memory_resource> is, and because a container without memory throws.
#pragma once

#include <bit>
#include <memory_resource>
#include <new>

#include "quarry/slab/kmalloc.hpp"

namespace quarry::hosted {

template <slab::PageSource P, slab::Hardening H = slab::kPlain>
class SlabResource final : public std::pmr::memory_resource {
 public:
  // `kmalloc` is booted and outlives it; memory may be given back through any resource of the same one.
  explicit SlabResource(slab::Kmalloc<P, H>& kmalloc, const slab::Where& where = {}) noexcept
      : kmalloc_{&kmalloc}, where_{where} {}

 private:
  // kmalloc aligns powers of two to themselves, so a larger alignment is had by asking for as much. Above the classes whole
  // blocks are aligned to their pages, which is as far as it goes.
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::size_t least = bytes == 0 ? 1 : bytes;
    const std::size_t wanted =
        alignment > alignof(std::uint64_t) ? std::bit_ceil(least < alignment ? alignment : least) : least;
    const Result<void*> memory = kmalloc_->kmalloc(wanted, where_);
    if (!memory) throw std::bad_alloc{};
    return memory.value();
  }
  void do_deallocate(void* memory, std::size_t, std::size_t) override {
    check(static_cast<bool>(kmalloc_->kfree(memory)), "memory that is not this kmalloc's");
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    const auto* const same = dynamic_cast<const SlabResource*>(&other);
    return same != nullptr && same->kmalloc_ == kmalloc_;
  }

  slab::Kmalloc<P, H>* kmalloc_;
  slab::Where where_;
};

}  // namespace quarry::hosted
