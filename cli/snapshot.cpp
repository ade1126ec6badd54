#include "cli/snapshot.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cli/map_losses.hpp"
#include "cli/text.hpp"
#include "linux/kernel_profile.hpp"
#include "linux/ledger_rules.hpp"
#include "quarry/boot/bootmem.hpp"
#include "quarry/firmware/fdt_memory.hpp"
#include "quarry/view/firmware_map.hpp"
#include "quarry/view/reserved_memory.hpp"
#include "quarry/view/zones.hpp"

namespace quarry::cli {
namespace {

Span span_of(PhysRange range) { return {range.begin().raw, range.end().raw}; }
int number_of(NodeId node) { return node == early::kAnyNode ? -1 : static_cast<int>(node); }

std::vector<std::string> words_of(early::Flags flags) {
  std::vector<std::string> words;
  if (has(flags, early::Flags::hotplug)) words.emplace_back("hotplug");
  if (has(flags, early::Flags::mirror)) words.emplace_back("mirror");
  if (has(flags, early::Flags::nomap)) words.emplace_back("nomap");
  if (has(flags, early::Flags::driver_managed)) words.emplace_back("driver_managed");
  return words;
}

std::string type_text(firmware::MapType type) {
  return printed([&](TextSink& out) { view::print_type(out, type); });
}

// The map as the kernel prints it first: the firmware's entries, sanitised, before the kernel changes anything.
void read_map(const boot::Machine& machine, const std::string& source, BootReport& report) {
  std::vector<std::byte> memory((machine.map.size() + 4) * 256);
  Arena arena{memory};
  const auto storage = map::E820Storage::from(arena, 2 * machine.map.size() + 2);
  if (!storage) return;
  map::E820Map map{storage.value()};
  if (!map.set_up(machine.map, 0, 0)) return;
  for (const auto& entry : map.entries()) {
    report.firmware.push_back({span_of(PhysRange::sized(entry.base, entry.size)), type_text(entry.type),
                               source, entry.type == firmware::MapType::usable});
  }
}

void read_tree(const boot::Machine& machine, BootReport& report) {
  const auto tree = firmware::Fdt::from(machine.tree);
  if (!tree) return;
  for (const auto& node : tree.value().root().children()) {
    const auto memory = firmware::memory_node(tree.value(), node);
    if (!memory || !memory->available) continue;
    for (const auto reg : memory->regs) {
      if (reg.size.raw == 0) continue;
      report.firmware.push_back({span_of(PhysRange::sized(reg.base, reg.size)),
                                 memory->usable_memory ? "usable (linux,usable-memory)" : "usable",
                                 "device tree, " + to_string(node.name()), true});
    }
  }
}

// What became of the bytes that are reserved, in RAM or not.
std::vector<lnx::LedgerPiece> owners_of_reserved(const memory::EarlySystem& early, const EventLog& log) {
  std::vector<PhysRange> reserved;
  for (const auto& region : early.memblock().reserved().view()) reserved.push_back(region.range());
  lnx::Ledger ledger{reserved};
  for (const auto& event : log.events())
    if (event.allocator == boot::EarlyChoice::memblock) ledger.apply(event.event());
  return ledger.pieces();
}

// Whether an event changes what memory is used for. What bootmem is told while it is set up is what memblock had before.
bool is_news(const LoggedEvent& event) {
  if (event.allocator == boot::EarlyChoice::memblock) return true;
  if (event.owner == to_string(boot::kFromMemblock)) return false;
  return event.action == early::Action::alloc || event.action == early::Action::free;
}

// Who reserved a region: the owners of the pieces inside it, each once, in order.
std::vector<std::string> owners_in(const std::vector<lnx::LedgerPiece>& pieces, PhysRange region) {
  constexpr std::array nobody = {lnx::Ledger::kFree, lnx::Ledger::kNotAdded, lnx::Ledger::kRemoved,
                                 lnx::Ledger::kNoMap};
  std::vector<std::string> owners;
  auto at = std::partition_point(pieces.begin(), pieces.end(),
                                 [&](const auto& piece) { return piece.range.end() <= region.begin(); });
  for (; at != pieces.end() && at->range.begin() < region.end(); ++at) {
    const lnx::Bucket* const bucket = lnx::bucket_of(at->owner);
    if (bucket != nullptr && std::find(nobody.begin(), nobody.end(), bucket->owner) != nobody.end()) continue;
    if (std::find(owners.begin(), owners.end(), at->owner) == owners.end()) owners.push_back(at->owner);
  }
  return owners;
}

// What was never taken in, and by whose wish: a step that changed the kernel's map, or what a tree's memory is held to.
void explain_losses(const BootReport& report, std::span<const PhysRange> ram, const EventLog& log,
                    boot::Arch arch, lnx::Ledger& ledger) {
  const std::string name{lnx::Ledger::kNotAdded};
  const bool is_x86 = arch == boot::Arch::x86_64;
  const auto losses = is_x86 ? map_losses({ram.begin(), ram.end()}, log.maps()) : std::vector<MapLoss>{};
  for (const MapLoss& loss : losses) {
    const bool is_told = loss.step == "parse_early_param" || loss.step == "e820__finish_early_params";
    const std::string wish = is_told ? lnx::options_in(report.cmdline, {"mem", "memmap"}) : "";
    ledger.explain(loss.range, {lnx::listed(name, wish), lnx::listed(loss.step, wish)});
  }
  const char* const otherwise = is_x86 ? "e820__memblock_setup" : "early_init_dt_add_memory_arch";
  for (const lnx::LedgerPiece& piece : ledger.pieces())
    if (piece.owner == name && piece.rule.empty()) ledger.explain(piece.range, {name, otherwise});
}

// By the first words of the owners that the flows and the ledger name; nodes of a tree may be called anything else.
MapPiece::Kind kind_of(const lnx::LedgerPiece& piece) {
  using Kind = MapPiece::Kind;
  const std::string_view owner = piece.owner;
  if (piece.fate == lnx::Fate::free) return Kind::free;
  if (owner.ends_with(", no-map")) return Kind::nomap;
  constexpr std::pair<std::string_view, Kind> known[] = {
      {lnx::Ledger::kNotAdded, Kind::firmware},
      {lnx::Ledger::kRemoved, Kind::other},
      {lnx::Ledger::kNoMap, Kind::nomap},
      {lnx::Ledger::kRounding, Kind::other},
      {"kernel early page tables", Kind::page_tables},
      {"kernel ", Kind::kernel},
      {"initrd", Kind::initrd},
      {"device tree", Kind::tree},
      {"unflattened tree", Kind::tree},
      {"CMA area ", Kind::cma},
      {"crashkernel", Kind::crashkernel},
      {"elfcorehdr", Kind::crashkernel},
      {"page descriptors", Kind::descriptors},
      {"section ", Kind::descriptors},
      {"bootmem bitmap", Kind::descriptors},
      {"lost by bootmem", Kind::other},
      {"node data", Kind::node_data},
      {"numa distances", Kind::node_data},
      {"page tables", Kind::page_tables},
      {"swapper_pg_dir", Kind::page_tables},
      {"EFI ", Kind::firmware},
      {"efi ", Kind::firmware},
      {"ACPI ", Kind::firmware},
      {"low 1M", Kind::firmware},
      {"real-mode trampoline", Kind::firmware},
  };
  for (const auto& [words, kind] : known)
    if (owner.starts_with(words)) return kind;
  return Kind::reserved;
}

}  // namespace

void read_firmware(const boot::Machine& machine, const std::string& map_source, BootReport& report) {
  if (!machine.map.empty()) read_map(machine, map_source, report);
  if (machine.map.empty() && !machine.tree.empty()) read_tree(machine, report);
  for (const PhysRange extra : machine.extra_memory)
    report.firmware.push_back({span_of(extra), "usable", "--memory", true});
}

void read_early(const memory::EarlySystem& early, const EventLog& log, BootReport& report) {
  const auto pieces = owners_of_reserved(early, log);
  for (const auto& region : early.memblock().memory().view())
    report.memory.push_back(
        {span_of(region.range()), words_of(region.flags), number_of(region.node), {}, {}});
  for (const auto& region : early.memblock().reserved().view()) {
    auto owners = owners_in(pieces, region.range());
    auto joined = fmt::format("{}", fmt::join(owners, ", "));
    report.reserved.push_back({span_of(region.range()), words_of(region.flags), number_of(region.node),
                               std::move(joined), std::move(owners)});
  }
  const boot::State& state = early.state();
  for (const auto& node : state.reserved_memory) {
    auto flags = words_of(node.flags);
    if (node.is_reusable) flags.emplace_back("reusable");
    report.reserved_memory.push_back(
        {to_string(node.name), span_of(node.range), flags, to_string(node.status)});
  }
  const std::size_t digits = state.machine.limits.phys_bits <= 32 ? view::kNarrowAddress : view::kWideAddress;
  report.texts.reserved_memory = printed([&](TextSink& out) {
    for (const auto& event : state.reserved_memory_events) view::print_reserved_memory(out, event, digits);
  });
  for (const auto& area : state.cma)
    report.cma.push_back({to_string(area.name), span_of(area.range), area.is_default});
  for (const PhysRange range : {state.crashkernel_low, state.crashkernel})
    if (!range.empty()) report.crashkernel.push_back(span_of(range));
  for (const auto& note : state.notes) {
    const bool is_bug = note.kind == boot::Note::Kind::linux_bug;
    if (is_bug) report.linux_bugs.push_back({to_string(note.text), span_of(note.range)});
    report.notes.push_back(printed([&](TextSink& out) {
      out.put(is_bug ? "bug of Linux 6.1: " : "").put(note.text);
      if (!note.range.empty()) view::print_mem(out.put(' '), note.range);
      if (note.value != 0) out.put(' ').dec(note.value);
    }));
  }
  report.texts.memblock = printed([&](TextSink& out) { early.memblock().dump_all(out); });
}

void read_zones(const memory::EarlySystem& early, BootReport& report) {
  const zones::Layout& layout = early.layout();
  const PageSize page = early.machine().geometry.page_size();
  for (const auto& node : layout.nodes) {
    NodeEntry entry;
    entry.id = number_of(node.id);
    entry.start_pfn = node.span.begin().raw;
    entry.spanned_pages = node.span.size().raw;
    entry.present_pages = node.present.raw;
    for (const auto& other : layout.nodes)
      entry.distances.push_back(early.state().nodes.distance(node.id, other.id));
    for (const NodeId next : node.fallback) entry.fallback.push_back(number_of(next));
    for (const auto& ref : node.zonelist)
      entry.zonelist.emplace_back(number_of(layout.zones[ref.zone].node),
                                  to_string(zones::name_of(ref.type)));
    for (unsigned i = 0; i < zones::kZoneTypes; ++i) {
      const zones::Zone& zone = layout.zones[node.first_zone + i];
      if (!zone.is_populated()) continue;
      entry.zones.push_back({.name = to_string(zones::name_of(zone.type)),
                             .start_pfn = zone.start.raw,
                             .spanned_pages = zone.spanned.raw,
                             .present_pages = zone.present.raw,
                             .managed_pages = zone.managed.raw,
                             .cma_pages = zone.cma.raw,
                             .free_area = {},
                             .free_area_handover = {}});
    }
    report.nodes.push_back(std::move(entry));
  }
  report.texts.zones = printed([&](TextSink& out) {
    view::print_zone_ranges(out, page, layout);
    view::print_movable_starts(out, page, layout);
    view::print_node_ranges(out, page, layout);
    view::print_initmem(out, page, layout);
    view::print_unavailable(out, layout);
  });
}

lnx::Ledger make_ledger(const BootReport& report, const EventLog& log) {
  std::vector<PhysRange> ram;
  for (const auto& entry : report.firmware)
    if (entry.is_ram) ram.push_back({PhysAddr{entry.range.begin}, PhysAddr{entry.range.end}});
  const std::size_t of_firmware = ram.size();
  for (const auto& event : log.events())
    if (event.action == early::Action::add && event.allocator == boot::EarlyChoice::memblock)
      ram.push_back(event.range);
  lnx::Ledger ledger{ram};
  const boot::Arch arch = lnx::arch_of(report.arch).value_or(boot::Arch::x86_64);
  for (const auto& event : log.events())
    if (is_news(event))
      ledger.apply(event.event(), lnx::claim_of(event.event(), {arch, event.step, report.cmdline}));
  explain_losses(report, std::span{ram}.first(of_firmware), log, arch, ledger);
  return ledger;
}

void read_ledger(const lnx::Ledger& ledger, BootReport& report) {
  for (const auto& line : ledger.lines()) {
    const lnx::Bucket* const bucket = lnx::bucket_of(line.owner);
    const bool is_back = line.fate == lnx::Fate::given_back && bucket != nullptr && !bucket->back.empty();
    report.ledger.push_back({.owner = line.owner,
                             .bytes = line.bytes.raw,
                             .rule = line.rule,
                             .back = is_back ? std::string{bucket->back} : "",
                             .fate = line.fate});
  }
  for (const auto& piece : ledger.pieces())
    report.pieces.push_back({span_of(piece.range), kind_of(piece), piece.owner, piece.rule});
  report.ram_bytes = ledger.ram().raw;
}

}  // namespace quarry::cli
