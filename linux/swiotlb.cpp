#include "linux/swiotlb.hpp"

#include <algorithm>
#include <bit>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kBuffer{"swiotlb", "no room for the bounce buffer"};
constexpr Purpose kDescription{"swiotlb tables", "no room for what describes the bounce buffer"};
constexpr std::uint64_t kDefaultSlots = (std::uint64_t{64} << 20) >> 11;
constexpr std::uint64_t kSegment = 128;                                 // slots that one mapping may take
constexpr std::uint64_t kFewestSlots = (std::uint64_t{1} << 20) >> 11;  // a buffer that small is not halved
constexpr PhysAddr kFourGigabytes{std::uint64_t{1} << 32};

// One past what all devices reach.
PhysAddr low_end(const boot::State& state) noexcept {
  return state.machine.arch == boot::Arch::x86_64 ? kFourGigabytes : state.dma_limit;
}

struct Options {
  bool force = false, forbid = false;
  std::uint64_t slots = kDefaultSlots, areas = 0;
};

// swiotlb=SLOTS[,AREAS][,force|,noforce], and what iommu= says about it.
Options read_options(const boot::CommandLine& line) noexcept {
  Options options;
  if (const auto iommu = line.last("iommu")) {
    options.forbid = iommu->value.starts_with("off");
    options.force = iommu->value.starts_with("soft");
  }
  const auto option = line.last("swiotlb");
  if (!option) return options;
  boot::ValueReader reader{option->value};
  if (const auto slots = reader.size()) {
    options.slots = (slots.value() + kSegment - 1) / kSegment * kSegment;
    reader.take(',');
    if (const auto areas = reader.size()) {
      options.areas = areas.value();
      reader.take(',');
    }
  }
  if (reader.take("force")) options.force = true;
  if (reader.take("noforce")) options.forbid = true;
  return options;
}

}  // namespace

std::optional<BounceBuffer> bounce_buffer_of(const boot::State& state) noexcept {
  const Options options = read_options(boot::CommandLine{state.machine.command_line});
  const PageSize page = state.machine.geometry.page_size();
  const bool reaches_high = state.max_possible_pfn > page.pfn_down(low_end(state));
  if (options.forbid || (!reaches_high && !options.force)) return std::nullopt;
  const std::uint64_t processors = std::max(state.machine.cpus, 1u);
  BounceBuffer buffer{.slots = options.slots,
                      .areas = std::bit_ceil(options.areas != 0 ? options.areas : processors)};
  buffer.slots = std::bit_ceil(std::max(buffer.slots, kSegment));
  buffer.areas = std::min(buffer.areas, buffer.slots / kSegment);
  return buffer;
}

Result<Done> allocate_swiotlb(boot::State& state, const StructSizes& sizes) {
  auto buffer = bounce_buffer_of(state);
  if (!buffer) return Done{};
  // Linux's limit is the last such address, and so a byte less than it might be.
  const PhysAddr max{low_end(state).raw - 1};
  for (bool is_there = false; !is_there;) {
    const early::Request low{.size = rounded_up(buffer->size(), kPage), .alignment = kPage, .max = max};
    is_there = static_cast<bool>(state.allocator.alloc_try_nid_raw(low, kBuffer.owner));
    if (is_there) break;
    if (buffer->slots <= kFewestSlots)
      return state.note(boot::Note::Kind::warning, "no low memory for the bounce buffer", {}, low.size.raw);
    buffer->slots = rounded_up(Bytes{buffer->slots / 2}, Bytes{kSegment}).raw;
  }
  const Bytes slots = rounded_up(Bytes{buffer->slots * sizes.bounce_slot.raw}, kPage);
  const auto list = take(state, kDescription, {.size = slots, .alignment = kPage});
  if (!list) return list.error();
  const Bytes areas{buffer->areas * sizes.bounce_area.raw};
  return take_all(state, kDescription, 1, {.size = areas, .alignment = kCacheLine});
}

}  // namespace quarry::lnx
