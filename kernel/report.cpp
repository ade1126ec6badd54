#include "kernel/report.hpp"

#include "kernel/console.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/view/buddyinfo.hpp"
#include "quarry/view/firmware_map.hpp"
#include "quarry/view/machine_iomem.hpp"
#include "quarry/view/memory_line.hpp"
#include "quarry/view/slab_memory.hpp"
#include "quarry/view/slabinfo.hpp"
#include "quarry/view/zoneinfo.hpp"
#include "quarry/view/zones.hpp"
#include "quarry/zones/layout.hpp"

namespace kernel {

namespace view = quarry::view;
namespace memory = quarry::memory;
using quarry::Bytes, quarry::Done, quarry::PageCount, quarry::PhysRange, quarry::Result, quarry::TextSink,
    quarry::TextView;

namespace {

constexpr quarry::PageSize kPage = System::kGeometry.page_size();

// Memory for as long as a file is printed.
template <class T>
class Scratch {
 public:
  Scratch(System& system, std::size_t count) noexcept : system_{system} {
    const auto made = system.kmalloc().kmalloc(count == 0 ? sizeof(T) : count * sizeof(T));
    if (!made) return;
    first_ = static_cast<T*>(made.value());
    for (std::size_t i = 0; i < count; ++i) ::new (static_cast<void*>(first_ + i)) T{};
    count_ = count;
  }
  ~Scratch() {
    if (first_ != nullptr) static_cast<void>(system_.kmalloc().kfree(first_));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  explicit operator bool() const noexcept { return first_ != nullptr; }
  std::span<T> all() const noexcept { return {first_, count_}; }

 private:
  System& system_;
  T* first_ = nullptr;
  std::size_t count_ = 0;
};

void print_distances(TextSink& out, const memory::EarlySystem& early) noexcept {
  const auto& nodes = early.layout().nodes;
  for (const auto& node : nodes) {
    out.put("Node ").dec(static_cast<unsigned>(node.id)).put(" distances:");
    for (const auto& other : nodes) out.put(' ').dec(early.state().nodes.distance(node.id, other.id));
    out.put('\n');
  }
}

void print_present(TextSink& out, const memory::EarlySystem& early) noexcept {
  for (const auto& zone : early.layout().zones) {
    if (!zone.is_populated()) continue;
    out.put("Node ")
        .dec(static_cast<unsigned>(zone.node))
        .put(", zone ")
        .put(quarry::zones::name_of(zone.type));
    out.put(": start_pfn ").dec(zone.span().begin().raw).put(" spanned ").dec(zone.span().size().raw);
    out.put(" present ").dec(zone.present.raw).put('\n');
  }
}

void print_memory_line(TextSink& out, const memory::EarlySystem& early) noexcept {
  view::MemoryLine line;
  const auto& kernel = early.machine().kernel;
  PageCount present{}, managed{};
  for (const auto& zone : early.layout().zones)
    present.raw += zone.present.raw, managed.raw += zone.managed.raw;
  for (const auto& area : early.state().cma) line.cma_reserved.raw += area.range.size().raw;
  line.available = kPage.bytes_in(managed), line.physical = kPage.bytes_in(present);
  line.kernel_code = kernel.text.size(), line.rodata = kernel.rodata.size();
  line.rwdata = kernel.data.size(), line.init = kernel.init.size(), line.bss = kernel.bss.size();
  line.reserved = Bytes{line.physical.raw - line.available.raw - line.cma_reserved.raw};
  view::print_memory_line(out, line);
}

void after_stage(void* self, memory::Stage stage) noexcept {
  const BootLines& lines = *static_cast<BootLines*>(self);
  const memory::EarlySystem& early = *lines.early;
  TextSink out = console();
  switch (stage) {
    case memory::Stage::early:
      for (const auto& note : early.state().notes) out.put(note.text).put('\n');
      break;
    case memory::Stage::zones:
      view::print_zone_ranges(out, kPage, early.layout());
      view::print_movable_starts(out, kPage, early.layout());
      view::print_node_ranges(out, kPage, early.layout());
      view::print_initmem(out, kPage, early.layout());
      view::print_unavailable(out, early.layout());
      print_present(out, early);
      print_distances(out, early);
      view::print_zonelists(out, early.layout(),
                            quarry::zones::counted_pages(early.layout(), System::kGeometry,
                                                         Bytes{sizeof(quarry::page::Descriptor)})
                                .all);
      break;
    case memory::Stage::hand_over: print_memory_line(out, early); break;
    case memory::Stage::slab: out.put("kmem_cache and kmalloc are up\n"); break;
    default: break;
  }
}

// Counts of all populated zones, with what each core keeps; for buddyinfo and its like.
template <class F>
Result<Done> with_counted_zones(const memory::EarlySystem& early, System& system, F&& print) noexcept {
  const auto& zones = early.layout().zones;
  const unsigned cores = system.allocator().core_count();
  Scratch<view::CountedZone> counted{system, zones.size()};
  Scratch<PageCount> on_cores{system, zones.size() * cores};
  if (!counted || !on_cores) return quarry::Error::no_memory;
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < zones.size(); ++i) {
    if (!zones[i].is_populated()) continue;
    const auto own = on_cores.all().subspan(count * cores, cores);
    for (unsigned core = 0; core < cores; ++core) own[core] = system.allocator().pages_on(i, core);
    counted.all()[count++] = {zones[i].node, zones[i].type, system.allocator().stats(i), own};
  }
  print(counted.all().first(count));
  return Done{};
}

Result<Done> print_iomem(TextSink& out, const memory::EarlySystem& early, System& system) noexcept {
  const auto regions = early.memblock().memory().view();
  Scratch<quarry::early::Region> memory{system, regions.size()};
  if (!memory) return quarry::Error::no_memory;
  std::size_t count = 0;
  for (const quarry::early::Region& region : regions) memory.all()[count++] = region;
  Scratch<view::Resource> storage{system, view::most_resources(early.state(), memory.all())};
  if (!storage) return quarry::Error::no_memory;
  view::ResourceTree tree{storage.all()};
  view::insert_machine(early.state(), memory.all(), tree);
  tree.print(out);
  return Done{};
}

void print_meminfo(TextSink& out, System& system, const memory::EarlySystem& early) noexcept {
  PageCount total{}, free{};
  for (std::uint32_t i = 0; i < early.layout().zones.size(); ++i) {
    total.raw += early.layout().zones[i].managed.raw;
    free.raw += system.allocator().stats(i).free.raw;
  }
  view::print_meminfo_line(out, "MemTotal:", total, kPage);
  view::print_meminfo_line(out, "MemFree:", free, kPage);
  view::print_slab_memory(out, view::slab_memory(system.slabs().first(), system.kmalloc().large_pages()),
                          kPage);
}

}  // namespace

memory::StageObserver boot_lines(const memory::EarlySystem& early, System& system,
                                 BootLines& lines) noexcept {
  lines = {&early, &system};
  return {&lines, &after_stage};
}

Result<Done> print_file(TextView name, const memory::EarlySystem& early, System& system) noexcept {
  TextSink out = console();
  const auto order = System::kGeometry.max_order();
  if (name == "iomem") return print_iomem(out, early, system);
  if (name == "meminfo") return print_meminfo(out, system, early), Done{};
  if (name == "buddyinfo")
    return with_counted_zones(early, system, [&](auto zones) { view::print_buddyinfo(out, order, zones); });
  if (name == "pagetypeinfo")
    return with_counted_zones(early, system, [&](auto zones) {
      view::print_pagetypeinfo(out, System::kGeometry, view::CmaColumn::absent, zones);
    });
  if (name == "zoneinfo")
    return with_counted_zones(early, system, [&](auto zones) {
      view::print_zoneinfo(out, early.layout(), zones, view::DeviceColumn::absent);
    });
  if (name != "slabinfo") return quarry::Error::not_found;
  view::print_slabinfo(out, system.slabs().first());
  return Done{};
}

void print_files(const memory::EarlySystem& early, System& system) noexcept {
  for (const TextView name : {"iomem", "buddyinfo", "zoneinfo", "slabinfo", "meminfo"}) {
    console().put("/proc/").put(name).put(":\n");
    if (!print_file(name, early, system)) console().put("(no memory to show it)\n");
  }
}

}  // namespace kernel
