#include "cli/ledger_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/ledger_kernel.hpp"
#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "linux/ledger_rules.hpp"
#include "quarry/memory/cma_areas.hpp"

namespace quarry::cli {
namespace {

using lnx::Fate;
using lnx::Ledger;
using lnx::LedgerPiece;

// Every piece inside `range`, cut to it.
template <class Here>
void each_piece(const Ledger& ledger, PhysRange range, Here here) {
  for (LedgerPiece& piece : ledger.pieces_in(range)) here(piece);
}

// What no whole page can be made of.
void own_rounding(PhysRange free, PageSize page, Ledger& ledger) {
  const PhysRange pages = whole_pages(free, page);
  constexpr std::string_view rule = "whole pages in memblock_free_all";
  if (free.begin() < pages.begin()) ledger.own({free.begin(), pages.begin()}, Ledger::kRounding, rule);
  if (pages.end() < free.end()) ledger.own({pages.end(), free.end()}, Ledger::kRounding, rule);
}

std::vector<PhysRange> free_pieces(const Ledger& ledger) {
  std::vector<PhysRange> free;
  for (const LedgerPiece& piece : ledger.pieces())
    if (piece.fate == Fate::free) free.push_back(piece.range);
  return free;
}

// The parts of `range` that none of the sorted `others` has.
std::vector<PhysRange> outside_of(const std::vector<PhysRange>& others, PhysRange range) {
  std::vector<PhysRange> parts;
  PhysAddr at = range.begin();
  for (const PhysRange other : others) {
    if (other.end() <= at || range.end() <= other.begin()) continue;
    if (at < other.begin()) parts.emplace_back(at, other.begin());
    at = other.end();
  }
  if (at < range.end()) parts.emplace_back(at, range.end());
  return parts;
}

// A page that two regions shared when zones were cut is in none, also if they are one region now.
void own_shared_pages(const memory::EarlySystem& early, Ledger& ledger) {
  const PageSize page = early.machine().geometry.page_size();
  std::vector<PhysRange> zones;
  for (const zones::NodeRange& range : early.layout().node_ranges)
    zones.emplace_back(page.address_of(range.span.begin()), page.address_of(range.span.end()));
  std::sort(zones.begin(), zones.end(), [](PhysRange a, PhysRange b) { return a.begin() < b.begin(); });
  for (const PhysRange range : free_pieces(ledger))
    for (const PhysRange part : outside_of(zones, range))
      ledger.own(part, Ledger::kRounding, "whole pages in free_area_init");
}

// Free pages that the hand-over does not look at, and the bitmaps, which it gives away.
void refine_bootmem(const memory::EarlySystem& early, const early::Bootmem& bootmem, Ledger& ledger) {
  const PageSize page = bootmem.page();
  const auto bytes_of = [page](PfnRange pages) {
    return PhysRange{page.address_of(pages.begin()), page.address_of(pages.end())};
  };
  for (const PhysRange range : free_pieces(ledger)) {
    for (const auto& memory : early.memblock().memory_ranges())
      if (const PhysRange here = intersection(range, memory.range); !here.empty())
        own_rounding(here, page, ledger);
  }
  for (const PhysRange range : free_pieces(ledger))
    for (const early::BootmemData& node : bootmem.nodes())
      if (const PhysRange lost = whole_pages(intersection(range, bytes_of(bootmem.never_seen(node))), page);
          !lost.empty())
        ledger.own(lost, "lost by bootmem", "free_all_bootmem");
  for (const early::BootmemData& node : bootmem.nodes()) {
    if (!node.map_at) continue;
    const PfnRange map{*node.map_at, *node.map_at + bootmem.bootmap_pages(node.pages.size())};
    ledger.own(bytes_of(map), "bootmem bitmap, given back", "init_bootmem_core", Fate::given_back);
  }
}

// A node's name, unless it is that of a bucket.
std::string shown_name(const boot::ReservedMemory& node) {
  const std::string name = to_string(node.name);
  return lnx::bucket_of(name) == nullptr && !name.empty() ? name : "/reserved-memory/" + name;
}

// Reserved-memory nodes by name, also those that hide memory, which memblock's events do not name.
void name_nodes(const memory::EarlySystem& early, Ledger& ledger) {
  for (const boot::ReservedMemory& node : early.state().reserved_memory) {
    if (!node.is_taken) continue;
    each_piece(ledger, node.range, [&](const LedgerPiece& piece) {
      const bool is_hidden = piece.owner == Ledger::kNoMap;
      if (!is_hidden && piece.owner != to_string(node.name)) return;
      const bool is_placed = piece.rule.starts_with("memblock_alloc");
      const std::size_t step = piece.rule.find(" in ");
      const std::string rule =
          fmt::format("{}{}", is_placed ? "__reserved_mem_alloc_size" : "__reserved_mem_reserve_reg",
                      step == piece.rule.npos ? "" : piece.rule.substr(step));
      const bool is_nomap = is_hidden || early::has(node.flags, early::Flags::nomap);
      ledger.own(piece.range, shown_name(node) + (is_nomap ? ", no-map" : ""),
                 lnx::listed(rule, "/reserved-memory"));
    });
  }
}

// Contiguous areas by name, as far as they came to be: memory::CmaAreas says which do.
void name_areas(const memory::EarlySystem& early, Ledger& ledger) {
  for (const boot::Note& note : early.state().notes)
    if (note.text ==
        TextView{"an area found in high memory is forgotten and stays reserved, another is made"})
      ledger.own(note.range, "forgotten CMA area");
  const PageSize page = early.machine().geometry.page_size();
  for (const boot::CmaArea& area : early.state().cma) {
    const bool is_given = early.memblock().is_region_memory(area.range) &&
                          memory::is_all_reserved(early.memblock(), area.range) &&
                          !memory::is_given_already(early.state(), area.range);
    const std::string name = (is_given ? "CMA area " : "inactive CMA area ") + to_string(area.name);
    each_piece(ledger, is_given ? whole_pages(area.range, page) : area.range, [&](const LedgerPiece& piece) {
      if (!is_given && lnx::is_managed(piece.fate)) return;
      if (!is_given && piece.owner != to_string(area.name)) return;
      ledger.own(piece.range, name, {}, is_given ? Fate::contiguous : Fate::kept);
    });
  }
}

void name_initrd(const boot::Initrd& initrd, PageSize page, Ledger& ledger) {
  const PhysRange pages = whole_pages(initrd.range, page);
  if (!initrd.is_valid || pages.empty()) return;
  ledger.own(pages, "initrd, given back", {}, Fate::given_back);
  const PhysRange last{pages.end(), page.address_of(page.pfn_up(initrd.range.end()))};
  each_piece(ledger, last, [&](const LedgerPiece& piece) {
    if (piece.owner == "initrd") ledger.own(piece.range, "initrd, last page");
  });
}

}  // namespace

PhysRange whole_pages(PhysRange range, PageSize page) {
  const PfnRange pages = PfnRange::inside(range, page);
  if (pages.empty()) return {range.begin(), range.begin()};
  return {page.address_of(pages.begin()), page.address_of(pages.end())};
}

void refine_ledger(const memory::EarlySystem& early, Ledger& ledger) {
  const PageSize page = early.machine().geometry.page_size();
  const boot::State& state = early.state();
  if (!state.real_mode.empty())
    ledger.own(state.real_mode, "real-mode trampoline", "memblock_phys_alloc_range in reserve_real_mode");
  name_kernel(early.machine(), ledger);
  name_nodes(early, ledger);
  name_initrd(state.initrd, page, ledger);
  for (const boot::GivenBack& part : state.given_back) {
    const PhysRange pages = whole_pages(part.range, page);
    if (part.as == boot::GivenBack::As::free)
      ledger.own(pages, to_string(part.owner) + ", given back", {}, Fate::given_back);
    else
      ledger.own(pages, to_string(part.owner), {}, Fate::in_use);
  }
  name_areas(early, ledger);
  own_shared_pages(early, ledger);
  ledger.set_free_rule(early.bootmem() == nullptr ? "memblock_free_all" : "free_all_bootmem");
  if (early.bootmem() != nullptr) {
    refine_bootmem(early, *early.bootmem(), ledger);
    return;
  }
  for (const auto& free : early.memblock().free_ranges()) own_rounding(free.range, page, ledger);
}

void read_where_ram_went(const memory::EarlySystem& early, const EventLog& log, BootReport& report) {
  Ledger ledger = make_ledger(report, log);
  refine_ledger(early, ledger);
  read_ledger(ledger, report);
}

}  // namespace quarry::cli
