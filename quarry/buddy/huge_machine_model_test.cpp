// 64 TiB in 64 nodes: brought up in address space that is hardly ever touched.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

namespace {

constexpr unsigned kNodes = 64;
constexpr std::uint64_t kNodePages = std::uint64_t{1} << 28;  // 1 TiB
constexpr std::size_t kReserved = std::size_t{1} << 39;

struct AddressSpace {
  AddressSpace()
      : base{static_cast<std::byte*>(mmap(nullptr, kReserved, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))} {}
  ~AddressSpace() { munmap(base, kReserved); }
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;
  page::MetadataSource source() {
    return {this, [](void* self, Bytes size, Bytes alignment, NodeId) noexcept -> Result<std::byte*> {
              auto& space = *static_cast<AddressSpace*>(self);
              const std::uint64_t at = align_down(space.used + alignment.raw - 1, alignment.raw);
              if (kReserved - at < size.raw) return Error::no_memory;
              space.used = at + size.raw;
              return space.base + at;
            }};
  }
  std::byte* base;
  std::uint64_t used = 0;
};

std::uint64_t resident_bytes() {
  std::uint64_t total = 0, resident = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

// Goal: bring-up costs time and memory by sections, not by pages; and every page is there.
// Method: nodes one after the other above the first; `first` 2^49 bytes puts the same machine far away.
void brings_up(std::uint64_t first) {
  AddressSpace space;
  ASSERT_NE(static_cast<void*>(space.base), MAP_FAILED);
  std::vector<zones::Node> nodes(kNodes);
  std::vector<zones::Zone> zones(std::size_t{kNodes} * zones::kZoneTypes);
  std::vector<zones::NodeRange> ranges(kNodes);
  std::vector<std::vector<zones::ZoneRef>> lists(kNodes);
  for (unsigned n = 0; n < kNodes; ++n) {
    const PfnRange span{Pfn{first + n * kNodePages}, Pfn{first + (n + 1) * kNodePages}};
    for (unsigned type = 0; type < zones::kZoneTypes; ++type) {
      zones::Zone& zone = zones[n * zones::kZoneTypes + type];
      zone.type = static_cast<zones::ZoneType>(type), zone.node = NodeId{static_cast<std::uint16_t>(n)};
      if (zone.type != zones::ZoneType::normal) continue;
      zone.start = span.begin(), zone.spanned = zone.present = span.size();
    }
    for (unsigned other = 0; other < kNodes; ++other)
      lists[n].push_back({(n + other) % kNodes * zones::kZoneTypes + 2, zones::ZoneType::normal});
    nodes[n].id = NodeId{static_cast<std::uint16_t>(n)}, nodes[n].span = span,
    nodes[n].first_zone = n * zones::kZoneTypes;
    nodes[n].zonelist = lists[n], nodes[n].no_fallback = {lists[n].data(), 1};
    ranges[n] = {nodes[n].id, span};
  }
  zones::Layout layout{};
  layout.nodes = nodes, layout.zones = zones, layout.node_ranges = ranges;

  const std::uint64_t before = resident_bytes();
  const auto started = std::chrono::steady_clock::now();
  page::MemoryMap<k4KSparse> map;
  PageAllocator<k4KSparse> allocator;
  ASSERT_TRUE(map.init(layout, space.source()));
  ASSERT_TRUE(allocator.init(layout, map, space.source(), {.hand_over = HandOver::deferred}));
  for (unsigned n = 0; n < kNodes; ++n)
    ASSERT_TRUE(allocator.release(n * zones::kZoneTypes + 2, ranges[n].span));
  const auto page = allocator.alloc_pages(Order{0}, {.node = NodeId{63}});
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started)
          .count();
  const std::uint64_t grown = resident_bytes() - before;
  std::printf("%lld ms, %llu KiB resident of %llu MiB reserved\n", static_cast<long long>(ms),
              static_cast<unsigned long long>(grown >> 10),
              static_cast<unsigned long long>(space.used >> 20));
  EXPECT_LT(ms, 1000);
  EXPECT_LT(grown, std::uint64_t{32} << 20);

  ASSERT_TRUE(page);
  EXPECT_EQ(page.value().raw, first + 63 * kNodePages);
  const ZoneStats stats = allocator.stats(2);
  EXPECT_EQ(stats.free.raw, kNodePages);
  EXPECT_EQ(stats.free_blocks[10][1], kNodePages >> 10);
  EXPECT_EQ(stats.pageblocks[1], kNodePages >> 9);
  EXPECT_EQ(allocator.stats(63 * zones::kZoneTypes + 2).free.raw, kNodePages - 1);
  EXPECT_FALSE(allocator.audit());
  EXPECT_EQ(allocator.free_pages(Pfn{first + kNodePages / 2}, Order{0}).error(), Error::wrong_owner);
  EXPECT_EQ(allocator.last_misuse(), Misuse::double_free);
}

TEST(HugeMachine, ComesUpAtOnce) { brings_up(0); }
TEST(HugeMachine, ComesUpAtOnceFarAway) { brings_up(std::uint64_t{1} << 37); }

// One node of 64 TiB: links of 32 bits reach no further than 8 TiB, so the zone is eight parts.
TEST(HugeMachine, OneZoneOfManyPartsIsOneZone) {
  AddressSpace space;
  ASSERT_NE(static_cast<void*>(space.base), MAP_FAILED);
  constexpr PfnRange whole_span{Pfn{5}, Pfn{std::uint64_t{1} << 34}};
  zones::Zone zones[zones::kZoneTypes] = {};
  for (unsigned type = 0; type < zones::kZoneTypes; ++type)
    zones[type].type = static_cast<zones::ZoneType>(type);
  zones[2].start = whole_span.begin(), zones[2].spanned = zones[2].present = whole_span.size();
  const zones::ZoneRef list[] = {{2, zones::ZoneType::normal}};
  const zones::NodeRange range{NodeId{0}, whole_span};
  zones::Node node{};
  node.span = whole_span, node.zonelist = list, node.no_fallback = list;
  zones::Layout layout{};
  layout.nodes = {&node, 1}, layout.zones = zones, layout.node_ranges = {&range, 1};
  page::MemoryMap<k4KSparse> map;
  PageAllocator<k4KSparse> allocator;
  ASSERT_TRUE(map.init(layout, space.source()));
  ASSERT_TRUE(allocator.init(layout, map, space.source(), {.hand_over = HandOver::deferred}));
  constexpr std::uint64_t part = std::uint64_t{1} << 31;
  ASSERT_TRUE(allocator.release(2, {Pfn{part - 1024}, Pfn{part + 1024}}));
  ASSERT_TRUE(allocator.release(2, {Pfn{3 * part}, Pfn{3 * part + 1}}));
  EXPECT_FALSE(allocator.audit());
  const Request movable{.type = MigrateType::movable};
  EXPECT_EQ(allocator.alloc_pages(Order{0}, movable).value().raw, 3 * part);  // the smallest that suffices
  EXPECT_EQ(allocator.alloc_pages(Order{10}, movable).value().raw, part - 1024);
  EXPECT_EQ(allocator.alloc_pages(Order{10}, movable).value().raw, part);
  EXPECT_EQ(allocator.alloc_pages(Order{0}, movable).error(), Error::no_memory);
  EXPECT_TRUE(allocator.free_pages(Pfn{3 * part}, Order{0}));
  EXPECT_TRUE(allocator.free_pages(Pfn{part}, Order{10}));
  EXPECT_EQ(allocator.stats(2).free.raw, 1025u);
  EXPECT_FALSE(allocator.audit());
}

}  // namespace quarry::buddy
