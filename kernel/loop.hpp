// kernel/loop.hpp: what the loops that measure have in common.
#pragma once

#include "kernel/system.hpp"

namespace kernel {

// Nothing moves across it, and memory is as the source says.
inline void barrier() noexcept { asm volatile("" ::: "memory"); }

// Prints what happened since `before`, for so many operations: "@@LOOP page_pair 0 61.00".
void tell(quarry::TextView loop, std::uint64_t parameter, std::uint64_t before,
          std::uint64_t operations) noexcept;

// A block of pages for a list of what a loop holds.
template <class T>
class List {
 public:
  List(System& system, std::uint64_t count) noexcept : system_{system} {
    while (order_ < quarry::Order::kCeiling && (std::uint64_t{4096} << order_) < count * sizeof(T)) ++order_;
    const auto block = system.allocator().alloc_pages(quarry::Order{order_}, {});
    if (!block) return;
    first_ = block.value();
    items_ = reinterpret_cast<T*>(Platform{}.map({first_, first_ + quarry::Order{order_}.pages()}));
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    if (items_ != nullptr)
      quarry::check(static_cast<bool>(system_.allocator().free_pages(first_, quarry::Order{order_})),
                    "the list's block");
  }
  T* items() const noexcept { return items_; }  // null: there is no memory for it

 private:
  System& system_;
  unsigned order_ = 0;
  quarry::Pfn first_;
  T* items_ = nullptr;
};

}  // namespace kernel
