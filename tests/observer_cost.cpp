// A loop whose instructions are counted twice: once as it is, and once with every observer call deleted from
// the sources. With NoObserver both counts are the same.
//
// Needs the library:  g++ -std=c++20 -O2 -I<tree> tests/observer_cost.cpp
//                         $(find quarry -name '*.cpp' ! -name '*_*test.cpp' ! -name '*_test.cpp' ! -name '*_fuzz.cpp' ! -name '*_bench.cpp')
// and of it          quarry/buddy/page_allocator.cpp law.cpp watermark.cpp, quarry/page/memory_map.cpp.
// Count              valgrind --tool=callgrind --toggle-collect=measured_loop ./a.out
#include "quarry/buddy/page_allocator.hpp"

namespace {

using namespace quarry;

constexpr std::uint64_t kPages = 16384;
constexpr unsigned kPairs = 100000;
constexpr std::size_t kMemory = std::size_t{1} << 20;
alignas(64) std::byte memory[kMemory];

struct Machine {
  zones::Zone zones[zones::kZoneTypes] = {};
  zones::Node node = {};
  zones::ZoneRef list[1] = {{2, zones::ZoneType::normal}};
  zones::NodeRange range = {};
  zones::Layout layout = {};
  std::uint64_t used = 0;
  page::MemoryMap<k4KFlat> map;
  buddy::PageAllocator<k4KFlat> allocator;

  static Result<std::byte*> take(void* self, Bytes size, Bytes alignment, NodeId) noexcept {
    auto& machine = *static_cast<Machine*>(self);
    const std::uint64_t at = align_down(machine.used + alignment.raw - 1, alignment.raw);
    if (at > kMemory || kMemory - at < size.raw) return Error::no_memory;
    machine.used = at + size.raw;
    return memory + at;
  }
  bool start() noexcept {
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      zones[type].type = static_cast<zones::ZoneType>(type);
    zones[2].spanned = zones[2].present = PageCount{kPages};
    range.span = node.span = {Pfn{0}, Pfn{kPages}};
    node.zonelist = node.no_fallback = list;
    layout.nodes = {&node, 1};
    layout.zones = zones;
    layout.node_ranges = {&range, 1};
    const page::MetadataSource source{this, take};
    return map.init(layout, source) && allocator.init(layout, map, source, {}) &&
           allocator.release(range.span);
  }
};
Machine machine;

}  // namespace

namespace quarry {
void panic(const char*, Site) noexcept { __builtin_trap(); }
}  // namespace quarry

extern "C" __attribute__((noinline)) unsigned measured_loop() {
  unsigned failures = 0;
  const auto pair = [&](unsigned order) {
    const auto page = machine.allocator.alloc_pages(Order{order}, {.type = buddy::MigrateType::movable});
    if (!page || !machine.allocator.free_pages(page.value(), Order{order})) ++failures;
  };
  for (unsigned i = 0; i < kPairs; ++i) pair(0);
  for (unsigned order = 0; order <= k4KFlat.max_order_; ++order)
    for (unsigned i = 0; i < 100; ++i) pair(order);
  return failures;
}

int main() { return machine.start() && measured_loop() == 0 ? 0 : 1; }
