// quarry/boot/x86_efi.cpp: what EFI's map says about RAM beside its type: mirrored, or needed until EFI is left behind.
#include "quarry/boot/command_line.hpp"
#include "quarry/boot/x86_steps.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"

namespace quarry::boot::x86 {
namespace {

constexpr PhysAddr kOneMegabyte{0x100000};
constexpr TextView kBootServices{"EFI boot services"};

// efi=debug, in a list of words perhaps.
bool keeps_boot_services(const CommandLine& line) noexcept {
  for (const Option& option : line) {
    if (!same_name(option.name, "efi")) continue;
    for (TextView rest = option.value; !rest.empty(); rest = rest.part(rest.find(',') + 1))
      if (rest.part(0, rest.find(',')) == "debug") return true;
  }
  return false;
}

// Boot services are over once the kernel's own map of EFI stands. The first 1M is never given back, nor what belongs to the
// kernel's image or is no RAM to the kernel's map.
Result<Done> free_boot_services_later(State& state, PhysRange range) noexcept {
  const PhysAddr end_of_kernel = state.machine.kernel.brk_space.end();
  const bool touches_kernel =
      range.end() > state.machine.kernel.whole.begin() && range.begin() <= end_of_kernel;
  if (touches_kernel || !state.map.maps_all(range, firmware::MapType::usable)) return Done{};
  if (range.end() <= kOneMegabyte) return Done{};
  const PhysAddr begin = range.begin() < kOneMegabyte ? kOneMegabyte : range.begin();
  const auto listed =
      state.given_back.push(state.arena, {.range = {begin, range.end()}, .owner = kBootServices});
  if (!listed) return state.fail(listed.error(), "the arena is used up");
  return Done{};
}

}  // namespace

Result<Done> efi_find_mirror(State& state) noexcept {
  std::uint64_t mirrored = 0;
  for (const firmware::UefiDescriptor& descriptor : state.machine.efi_map) {
    const PhysRange range = PhysRange::sized(descriptor.base, descriptor.size());
    if (!descriptor.has(firmware::UefiAttribute::kMoreReliable)) continue;
    mirrored += range.size().raw;
    const auto marked = state.memblock.mark_mirror(range);
    if (!marked) return state.fail(marked.error(), "a mirror mark has no room in memblock's table");
  }
  if (mirrored == 0) return Done{};
  return state.note(Note::Kind::printed, "bytes of mirrored memory", {}, mirrored);
}

Result<Done> efi_reserve_boot_services(State& state) noexcept {
  const bool keeps_all = keeps_boot_services(CommandLine{state.machine.command_line});
  for (const firmware::UefiDescriptor& descriptor : state.machine.efi_map) {
    if (!firmware::is_boot_services(descriptor)) continue;
    const PhysRange range = PhysRange::sized(descriptor.base, descriptor.size());
    if (state.memblock.is_region_reserved(range)) continue;
    const auto reserved = state.memblock.reserve(range, kBootServices);
    if (!reserved) return state.fail(reserved.error(), "a reservation has no room in its table");
    const auto listed = keeps_all ? Result<Done>{Done{}} : free_boot_services_later(state, range);
    if (!listed) return listed;
  }
  return Done{};
}

}  // namespace quarry::boot::x86
