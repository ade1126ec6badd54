#include "quarry/view/fragmentation.hpp"
#include "quarry/view/machine_iomem.hpp"
#include "shell/names.hpp"
#include "shell/shell.hpp"

namespace quarry::shell {
namespace {

// A short text that is put together to be put into a column.
class Cell {
 public:
  TextSink sink() noexcept {
    return {this, [](void* self, const char* text, std::size_t size) noexcept {
              auto& me = *static_cast<Cell*>(self);
              for (; size != 0 && me.size_ < sizeof me.text_; --size) me.text_[me.size_++] = *text++;
            }};
  }
  TextView text() const noexcept { return {text_, size_}; }

 private:
  char text_[40];
  std::size_t size_ = 0;
};

// "2,146,951,168".
void put_grouped(TextSink& out, std::uint64_t number) noexcept {
  Cell cell;
  cell.sink().dec(number);
  const TextView digits = cell.text();
  for (std::size_t at = 0; at < digits.size(); ++at) {
    std::size_t left = digits.size() - at;
    while (left > 3) left -= 3;
    if (at != 0 && left == 3) out.put(',');
    out.put(digits[at]);
  }
}

void put_stats(TextSink& out, const view::CountedZone& zone) noexcept {
  const buddy::ZoneStats& has = zone.stats;
  Cell name, free;
  name.sink().put("node ").dec(static_cast<unsigned>(zone.node)).put(' ').put(zones::name_of(zone.type));
  TextSink into_free = free.sink();
  put_grouped(into_free, has.free.raw);
  out.left(name.text(), 14).put(' ').right(free.text(), 12).put(' ').dec(has.on_cores.raw, 10);
  for (const std::uint64_t count : {has.allocs, has.frees, has.failures, has.splits, has.merges})
    out.put(' ').dec(count, 8);
  out.put(' ').dec(has.refills, 7).put(' ').dec(has.spills, 7);
}

}  // namespace

std::size_t Shell::populated() const noexcept {
  std::size_t count = 0;
  for (const zones::Zone& zone : machine_.early().layout().zones)
    if (zone.is_populated()) ++count;
  return count;
}

// None: there is no memory to count with, and that was said.
std::optional<std::span<const view::CountedZone>> Shell::counted() noexcept {
  const auto& zones = machine_.early().layout().zones;
  const unsigned cores = machine_.core_count();
  const auto counted = counted_.fresh(populated());
  const auto on_core = on_core_.fresh(populated() * cores);
  if (!counted || !on_core) {
    refuse()->put("there is no memory to count the zones with");
    return std::nullopt;
  }
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < zones.size(); ++i) {
    if (!zones[i].is_populated()) continue;
    const auto kept = on_core.value().subspan(at * cores, cores);
    for (unsigned core = 0; core < cores; ++core) kept[core] = machine_.pages_on(i, core);
    counted.value()[at++] = {zones[i].node, zones[i].type, machine_.stats(i), kept};
  }
  return counted.value();
}

std::optional<std::span<const view::RefusingZone>> Shell::refusing(
    const view::FailedRequest& failed) noexcept {
  const auto& zones = machine_.early().layout().zones;
  const auto refusing = refusing_.fresh(populated());
  if (!refusing) return std::nullopt;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < zones.size(); ++i) {
    const zones::Zone& zone = zones[i];
    if (!zone.is_populated()) continue;
    refusing.value()[at++] = {.counted = {zone.node, zone.type, machine_.stats(i), {}},
                              .present = zone.present,
                              .local = machine_.pages_on(i, machine_.core()),
                              .obstacle = machine_.obstacle(i, failed.order, failed.request)};
  }
  return refusing.value();
}

void Shell::explain(const view::FailedRequest& failed) noexcept {
  const auto zones = refusing(failed);
  TextSink out = failure_.start();
  view::print_failure(out, failed);
  if (!zones) {
    out.put("there is no memory to count the zones with\n");
    return;
  }
  view::print_mem_info(out, machine_.geometry(), machine_.early().layout(), *zones, failed,
                       machine_.device_column(), machine_.slab_memory());
  out.put("Why:\n");
  view::print_obstacles(out, machine_.geometry().max_order(), *zones, failed);
}

void Shell::why(const Words&) noexcept {
  TextSink out = console_.out();
  if (failure_.empty()) out.put("nothing was refused yet\n");
  failure_.print(out);
}

void Shell::meminfo(const Words&) noexcept {
  const view::FailedRequest all{.request = {.highest = zones::ZoneType::movable}};
  const auto zones = refusing(all);
  if (!zones) {
    refuse()->put("there is no memory to count the zones with");
    return;
  }
  TextSink out = console_.out();
  const PageSize size = machine_.geometry().page_size();
  const view::SlabMemory slab = machine_.slab_memory();
  PageCount managed{}, free{};
  for (const view::RefusingZone& zone : *zones) {
    managed.raw += zone.counted.stats.managed.raw;
    free.raw += zone.counted.stats.free.raw;
  }
  view::print_meminfo_line(out, "MemTotal:", managed, size);
  view::print_meminfo_line(out, "MemFree:", free, size);
  view::print_slab_memory(out, slab, size);
  view::print_mem_info(out, machine_.geometry(), machine_.early().layout(), *zones, all,
                       machine_.device_column(), slab);
}

