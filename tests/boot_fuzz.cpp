// Any bytes as a machine, booted from its map to kmalloc with either early allocator. Laws: it boots or it is refused,
// never anything else; a page that some source reserved or left out is never free; no page is given twice; all
// that is counted as free can be had; every audit holds.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <unordered_set>

#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/memory/metadata.hpp"
#include "tests/fuzzed_machine.hpp"

namespace quarry {
namespace {

using System = memory::PageSystem<k4KSparse, hosted::PagedHost>;

void law(bool holds, const char* what, std::uint64_t number = 0) {
  if (holds) return;
  std::fprintf(stderr, "%s (%#llx)\n", what, static_cast<unsigned long long>(number));
  std::abort();
}

void take_all(System& system, memory::EarlySystem& early, const test::FuzzedMachine& described) {
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
      law(described.may_be_given(page.value().raw << 12), "a page that is not to be had is given",
          page.value().raw);
    }
  }
  law(given.size() == free, "free pages cannot be had", free - given.size());
  law(!system.allocator().audit(), "an audit of the page allocator");
}

void bring_up_and_take(const test::FuzzedMachine& described, boot::EarlyChoice choice) {
  hosted::VirtualArena outside{std::size_t{256} << 20};
  hosted::PagedRam ram{std::span{&hosted::kEverything, 1}, PageSize{12}, Bytes{std::uint64_t{64} << 20}};
  memory::EarlyConfig config;
  config.spare = hosted::spare_of(outside.arena());
  config.early = choice;
  config.bitmap_map = hosted::direct_map_of(ram);
  const auto early = memory::EarlySystem::make(described.machine, outside.arena(), config);
  if (!early) return;
  System system{*early.value(), hosted::PagedHost{ram}, memory::metadata_outside(outside.arena()), {}};
  auto reached = memory::Stage::done;
  const auto done = memory::bring_up(*early.value(), system, reached);
  law(!early.value()->memblock().audit(), "an audit of memblock");
  law(static_cast<bool>(done) == (reached == memory::Stage::done), "a stage that was not reached");
  if (!done) return;
  law(memory::exercise_pages(system).complaint.empty(), "pages cannot be put to use");
  take_all(system, *early.value(), described);
}

}  // namespace

void panic(const char*, Site) noexcept { std::abort(); }

}  // namespace quarry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quarry;
  test::Bytestream bytes{data, size};
  const auto choice = bytes.byte() % 2 != 0 ? boot::EarlyChoice::bootmem : boot::EarlyChoice::memblock;
  const test::FuzzedMachine described{bytes};
  bring_up_and_take(described, choice);
  return 0;
}
