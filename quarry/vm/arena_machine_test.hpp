// quarry/vm/arena_machine_test.hpp: a few records, and an arena on them.
#pragma once

#include <array>
#include <new>

#include "quarry/port/one_core.hpp"
#include "quarry/vm/address_arena.hpp"
#include "tests/test.hpp"

namespace quarry::vm {

// Places for areas; the one that was given back last is the next.
template <std::size_t Count>
class TestRecords {
 public:
  AreaRecords hooks() noexcept {
    return {this,
            [](void* self) noexcept -> Result<void*> { return static_cast<TestRecords*>(self)->take(); },
            [](void* self, void* record) noexcept { static_cast<TestRecords*>(self)->give_back(record); }};
  }
  std::uint64_t may_take = UINT64_MAX;  // so many more times
  std::uint64_t taken = 0;

 private:
  struct alignas(Area) Place {
    std::array<std::byte, sizeof(Area)> bytes;
  };
  Result<void*> take() noexcept {
    if (may_take == 0) return Error::no_memory;
    for (std::size_t i = 0; i < Count; ++i) {
      if (is_taken_[i]) continue;
      is_taken_[i] = true;
      --may_take, ++taken;
      return static_cast<void*>(places_[i].bytes.data());
    }
    return Error::no_memory;
  }
  void give_back(void* record) noexcept {
    const auto at = static_cast<std::size_t>(static_cast<Place*>(record) - places_.data());
    expect(at < Count && is_taken_[at]);
    is_taken_[at] = false;
    --taken;
  }
  std::array<Place, Count> places_{};
  std::array<bool, Count> is_taken_{};
};

inline constexpr std::uint64_t kArenaPage = 4096, kArenaBase = 0xffff'c900'0000'0000;

constexpr Bytes pages_of(std::uint64_t count) noexcept { return Bytes{count * kArenaPage}; }
constexpr VirtAddr arena_page(std::uint64_t number) noexcept {
  return VirtAddr{kArenaBase + number * kArenaPage};
}

// `Pages` of addresses from kArenaBase on; its backlog is full with more than 4 pages.
template <std::size_t Count = 64>
struct TestArena {
  explicit TestArena(std::uint64_t pages) noexcept
      : arena{cores, {arena_page(0), arena_page(pages)}, PageSize{12}, records.hooks(), pages_of(4)} {}
  port::OneCore cores;
  TestRecords<Count> records;
  AddressArena<port::OneCore> arena;

  // A live area, as the number of its first page; 9999 for none.
  std::uint64_t take(const AreaRequest& request) noexcept {
    const auto area = arena.take(request);
    if (!area) return 9999;
    arena.publish(*area.value());
    return (area.value()->begin - kArenaBase) >> 12;
  }
  std::uint64_t take(std::uint64_t pages) noexcept { return take({.size = pages_of(pages)}); }
  Result<Backlog> retire(std::uint64_t page) noexcept {
    return arena.retire(arena_page(page), AreaKind::vmalloc);
  }
  std::uint64_t purge() noexcept {
    return arena.purge([](Area&) noexcept {});
  }
};

}  // namespace quarry::vm