void Shell::buddyinfo(const Words&) noexcept {
  const auto zones = counted();
  TextSink out = console_.out();
  if (zones) view::print_buddyinfo(out, machine_.geometry().max_order(), *zones);
}

void Shell::pagetypeinfo(const Words&) noexcept {
  const auto zones = counted();
  const bool has_cma = machine_.early().machine().limits.has_cma;
  TextSink out = console_.out();
  if (zones)
    view::print_pagetypeinfo(out, machine_.geometry(),
                             has_cma ? view::CmaColumn::present : view::CmaColumn::absent, *zones);
}

void Shell::zoneinfo(const Words&) noexcept {
  const auto zones = counted();
  TextSink out = console_.out();
  if (zones) view::print_zoneinfo(out, machine_.early().layout(), *zones, machine_.device_column());
}

void Shell::slabinfo(const Words&) noexcept {
  TextSink out = console_.out();
  machine_.print_slabinfo(out);
}

void Shell::extfrag(const Words&) noexcept {
  const auto zones = counted();
  TextSink out = console_.out();
  if (zones) view::print_extfrag_index(out, machine_.geometry().max_order(), *zones);
}

void Shell::unusable(const Words&) noexcept {
  const auto zones = counted();
  TextSink out = console_.out();
  if (zones) view::print_unusable_index(out, machine_.geometry().max_order(), *zones);
}

void Shell::memblock(const Words&) noexcept {
  TextSink out = console_.out();
  machine_.early().memblock().dump_all(out);
}

void Shell::iomem(const Words&) noexcept {
  const boot::State& state = machine_.early().state();
  const auto regions = state.memblock.memory().view();
  Room<early::Region> memory_room{memory_};
  Room<view::Resource> room{memory_};
  const auto memory = memory_room.fresh(regions.size());
  const auto storage = memory ? room.fresh(view::most_resources(state, memory.value())) : memory.error();
  if (!storage) {
    refuse()->put("there is no memory to sort the addresses with");
    return;
  }
  std::size_t at = 0;
  for (const early::Region& region : regions) memory.value()[at++] = region;
  view::ResourceTree tree{storage.value()};
  view::insert_machine(state, memory.value(), tree);
  TextSink out = console_.out();
  tree.print(out);
}

void Shell::page(const Words& words) noexcept {
  const auto page = number_of(words[1], "PFN");
  if (!page) return;
  const auto look = machine_.look_at(Pfn{*page});
  if (!look) {
    refuse()->put("0x").hex(*page).put(": there is no such page");
    return;
  }
  Line line = say();
  put_place(line->put("0x").hex(*page).put("  "), Pfn{*page});
  line->put(", ")
      .put(word_of(look->state))
      .put(", in a pageblock of type ")
      .put(view::name_of(look->pageblock));
  const PfnRange block = look->block;
  if (block.empty()) return;
  line->put(", block 0x").hex(block.begin().raw).put("-0x").hex(block.end().raw - 1);
  line->put(" (").dec(block.size().raw).put(" pages)");
}

void Shell::stats(const Words&) noexcept {
  say()->put(
      "zone                   free    on CPUs   allocs    frees   failed   splits   merges refills  spills");
  const auto zones = counted();
  if (!zones) return;
  for (const view::CountedZone& zone : *zones) put_stats(*say(), zone);
}

void Shell::audit(const Words&) noexcept {
  const auto finding = machine_.audit();
  const TextView slabs = machine_.slab_audit();
  const TextView areas = addresses_ == nullptr ? TextView{} : addresses_->audit();
  if (!finding && slabs.empty() && areas.empty()) {
    say()->put("every law holds");
    return;
  }
  has_findings_ = true;
  if (finding)
    refuse()->put("broken at 0x").hex(finding.page.raw).put(": ").put(buddy::name_of(finding.broken));
  else
    refuse()->put("broken: ").put(slabs.empty() ? areas : slabs);
}

void Shell::policy(const Words&) noexcept {
  const TextView policy = machine_.policy();
  say()->put("policy ").put(policy).put(policy == "compact"
                                            ? ": fullest pageblocks and lowest addresses first"
                                            : ": Linux 6.1's choices, block by block");
  const Geometry& geometry = machine_.geometry();
  Line line = say();
  line->put("pages of ").dec(geometry.page_size().bytes().raw >> 10).put(" KiB, blocks up to order ");
  line->dec(geometry.max_order().raw()).put(", pageblocks of order ").dec(geometry.pageblock_order().raw());
  line->put(", ").dec(machine_.core_count()).put(machine_.core_count() == 1 ? " CPU" : " CPUs");
}

void Shell::step(const Words& words) noexcept {
  if (!machine_.tells_steps()) {
    refuse()->put("step: this machine's page allocator was built without anybody who is told");
    return;
  }
  const TextView to = words.size() > 1 ? words[1] : teller_.is_on() ? "off" : "on";
  if (to != "on" && to != "off") {
    bad_line()->put("step ").put(to).put(": expected on or off");
    return;
  }
  teller_.set_on(to == "on");
  say()->put(to == "on" ? "every step is told from now on" : "steps are told no longer");
}

}  // namespace quarry::shell
