#include "host/early_memory.hpp"

namespace quarry::hosted {

early::DirectMap direct_map_of(PagedRam& ram) noexcept {
  return {&ram, [](void* self, PhysRange range) noexcept -> std::byte* {
            auto& memory = *static_cast<PagedRam*>(self);
            const PageSize page = memory.page_size();
            std::byte* const first = memory.map(PfnRange::covering(range, page));
            if (first == nullptr) return nullptr;
            return first + (range.begin() - page.address_of(page.pfn_down(range.begin()))).raw;
          }};
}

early::SpareStorage spare_of(Arena& arena) noexcept {
  return {&arena, [](void* self, std::size_t bytes) noexcept -> std::byte* {
            const auto memory = static_cast<Arena*>(self)->take_bytes(bytes, alignof(early::Region));
            return memory ? memory.value() : nullptr;
          }};
}

}  // namespace quarry::hosted
