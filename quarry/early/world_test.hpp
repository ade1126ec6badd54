// quarry/early/world_test.hpp: a small machine for the tests of this room: tables, memory and ears.
#pragma once

#include <array>

#include "quarry/early/memblock.hpp"
#include "tests/test.hpp"

namespace quarry::early {

inline constexpr std::uint64_t kPage = 4096;

constexpr PhysRange pages(std::uint64_t begin, std::uint64_t end) noexcept {
  return {PhysAddr{begin * kPage}, PhysAddr{end * kPage}};
}
constexpr PhysRange bytes(std::uint64_t begin, std::uint64_t end) noexcept {
  return {PhysAddr{begin}, PhysAddr{end}};
}

template <class T>
void expect_error(const Result<T>& got, Error want, Site site = Site::here()) noexcept {
  expect(!got, site);
  if (!got) expect_equal(got.error(), want, site);
}
inline void expect_at(const Result<PhysAddr>& got, std::uint64_t want, Site site = Site::here()) noexcept {
  expect(static_cast<bool>(got), site);
  if (got) expect_equal(got.value().raw, want, site);
}
inline void expect_done(const Result<Done>& got, Site site = Site::here()) noexcept {
  expect(static_cast<bool>(got), site);
}

// The last events heard, and how many there were of each action.
struct Ears {
  std::array<Event, 16> last{};
  std::array<unsigned, 16> counts{};
  std::size_t heard = 0;

  static void hear(void* self, const Event& event) noexcept {
    Ears& ears = *static_cast<Ears*>(self);
    ears.last[ears.heard++ & 15] = event;
    ++ears.counts[static_cast<std::size_t>(event.action)];
  }
  unsigned count(Action action) const noexcept { return counts[static_cast<std::size_t>(action)]; }
  const Event& back(std::size_t steps = 0) const noexcept { return last[(heard - 1 - steps) & 15]; }
};

// What lies behind the mapped pages; every test's, one after the other, because stacks are small.
inline constexpr std::uint64_t kMappedPages = 32;
alignas(kPage) inline constinit std::byte mapped_memory[kMappedPages * kPage] = {};

// `kRegions` regions a table, and memory behind 32 pages from `kFirstPage` on.
template <std::size_t kRegions = 8, std::uint64_t kFirstPage = 0>
struct World {
  explicit World(Config config = {}) noexcept
      : memblock{config, {memory, reserved, physmem}, {this, &World::map}, {&ears, &Ears::hear}} {}

  static std::byte* map(void* self, PhysRange range) noexcept {
    const World& world = *static_cast<const World*>(self);
    const PhysRange mapped = pages(kFirstPage, kFirstPage + kMappedPages);
    if (world.is_unmapped || range.begin() < mapped.begin() || range.end() > mapped.end()) return nullptr;
    return at(range.begin().raw);
  }
  static std::byte* at(std::uint64_t address) noexcept {
    return mapped_memory + (address - kFirstPage * kPage);
  }

  Region memory[kRegions], reserved[kRegions], physmem[2];
  Ears ears;
  bool is_unmapped = false;
  Memblock memblock;
};

}  // namespace quarry::early
