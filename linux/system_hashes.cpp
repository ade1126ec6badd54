#include "linux/system_hashes.hpp"

#include <algorithm>
#include <bit>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kDentries{"dentry hash table", "no room for the dentry hash table"};
constexpr Purpose kInodes{"inode hash table", "no room for the inode hash table"};
constexpr Purpose kStacks{"stack hash table", "no room for the stack hash table"};
constexpr unsigned kDentryScale = 13, kInodeScale = 14, kStackScale = 14;
constexpr std::uint64_t kLeastStacks = 1u << 12, kMostStacks = 1u << 20;
constexpr std::uint64_t kMegabyte = 1u << 20, kMostEntries = 0x80000000;
// Above this much memory, a table grows by half as much each time memory is four times as large.
constexpr std::uint64_t kSlowerFrom = std::uint64_t{64} << 30;

std::uint64_t option_number(const boot::CommandLine& line, TextView name, std::uint64_t otherwise) {
  const auto option = line.last(name);
  if (!option) return otherwise;
  const auto number = boot::ValueReader{option->value}.size();
  return number ? number.value() : otherwise;
}

// Half as large again and again, while there is no room.
Result<Done> take_hash(boot::State& state, const Purpose& purpose, const SystemHash& hash,
                       const zones::CountedPages& pages) {
  std::uint64_t size = entries_of(hash, pages, state.machine.geometry.page_size()) * hash.bucket.raw;
  for (; size > kPage.raw; size /= 2) {
    const early::Request request{.size = Bytes{size}, .alignment = kCacheLine};
    if (state.allocator.alloc_try_nid_raw(request, purpose.owner)) return Done{};
  }
  return take_all(state, purpose, 1, {.size = Bytes{size}, .alignment = kCacheLine});
}

// Zones are not cut yet: from the layout that they will have.
//
// Errors    those of zones::lay_out.
Result<zones::CountedPages> count_pages(const boot::State& state, const StructSizes& sizes,
                                        PageCount dma_reserve) {
  const auto layout = zones::lay_out(state);
  if (!layout) return layout.error();
  return zones::counted_pages(layout.value(), state.machine.geometry, sizes.page, dma_reserve);
}

}  // namespace

std::uint64_t entries_of(const SystemHash& hash, const zones::CountedPages& pages, PageSize page) noexcept {
  const unsigned page_shift = page.shift();
  std::uint64_t entries = hash.entries;
  if (entries == 0) {
    const std::uint64_t pages_per_megabyte = std::max<std::uint64_t>(kMegabyte >> page_shift, 1);
    entries = (pages.kernel.raw + pages_per_megabyte - 1) / pages_per_megabyte * pages_per_megabyte;
    unsigned scale = hash.scale;
    const std::uint64_t slower_from = hash.most != 0 ? UINT64_MAX : kSlowerFrom >> page_shift;
    for (std::uint64_t limit = slower_from; limit < entries; limit <<= 2) ++scale;
    entries = scale > page_shift ? entries >> (scale - page_shift) : entries << (page_shift - scale);
    const std::uint64_t page_bytes = std::uint64_t{1} << page_shift;
    if (entries * hash.bucket.raw < page_bytes) entries = page_bytes / hash.bucket.raw;
  }
  const std::uint64_t sixteenth = (pages.all.raw << page_shift >> 4) / hash.bucket.raw;
  entries = std::max(std::bit_ceil(entries), hash.least);
  entries = std::min({entries, hash.most != 0 ? hash.most : sixteenth, kMostEntries});
  return std::bit_floor(std::max<std::uint64_t>(entries, 1));
}

PageCount dma_reserve(const boot::State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  const Pfn limit = page.pfn_down(PhysAddr{16u << 20});
  std::uint64_t present = 0, free = 0;
  for (const early::NodePfns& run : state.memblock.pfn_ranges())
    present += (std::min(run.pages.end(), limit) - std::min(run.pages.begin(), limit)).raw;
  for (const early::MemoryRange& run : state.memblock.free_ranges()) {
    const Pfn begin = std::min(page.pfn_up(run.range.begin()), limit);
    const Pfn end = std::min(page.pfn_down(run.range.end()), limit);
    if (begin < end) free += (end - begin).raw;
  }
  return PageCount{present - free};
}

Result<Done> allocate_early_hashes(boot::State& state, const StructSizes& sizes, PageCount dma_reserve) {
  const boot::CommandLine line{state.machine.command_line};
  std::size_t nodes = 0;
  for (const numa::Node& node : state.nodes.nodes()) nodes += node.has_memory;
  // Spread over nodes, tables come from vmalloc, when there is a page allocator.
  const bool is_spread = state.machine.limits.has_numa && nodes != 1;
  if (option_number(line, "hashdist", is_spread ? 1 : 0) != 0) return Done{};
  const auto pages = count_pages(state, sizes, dma_reserve);
  if (!pages) return pages.error();
  const SystemHash dentries{
      .bucket = sizes.hash_bucket, .scale = kDentryScale, .entries = option_number(line, "dhash_entries", 0)};
  if (const auto done = take_hash(state, kDentries, dentries, pages.value()); !done) return done;
  const SystemHash inodes{
      .bucket = sizes.hash_bucket, .scale = kInodeScale, .entries = option_number(line, "ihash_entries", 0)};
  return take_hash(state, kInodes, inodes, pages.value());
}

std::optional<SystemHash> stack_table(TextView command_line, Bytes bucket) noexcept {
  const auto option = boot::CommandLine{command_line}.last("slub_debug");
  if (!option) return std::nullopt;
  // "slub_debug", "slub_debug=,CACHE" and "slub_debug=" ask for everything.
  const TextView flags = option->value.part(0, option->value.find(','));
  const bool wants_users =
      flags.empty() || flags.find('U') != flags.size() || flags.find('u') != flags.size();
  if (!wants_users) return std::nullopt;
  return SystemHash{.bucket = bucket, .scale = kStackScale, .least = kLeastStacks, .most = kMostStacks};
}

Result<Done> allocate_stack_depot(boot::State& state, const StructSizes& sizes, PageCount dma_reserve) {
  const auto stacks = stack_table(state.machine.command_line, sizes.hash_bucket);
  if (!stacks) return Done{};
  const auto pages = count_pages(state, sizes, dma_reserve);
  if (!pages) return pages.error();
  return take_hash(state, kStacks, *stacks, pages.value());
}

}  // namespace quarry::lnx
