// Any bytes as a machine, booted from its map to kmalloc with either early allocator. Laws: it boots or it is refused,
// never anything else; a page that some source reserved or left out is never free; no page is given twice; all
// that is counted as free can be had; every audit holds.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <unordered_set>

#include "host/paged_host.hpp"
#include "host/virtual_arena.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/exercise.hpp"
#include "quarry/memory/metadata.hpp"
#include "tests/fuzzed_machine.hpp"

namespace quarry {
namespace {

using System = memory::PageSystem<k4KSparse, hosted::PagedHost>;
constexpr PhysRange kEverything{PhysAddr{0}, PhysAddr{std::uint64_t{1} << 52}};

void law(bool holds, const char* what, std::uint64_t number = 0) {
  if (holds) return;
  std::fprintf(stderr, "%s (%#llx)\n", what, static_cast<unsigned long long>(number));
  std::abort();
}

early::DirectMap direct_map_of(hosted::PagedRam& ram) {
  return {&ram, [](void* self, PhysRange range) noexcept -> std::byte* {
            auto& memory = *static_cast<hosted::PagedRam*>(self);
            const PageSize page = memory.page_size();
            std::byte* const first = memory.map(PfnRange::covering(range, page));
            if (first == nullptr) return nullptr;
            return first + (range.begin() - page.address_of(page.pfn_down(range.begin()))).raw;
          }};
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
  hosted::PagedRam ram{std::span{&kEverything, 1}, PageSize{12}, Bytes{std::uint64_t{64} << 20}};
  memory::EarlyConfig config;
  config.spare = {&outside.arena(), [](void* self, std::size_t bytes) noexcept -> std::byte* {
                    const auto taken = static_cast<Arena*>(self)->take_bytes(bytes, alignof(early::Region));
                    return taken ? taken.value() : nullptr;
                  }};
  config.early = choice;
  config.bitmap_map = direct_map_of(ram);
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
