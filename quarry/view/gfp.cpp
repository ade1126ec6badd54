#include "quarry/view/gfp.hpp"

namespace quarry::view {
namespace {

constexpr std::uint32_t kDma = 0x1, kHighmem = 0x2, kDma32 = 0x4, kMovable = 0x8, kReclaimable = 0x10,
                        kHigh = 0x20, kIo = 0x40, kFs = 0x80, kAtomic = 0x200, kDirectReclaim = 0x400,
                        kKswapdReclaim = 0x800, kMemalloc = 0x20000, kThisNode = 0x200000;
constexpr std::uint32_t kKernel = kDirectReclaim | kKswapdReclaim | kIo | kFs;

// Words that stand for several flags come before those flags.
constexpr struct {
  std::uint32_t flags;
  const char* name;
} kNames[] = {
    {kKernel, "GFP_KERNEL"},
    {kHigh | kAtomic | kKswapdReclaim, "GFP_ATOMIC"},
    {kKswapdReclaim, "GFP_NOWAIT"},
    {kDma, "GFP_DMA"},
    {kHighmem, "__GFP_HIGHMEM"},
    {kDma32, "GFP_DMA32"},
    {kHigh, "__GFP_HIGH"},
    {kAtomic, "__GFP_ATOMIC"},
    {kIo, "__GFP_IO"},
    {kFs, "__GFP_FS"},
    {kMemalloc, "__GFP_MEMALLOC"},
    {kThisNode, "__GFP_THISNODE"},
    {kReclaimable, "__GFP_RECLAIMABLE"},
    {kMovable, "__GFP_MOVABLE"},
};

std::uint32_t zone_flags(zones::ZoneType highest) noexcept {
  switch (highest) {
    case zones::ZoneType::dma: return kDma;
    case zones::ZoneType::dma32: return kDma32;
    case zones::ZoneType::normal: return 0;
    case zones::ZoneType::highmem: return kHighmem;
    case zones::ZoneType::movable: break;
  }
  return kHighmem | kMovable;
}

std::uint32_t effort_flags(buddy::Effort effort) noexcept {
  switch (effort) {
    case buddy::Effort::full: return kKernel;
    case buddy::Effort::no_wait: return kKswapdReclaim;
    case buddy::Effort::fast_only: break;
  }
  return 0;
}

std::uint32_t urgency_flags(buddy::Urgency urgency) noexcept {
  switch (urgency) {
    case buddy::Urgency::normal: return 0;
    case buddy::Urgency::high: return kHigh;
    case buddy::Urgency::atomic: return kHigh | kAtomic;
    case buddy::Urgency::unlimited: break;
  }
  return kMemalloc;
}

}  // namespace

std::uint32_t gfp_of(const buddy::Request& request) noexcept {
  std::uint32_t flags =
      zone_flags(request.highest) | effort_flags(request.effort) | urgency_flags(request.urgency);
  if (request.type == page::MigrateType::movable) flags |= kMovable;
  if (request.type == page::MigrateType::reclaimable) flags |= kReclaimable;
  if (request.placement == buddy::Placement::this_node) flags |= kThisNode;
  return flags;
}

void print_gfp(TextSink& out, const buddy::Request& request) noexcept {
  std::uint32_t flags = gfp_of(request);
  out.put("0x").hex(flags).put('(');
  if (flags == 0) out.put("none");
  for (const auto& known : kNames) {
    if ((flags & known.flags) != known.flags) continue;
    flags &= ~known.flags;
    out.put(known.name);
    if (flags != 0) out.put('|');
  }
  out.put(')');
}

}  // namespace quarry::view
