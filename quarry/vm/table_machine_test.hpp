// quarry/vm/table_machine_test.hpp: a few frames for tables, who counts what is taken, given back and told.
#pragma once

#include <array>
#include <cstddef>

#include "quarry/vm/page_table.hpp"
#include "tests/test.hpp"

namespace quarry::vm {

// The memory that tables of 4 KiB lie in: frames kFirst and on. Everything else is not in the direct map.
struct TestFrames {
  static constexpr std::uint64_t kFirst = 0x100, kCount = 16;
  struct alignas(4096) Frame {
    std::array<std::uint64_t, 512> entries;
  };
  std::array<Frame, kCount> frames;
  std::array<bool, kCount> is_taken;

  static constexpr std::size_t place_of(Pfn page) noexcept {
    return static_cast<std::size_t>(page.raw - kFirst);
  }
  std::uint64_t taken() const noexcept {
    std::uint64_t count = 0;
    for (const bool is : is_taken) count += is ? 1 : 0;
    return count;
  }
  std::uint64_t* entries_at(PhysAddr at) noexcept {
    return frames[place_of(Pfn{at.raw >> 12})].entries.data();
  }
  // A sum in which every entry of every frame in use has its part.
  std::uint64_t sum() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kCount; ++i)
      for (const std::uint64_t entry : frames[i].entries)
        sum = sum * 0x100'0000'01b3 + (is_taken[i] ? entry + 1 : 0);
    return sum;
  }
};

struct TestMap {
  TestFrames* memory;
  std::byte* map(PfnRange pages) const noexcept {
    const std::uint64_t first = pages.begin().raw - TestFrames::kFirst;
    if (first >= TestFrames::kCount || pages.size().raw > TestFrames::kCount - first) return nullptr;
    return reinterpret_cast<std::byte*>(memory->frames[TestFrames::place_of(pages.begin())].entries.data());
  }
};

// Not copied: the hooks point at it.
class TestMachine {
 public:
  explicit TestMachine(TestFrames& memory) noexcept : memory_{memory} {
    memory.is_taken = {};
    for (auto& frame : memory.frames) frame.entries.fill(0xdead'beef'dead'beef);
  }
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;

  TestMap map() noexcept { return {&memory_}; }
  TablePages pages() noexcept {
    return {this, [](void* self) noexcept -> Result<Pfn> { return static_cast<TestMachine*>(self)->take(); },
            [](void* self, Pfn page) noexcept { static_cast<TestMachine*>(self)->give_back(page); }};
  }
  Walkers walkers() noexcept {
    return {this,
            [](void* self, VirtRange range) noexcept {
              auto& machine = *static_cast<TestMachine*>(self);
              ++machine.made, machine.last_made = range;
            },
            [](void* self, VirtRange range) noexcept {
              auto& machine = *static_cast<TestMachine*>(self);
              if (machine.on_gone != nullptr) machine.on_gone(machine, range);
              ++machine.gone, machine.last_gone = range;
            },
            [](void* self) noexcept { ++static_cast<TestMachine*>(self)->all; }};
  }

  std::uint64_t may_take = UINT64_MAX;  // so many more times
  unsigned made = 0, gone = 0, all = 0;
  std::uint64_t given_back = 0;
  unsigned told_at_first_return = 0;  // how often walkers had been told when the first table came back
  VirtRange last_made, last_gone;
  void (*on_gone)(TestMachine& machine, VirtRange range) noexcept = nullptr;
  void* watched = nullptr;  // for on_gone
  TestFrames& memory() noexcept { return memory_; }

 private:
  Result<Pfn> take() noexcept {
    if (may_take == 0) return Error::no_memory;
    for (std::size_t i = 0; i < TestFrames::kCount; ++i) {
      if (memory_.is_taken[i]) continue;
      memory_.is_taken[i] = true;
      --may_take;
      return Pfn{TestFrames::kFirst + i};
    }
    return Error::no_memory;
  }
  void give_back(Pfn page) noexcept {
    expect(memory_.is_taken[TestFrames::place_of(page)]);
    memory_.is_taken[TestFrames::place_of(page)] = false;
    if (given_back++ == 0) told_at_first_return = gone + all;
  }

  TestFrames& memory_;
};

inline constexpr std::uint64_t kPage = 4096, kTwoMegabytes = 2 << 20, kGigabyte = 1 << 30;

constexpr PhysRange phys(std::uint64_t begin, std::uint64_t size) noexcept {
  return PhysRange::sized(PhysAddr{begin}, Bytes{size});
}
constexpr VirtRange virt(std::uint64_t begin, std::uint64_t size) noexcept {
  return {VirtAddr{begin}, VirtAddr{begin} + Bytes{size}};
}

}  // namespace quarry::vm
