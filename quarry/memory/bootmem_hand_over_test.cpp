#include "quarry/memory/bootmem_hand_over.hpp"

#include "quarry/early/bootmem.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/early/nobootmem.hpp"
#include "tests/test.hpp"

namespace quarry::memory {
namespace {

constexpr std::uint64_t kPage = 4096, kPages = 512;
constexpr PhysRange pages(std::uint64_t begin, std::uint64_t end) noexcept {
  return {PhysAddr{begin * kPage}, PhysAddr{end * kPage}};
}

// A page allocator that only counts, and refuses from the third run on if it is told to.
struct Counting {
  std::uint64_t runs = 0, pages = 0, refused = UINT64_MAX;
  PfnRange last{};
  Result<Done> release(PfnRange range) noexcept {
    if (runs >= refused) return Error::bad_argument;
    ++runs, pages += range.size().raw, last = range;
    return Done{};
  }
};

// A kernel's boot from the first reservation to the hand-over, written once for either allocator: which one it is
// is decided where it is called.
template <early::EarlyAllocator Early>
Result<BootmemRelease> boots_with(Early& early, Counting& buddy) noexcept {
  const auto kernel =
      early.reserve(PhysAddr{16 * kPage}, Bytes{8 * kPage}, early::BootmemReserve::exclusive, "kernel");
  if (!kernel) return kernel.error();
  const auto table = early.alloc_node(NodeId::first, {Bytes{4 * kPage}, Bytes{kPage}}, "descriptors");
  if (!table) return table.error();
  return release_all(early, buddy);
}

struct OnBits {
  early::BootmemData nodes[1]{};
  early::BootmemMap::Word words[kPages / 32]{};
  early::Bootmem bootmem{{}, nodes};

  OnBits() noexcept {
    expect(static_cast<bool>(bootmem.init_node(NodeId::first, words, {Pfn{0}, Pfn{kPages}})));
    expect(
        static_cast<bool>(bootmem.free_node(NodeId::first, PhysAddr{0}, Bytes{kPages * kPage}, "all of it")));
  }
};

TEST(one_boot_takes_either_allocator_at_compile_time) {
  OnBits bits;
  Counting with_bootmem, with_memblock;
  const auto from_bits = boots_with(bits.bootmem, with_bootmem);
  early::Region memory[4], reserved[8];
  early::Memblock memblock{early::Config{}, early::Storage{memory, reserved, {}}};
  expect(static_cast<bool>(memblock.add(pages(0, kPages), "all of it")));
  early::Nobootmem nobootmem{{}, memblock};
  const auto from_memblock = boots_with(nobootmem, with_memblock);
  expect(from_bits && from_memblock);
  if (!from_bits || !from_memblock) return;
  expect_equal(with_bootmem.pages, kPages - 12);
  expect_equal(with_memblock.pages, kPages - 12);
  expect_equal(from_bits.value().counts.pages.raw, with_bootmem.pages);
  // Bootmem tells single pages where a long has a bit set, and longs elsewhere: 52 and 7 of them.
  expect_equal(from_bits.value().blocks, 59u);
  // The table lies at the beginning, so that two runs are left; memblock's lies at the end.
  expect_equal(from_bits.value().runs, 2u);
  expect_equal(from_memblock.value().runs, 2u);
  expect(with_bootmem.last == PfnRange{Pfn{24}, Pfn{kPages}});
  expect(with_memblock.last == PfnRange{Pfn{24}, Pfn{kPages - 4}});
}

TEST(the_first_refusal_is_told_and_the_rest_is_tried) {
  OnBits bits;
  for (const std::uint64_t at : {40u, 80u, 120u})
    expect(static_cast<bool>(bits.bootmem.reserve(PhysAddr{at * kPage}, Bytes{kPage},
                                                  early::BootmemReserve::shared, "in the way")));
  Counting buddy{.refused = 2};
  const auto released = release_all(bits.bootmem, buddy);
  expect(!released);
  if (!released) expect_equal(released.error(), Error::bad_argument);
  expect_equal(buddy.pages, 79u);
}

TEST(nothing_free_is_nothing_released) {
  early::BootmemData nodes[1]{};
  early::BootmemMap::Word words[2]{};
  early::Bootmem bootmem{{}, nodes};
  expect(static_cast<bool>(bootmem.init_node(NodeId::first, words, {Pfn{0}, Pfn{64}})));
  Counting buddy;
  const auto released = release_all(bootmem, buddy);
  expect(released && released.value().runs == 0 && released.value().blocks == 0);
  expect_equal(buddy.runs, 0u);
}

}  // namespace
}  // namespace quarry::memory
