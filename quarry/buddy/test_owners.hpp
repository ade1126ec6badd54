// quarry/buddy/test_owners.hpp: who holds pages in tests, knows what is written in them, and can move it.
//
//   owners     0: 4096, order 2     1: 17, order 0     2: nothing ...          what a page table would say
//   contents   frame 4096..4099: 1  frame 17: 2        ...                     stamped by the owner: its number + 1
//
// An example of a mover: copy, then let the reference name the new place.
#pragma once

#include "quarry/buddy/test_machine.hpp"

namespace quarry::buddy {

inline constexpr std::size_t kTestFrames = std::size_t{1} << 18;
inline std::uint32_t test_contents[kTestFrames];

struct TestBlock {
  Pfn page;
  Order order{0};
  bool is_held = false;
};
inline constexpr std::uint32_t kTestOwners = 16384;
inline TestBlock test_blocks[kTestOwners];

// One at a time: contents and references are kept outside, for the sake of small stacks.
template <class Allocator>
class TestOwners {
 public:
  using Block = TestBlock;
  static constexpr std::uint32_t kOwners = kTestOwners, kNobody = kOwners;

  explicit TestOwners(Allocator& allocator) noexcept : allocator_{&allocator} {
    for (std::uint32_t& stamp : test_contents) stamp = 0;
    for (Block& block : test_blocks) block = Block{};
    allocator.set_mover(mover());
  }
  Mover mover() noexcept {
    return {this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
              return static_cast<TestOwners*>(self)->move(from, to, order);
            }};
  }

  // A new owner of a new block; kNobody when there is none.
  std::uint32_t hold(Order order, const Request& request) noexcept {
    std::uint32_t owner = first_free_;
    while (owner < kOwners && test_blocks[owner].is_held) ++owner;
    first_free_ = owner;
    if (owner == kOwners) return kNobody;
    const auto page = allocator_->alloc_pages(order, request);
    if (!page) return kNobody;
    test_blocks[owner] = {page.value(), order, true};
    stamp(page.value(), order, owner + 1);
    ++held_;
    return owner;
  }
  bool drop(std::uint32_t owner) noexcept {
    Block& block = test_blocks[owner];
    block.is_held = false;
    if (owner < first_free_) first_free_ = owner;
    stamp(block.page, block.order, 0);
    --held_;
    return static_cast<bool>(allocator_->free_pages(block.page, block.order));
  }
  bool is_held(std::uint32_t owner) const noexcept { return test_blocks[owner].is_held; }
  Pfn page_of(std::uint32_t owner) const noexcept { return test_blocks[owner].page; }
  std::uint32_t held() const noexcept { return held_; }

  // Whether every owner finds in its pages what it wrote there.
  bool all_is_there() const noexcept {
    for (std::uint32_t owner = 0; owner < kOwners; ++owner) {
      const Block& block = test_blocks[owner];
      if (!block.is_held) continue;
      for (std::uint64_t i = 0; i < block.order.pages().raw; ++i)
        if (content(block.page + PageCount{i}) != owner + 1) return false;
    }
    return true;
  }

  std::uint32_t moves = 0;
  std::uint32_t refuse_after = UINT32_MAX;  // moves that succeed; then none does

 private:
  static std::uint32_t& content(Pfn page) noexcept {
    return test_contents[static_cast<std::size_t>(page.raw & (kTestFrames - 1))];
  }
  static void stamp(Pfn page, Order order, std::uint32_t value) noexcept {
    for (std::uint64_t i = 0; i < order.pages().raw; ++i) content(page + PageCount{i}) = value;
  }
  bool move(Pfn from, Pfn to, Order order) noexcept {
    const std::uint32_t value = content(from);
    if (value == 0 || test_blocks[value - 1].page != from || moves >= refuse_after) return false;
    stamp(to, order, value);
    stamp(from, order, 0);
    test_blocks[value - 1].page = to;
    ++moves;
    return true;
  }

  Allocator* allocator_;
  std::uint32_t held_ = 0, first_free_ = 0;  // nobody below is free
};

}  // namespace quarry::buddy
