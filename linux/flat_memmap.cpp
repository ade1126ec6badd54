#include "linux/flat_memmap.hpp"

#include <optional>

#include "linux/boot_allocation.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/zones/layout.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kDescriptors{"page descriptors", "no room for page descriptors"};
constexpr Purpose kBlockTypes{"pageblock types", "no room for the types of pageblocks"};

// The first frame that the array describes.
std::uint64_t first_described(const boot::State& state) {
  const Geometry& geometry = state.machine.geometry;
  const std::uint64_t block = geometry.max_order().pages().raw;
  return geometry.page_size().pfn_down(state.memblock.start_of_dram()).raw & ~(block - 1);
}

// Four bits for each pageblock that the zone touches, in whole words.
Bytes block_types(const zones::Zone& zone, unsigned pageblock_order, std::uint64_t word_bits) {
  constexpr std::uint64_t bits_per_block = 4;
  const std::uint64_t block = std::uint64_t{1} << pageblock_order;
  const std::uint64_t pages = zone.spanned.raw + (zone.start.raw & (block - 1));
  const std::uint64_t bits = ((pages + block - 1) >> pageblock_order) * bits_per_block;
  return Bytes{(bits + word_bits - 1) / word_bits * word_bits / 8};
}

}  // namespace

Result<PhysRange> allocate_flat_memmap(boot::State& state, const StructSizes& sizes) {
  if (state.memblock.memory().view().empty()) return PhysRange{};
  const Geometry& geometry = state.machine.geometry;
  const std::uint64_t block = geometry.max_order().pages().raw;
  const std::uint64_t end =
      (geometry.page_size().pfn_down(state.memblock.end_of_dram()).raw + block - 1) & ~(block - 1);
  const Bytes size{(end - first_described(state)) * sizes.page.raw};
  const auto at = take(state, kDescriptors, {.size = size, .alignment = kCacheLine});
  if (!at) return at.error();
  const auto layout = zones::lay_out(state);
  if (!layout) return layout.error();
  for (const zones::Zone& zone : layout.value().zones) {
    if (zone.spanned.raw == 0) continue;
    const Bytes types = block_types(zone, geometry.pageblock_order_, sizes.word.raw * 8);
    const auto done = take_all(state, kBlockTypes, 1, {.size = types, .alignment = kCacheLine});
    if (!done) return done.error();
  }
  return PhysRange::sized(at.value(), size);
}

Result<Done> free_unused_memmap(boot::State& state, const StructSizes& sizes, PhysRange array) {
  if (array.empty()) return Done{};
  const std::uint64_t block = std::uint64_t{1} << state.machine.geometry.pageblock_order_;
  const std::uint64_t first = first_described(state);
  const PageSize page = state.machine.geometry.page_size();
  const auto describes = [&](std::uint64_t frame) {
    return PhysAddr{array.begin().raw + (frame - first) * sizes.page.raw};
  };
  std::optional<std::uint64_t> last_end;
  for (const early::NodePfns& run : state.memblock.pfn_ranges()) {
    const std::uint64_t begin = run.pages.begin().raw & ~(block - 1);
    if (last_end && *last_end < begin) {
      const PfnRange unused = PfnRange::inside({describes(*last_end), describes(begin)}, page);
      if (!unused.empty()) {
        const PhysRange range{page.address_of(unused.begin()), page.address_of(unused.end())};
        if (const auto done = give_back(state, range, kDescriptors); !done) return done;
      }
    }
    last_end = (run.pages.end().raw + block - 1) & ~(block - 1);
  }
  return Done{};
}

}  // namespace quarry::lnx
