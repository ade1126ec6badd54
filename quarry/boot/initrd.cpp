#include "quarry/boot/initrd.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot {

PhysRange pages_of_initrd(const State& state) noexcept {
  const PhysRange range = state.initrd.range;
  const std::uint64_t page = state.machine.geometry.page_size().bytes().raw;
  const auto end = align_up(range.end().raw, page);
  return {PhysAddr{align_down(range.begin().raw, page)}, PhysAddr{end ? end.value() : UINT64_MAX}};
}

Result<Done> reserve_initrd(State& state) noexcept {
  Initrd& initrd = state.initrd;
  if (initrd.range.empty()) return Done{};
  const PhysRange pages = pages_of_initrd(state);
  if (!state.memblock.is_region_memory(pages))
    initrd.why = "INITRD is not a memory region";
  else if (state.memblock.is_region_reserved(pages))
    initrd.why = "INITRD overlaps in-use memory region";
  if (!initrd.why.empty()) return state.note(Note::Kind::printed, initrd.why, pages);
  if (const auto reserved = state.memblock.reserve(pages, "initrd"); !reserved) return reserved;
  initrd.is_valid = true;
  return Done{};
}

}  // namespace quarry::boot
