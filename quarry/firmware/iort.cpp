#include "quarry/firmware/iort.hpp"

namespace quarry::firmware {
namespace {

constexpr std::size_t kCountAt = 36, kFirstAt = 40, kHeadBytes = 48;
constexpr std::size_t kNodeHead = 16;
constexpr std::uint8_t kNamedComponent = 1, kRootComplex = 2;
constexpr unsigned kMostBits = 64;

// Where a node says how many address bits it has; 0: it is of a kind that does not.
std::size_t width_at(std::uint8_t type, std::uint8_t revision) noexcept {
  constexpr std::size_t in_component = 12, in_complex = 16;
  if (type == kNamedComponent) return kNodeHead + in_component;
  if (type == kRootComplex && revision >= 1) return kNodeHead + in_complex;
  return 0;
}

}  // namespace

Result<PhysAddr> lowest_iort_limit(ByteView bytes) noexcept {
  const auto table = AcpiTable::from(bytes, "IORT");
  if (!table) return table.error();
  const ByteView all = table.value().bytes();
  if (all.size() < kHeadBytes) return Error::bad_table;
  std::uint64_t limit = UINT64_MAX;
  std::size_t at = load_le<std::uint32_t>(all, kFirstAt);
  for (std::uint32_t left = load_le<std::uint32_t>(all, kCountAt); left > 0; --left) {
    if (at > all.size() || all.size() - at < kNodeHead) return Error::bad_table;
    const std::size_t length = load_le<std::uint16_t>(all, at + 1);
    if (length < kNodeHead || length > all.size() - at) return Error::bad_table;
    const std::size_t width = width_at(load_le<std::uint8_t>(all, at), load_le<std::uint8_t>(all, at + 3));
    if (width >= length && width != 0) return Error::bad_table;
    const unsigned bits = width == 0 ? 0 : load_le<std::uint8_t>(all, at + width);
    if (bits != 0 && bits < kMostBits && (std::uint64_t{1} << bits) - 1 < limit)
      limit = (std::uint64_t{1} << bits) - 1;
    at += length;
  }
  return PhysAddr{limit};
}

}  // namespace quarry::firmware
