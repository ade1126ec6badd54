#include "quarry/memory/metadata.hpp"

namespace quarry::memory {
namespace {

Result<std::byte*> take_outside(void* self, Bytes size, Bytes alignment, NodeId) noexcept {
  if (size.raw > SIZE_MAX) return Error::no_memory;
  const auto bytes = static_cast<Arena*>(self)->take_bytes(static_cast<std::size_t>(size.raw),
                                                           static_cast<std::size_t>(alignment.raw));
  if (!bytes) return Error::no_memory;
  return bytes;
}

Result<std::byte*> take_in_ram(void* self, Bytes size, Bytes alignment, NodeId near) noexcept {
  auto& early = *static_cast<EarlySystem*>(self);
  // Whole cache lines, so that no table shares one with another node's.
  const Bytes line = early.memblock().config().cache_line;
  const early::Request request{.size = size, .alignment = alignment < line ? line : alignment, .node = near};
  early::CurrentAllocator& allocator = early.state().allocator;
  const auto at = early.fresh_ram() == FreshRam::zero
                      ? allocator.alloc_try_nid_raw(request, "page descriptors")
                      : allocator.alloc_try_nid(request, "page descriptors");
  if (!at) return Error::no_memory;
  std::byte* const memory = early.direct_map().at(PhysRange::sized(at.value(), size));
  if (memory == nullptr) return Error::no_memory;
  return memory;
}

}  // namespace

page::MetadataSource metadata_outside(Arena& arena) noexcept { return {&arena, &take_outside}; }

page::MetadataSource metadata_in_ram(EarlySystem& early) noexcept { return {&early, &take_in_ram}; }

}  // namespace quarry::memory
