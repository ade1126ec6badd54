#include "quarry/buddy/watermark.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::buddy {

namespace {

// Linux 6.1's constants by name: include/linux/swap.h, mm/page_alloc.c.
constexpr std::uint64_t kSwapClusterMax = 32;
constexpr std::uint64_t kHighMemoryMax = 128;
constexpr std::uint64_t kMinFreeKbytesFloor = 128;
constexpr std::uint64_t kMinFreeKbytesCeiling = 262144;

constexpr std::uint64_t clamp(std::uint64_t value, std::uint64_t low, std::uint64_t high) noexcept {
  return value < low ? low : value > high ? high : value;
}

// a * b / divisor without overflow where a / divisor * b fits.
std::uint64_t scaled(std::uint64_t a, std::uint64_t b, std::uint64_t divisor) noexcept {
  const std::uint64_t whole = divide(a, divisor);
  const std::uint64_t rest = a - whole * divisor;
  return whole * b + divide(rest * b, divisor);
}

}  // namespace

std::uint64_t square_root(std::uint64_t value) noexcept {
  std::uint64_t root = 0;
  for (unsigned bit = 32; bit-- > 0;) {
    const std::uint64_t tried = root | std::uint64_t{1} << bit;
    if (tried * tried <= value) root = tried;
  }
  return root;
}

std::uint64_t min_free_kbytes(PageCount lowmem, PageSize page) noexcept {
  const std::uint64_t kbytes = page.bytes_in(lowmem).raw >> 10;
  return clamp(square_root(kbytes << 4), kMinFreeKbytesFloor, kMinFreeKbytesCeiling);
}

std::uint64_t recommended_min_free_kbytes(std::uint64_t current, PageCount lowmem, unsigned zones,
                                          const Geometry& geometry) noexcept {
  const std::uint64_t each = geometry.pageblock_order().pages().raw * zones;
  const std::uint64_t wanted = each * 2 + each * page::kOrdinaryTypes * page::kOrdinaryTypes;
  const std::uint64_t most = divide(lowmem.raw, 20);
  const std::uint64_t pages = wanted < most ? wanted : most;
  const std::uint64_t kbytes = geometry.page_size().bytes_in(PageCount{pages}).raw >> 10;
  return kbytes > current ? kbytes : current;
}

Watermarks watermarks_of(PageCount managed, Memory memory, PageCount lowmem, std::uint64_t min_free_kbytes,
                         PageSize page, const WatermarkConfig& config) noexcept {
  const std::uint64_t all = min_free_kbytes >> (page.shift() - 10);
  const std::uint64_t share = lowmem.raw == 0 ? 0 : divide(all * managed.raw, lowmem.raw);
  const std::uint64_t min =
      memory == Memory::high ? clamp(managed.raw >> 10, kSwapClusterMax, kHighMemoryMax) : share;
  const std::uint64_t scale = scaled(managed.raw, config.scale_per_10000, 10000);
  const std::uint64_t step = share >> 2 > scale ? share >> 2 : scale;
  return {PageCount{min}, PageCount{min + step}, PageCount{min + 2 * step}};
}

PageCount lowmem_reserve(std::span<const PageCount, zones::kZoneTypes> managed, zones::ZoneType lower,
                         zones::ZoneType requested, const WatermarkConfig& config) noexcept {
  const auto from = static_cast<unsigned>(lower);
  const std::uint32_t ratio = config.lowmem_reserve_ratio[from];
  if (requested <= lower || ratio == 0 || managed[from].raw == 0) return PageCount{0};
  std::uint64_t above = 0;
  for (unsigned type = from + 1; type <= static_cast<unsigned>(requested); ++type) above += managed[type].raw;
  return PageCount{divide(above, ratio)};
}

}  // namespace quarry::buddy
