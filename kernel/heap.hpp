// kernel/heap.hpp: pages and objects as memory, for any core at any time.
#pragma once

#include "kernel/system.hpp"

namespace kernel {

class Heap {
 public:
  explicit Heap(System& system) noexcept : system_{&system} {}

  quarry::Result<void*> kmalloc(std::uint64_t size) noexcept { return system_->kmalloc().kmalloc(size); }
  quarry::Result<quarry::Done> kfree(void* memory) noexcept { return system_->kmalloc().kfree(memory); }
  quarry::Result<void*> alloc_pages(quarry::Order order) noexcept {
    const auto first = system_->frames().alloc_pages(order, {});
    if (!first) return first.error();
    return static_cast<void*>(Platform{}.map({first.value(), first.value() + order.pages()}));
  }
  quarry::Result<quarry::Done> free_pages(void* memory, quarry::Order order) noexcept {
    const auto first = Platform{}.pfn_of(memory);
    if (!first) return first.error();
    return system_->frames().free_pages(first.value(), order);
  }
  System& system() noexcept { return *system_; }

 private:
  System* system_;
};

}  // namespace kernel
