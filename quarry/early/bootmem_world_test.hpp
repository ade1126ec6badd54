// quarry/early/bootmem_world_test.hpp: a small machine of nodes and bitmaps for the tests of bootmem.
#pragma once

#include "quarry/early/bootmem.hpp"
#include "quarry/early/world_test.hpp"

namespace quarry::early {

inline constexpr NodeId kNode0{0}, kNode1{1}, kNode2{2};

constexpr PhysAddr at_page(std::uint64_t page, std::uint64_t offset = 0) noexcept {
  return PhysAddr{page * kPage + offset};
}
constexpr Bytes of_pages(std::uint64_t count) noexcept { return Bytes{count * kPage}; }
constexpr PfnRange pfns(std::uint64_t begin, std::uint64_t end) noexcept { return {Pfn{begin}, Pfn{end}}; }

// The blocks that the page allocator got.
struct Taken {
  std::array<ReleasedBlock, 64> blocks{};
  std::size_t count = 0;

  PageReceiver receiver() noexcept {
    return {this, [](void* self, const ReleasedBlock& block) noexcept {
              Taken& taken = *static_cast<Taken*>(self);
              if (taken.count < taken.blocks.size()) taken.blocks[taken.count] = block;
              ++taken.count;
            }};
  }
};

// Up to three nodes of up to 256 pages whose bitmaps are the test's own; nothing is mapped.
struct BootmemWorld {
  explicit BootmemWorld(BootmemConfig config = {}) noexcept
      : bootmem{config, nodes, {}, {&ears, &Ears::hear}} {}

  // A node that is free but for the pages that were reserved afterwards.
  void add(NodeId node, std::uint64_t begin, std::uint64_t end) noexcept {
    expect(static_cast<bool>(bootmem.init_node(node, bits[used++], pfns(begin, end))));
    expect_done(bootmem.free_node(node, at_page(begin), of_pages(end - begin), "map"));
  }
  const BootmemData& of(NodeId node) const noexcept { return *bootmem.find(node); }
  bool is_taken(NodeId node, std::uint64_t page) const noexcept {
    return of(node).map.is_set(page - of(node).node_min_pfn().raw);
  }
  PageCount free_pages(NodeId node) const noexcept {
    return of(node).map.count_clear(0, of(node).pages.size().raw);
  }

  std::array<BootmemData, 3> nodes{};
  std::array<std::array<BootmemMap::Word, 8>, 3> bits{};
  std::size_t used = 0;
  Ears ears;
  Bootmem bootmem;
};

}  // namespace quarry::early
