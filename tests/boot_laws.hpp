// tests/boot_laws.hpp: what holds of any boot, whatever was described: it boots or it is refused, never anything else; a
// page that some source reserved or left out is never free; no page is given twice; all that is counted as free can
// be had; nothing that memblock left free is lost; every audit holds.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unordered_set>

#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/memory/metadata.hpp"

namespace quarry::test {

inline void law(bool holds, const char* what, std::uint64_t number = 0) {
  if (holds) return;
  std::fprintf(stderr, "%s (%#llx)\n", what, static_cast<unsigned long long>(number));
  std::abort();
}

// Takes every page there is. `described` says of an address whether its page may be had.
template <class System, class Described>
void take_all(System& system, memory::EarlySystem& early, const Described& described) {
  const PageSize page_size = early.machine().geometry.page_size();
  std::uint64_t free = 0;
  for (std::uint32_t zone = 0; zone < early.layout().zones.size(); ++zone)
    if (early.layout().zones[zone].is_populated()) free += system.allocator().free_pages_of(zone).raw;
  std::unordered_set<std::uint64_t> given;
  for (const zones::Node& node : system.frames().nodes()) {
    const buddy::Request request{.highest = zones::ZoneType::movable,
                                 .type = buddy::MigrateType::movable,
                                 .urgency = buddy::Urgency::unlimited,
                                 .node = node.id};
    while (const auto page = system.frames().alloc_pages(Order{0}, request)) {
      law(given.insert(page.value().raw).second, "a page is given twice", page.value().raw);
      law(described.may_be_given(page_size.address_of(page.value()).raw),
          "a page that is not to be had is given", page.value().raw);
    }
  }
  law(given.size() == free, "free pages cannot be had", free - given.size());
  law(!system.allocator().audit(), "an audit of the page allocator");
}

// Whole pages that memblock leaves free. At the hand-over there may be more: hot-pluggable memory is like any other then,
// and regions that differed in that flag may share a page.
inline std::uint64_t pages_left_free(const memory::EarlySystem& early) {
  std::uint64_t pages = 0;
  const auto flags = early::Flags::none;
  for (const early::MemoryRange& range : early.memblock().free_ranges(early::kAnyNode, flags))
    pages += PfnRange::inside(range.range, early.machine().geometry.page_size()).size().raw;
  return pages;
}

// Boots the machine with one of the early allocators and holds it to the laws. `learn` is told the state once the flow
// is through, before pages are taken.
template <Geometry G, class Described, class Learn>
void bring_up_and_take(const boot::Machine& machine, boot::EarlyChoice choice, const Described& described,
                       Learn learn) {
  using System = memory::PageSystem<G, hosted::PagedHost>;
  hosted::VirtualArena outside{std::size_t{256} << 20};
  hosted::PagedRam ram{std::span{&hosted::kEverything, 1}, G.page_size(), Bytes{std::uint64_t{64} << 20}};
  memory::EarlyConfig config;
  config.spare = hosted::spare_of(outside.arena());
  config.early = choice;
  config.bitmap_map = hosted::direct_map_of(ram);
  const auto early = memory::EarlySystem::make(machine, outside.arena(), config);
  if (!early) return;
  System system{*early.value(), hosted::PagedHost{ram}, memory::metadata_outside(outside.arena()), {}};
  struct Watch {
    memory::EarlySystem& early;
    std::uint64_t left = 0;
  } watch{*early.value()};
  const memory::StageObserver observer{&watch, [](void* self, memory::Stage stage) noexcept {
                                         auto& seen = *static_cast<Watch*>(self);
                                         if (stage == memory::Stage::descriptors)
                                           seen.left = pages_left_free(seen.early);
                                       }};
  auto reached = memory::Stage::done;
  const auto done = memory::bring_up(*early.value(), system, reached, observer);
  law(!early.value()->memblock().audit(), "an audit of memblock");
  law(static_cast<bool>(done) == (reached == memory::Stage::done), "a stage that was not reached");
  if (!done) return;
  if (choice == boot::EarlyChoice::memblock)
    law(system.counts().from_memblock.raw >= watch.left, "pages that memblock left free are lost",
        watch.left - system.counts().from_memblock.raw);
  const TextView complaint = memory::exercise_pages(system).complaint;
  law(complaint.empty(), complaint.data());
  learn(early.value()->state());
  take_all(system, *early.value(), described);
}

}  // namespace quarry::test
