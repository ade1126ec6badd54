#include "cli/ledger_parts.hpp"

#include "cli/text.hpp"

namespace quarry::cli {
namespace {

// The whole pages of a range; what is left of it at either end.
PhysRange whole_pages(PhysRange range, PageSize page) {
  const PfnRange pages = PfnRange::inside(range, page);
  if (pages.empty()) return {range.begin(), range.begin()};
  return {page.address_of(pages.begin()), page.address_of(pages.end())};
}

// What no whole page can be made of.
void own_rounding(PhysRange free, PageSize page, lnx::Ledger& ledger) {
  const PhysRange pages = whole_pages(free, page);
  if (free.begin() < pages.begin()) ledger.own({free.begin(), pages.begin()}, "lost to rounding");
  if (pages.end() < free.end()) ledger.own({pages.end(), free.end()}, "lost to rounding");
}

// Free pages that the hand-over does not look at, and the bitmaps, which it gives away.
void refine_bootmem(const memory::EarlySystem& early, const early::Bootmem& bootmem, lnx::Ledger& ledger) {
  const PageSize page = bootmem.page();
  const auto bytes_of = [page](PfnRange pages) {
    return PhysRange{page.address_of(pages.begin()), page.address_of(pages.end())};
  };
  std::vector<PhysRange> free;
  for (const lnx::LedgerPiece& piece : ledger.pieces())
    if (piece.owner == lnx::Ledger::kFree) free.push_back(piece.range);
  for (const PhysRange range : free) {
    // Pages that two regions share are nobody's.
    for (const auto& memory : early.memblock().memory_ranges())
      if (const PhysRange here = intersection(range, memory.range); !here.empty())
        own_rounding(here, page, ledger);
    for (const early::BootmemData& node : bootmem.nodes())
      if (const PhysRange lost = whole_pages(intersection(range, bytes_of(bootmem.never_seen(node))), page);
          !lost.empty())
        ledger.own(lost, "lost by bootmem");
  }
  for (const early::BootmemData& node : bootmem.nodes()) {
    if (!node.map_at) continue;
    const PfnRange map{*node.map_at, *node.map_at + bootmem.bootmap_pages(node.pages.size())};
    ledger.own(bytes_of(map), "bootmem bitmap, given back");
  }
}

}  // namespace

void refine_ledger(const memory::EarlySystem& early, lnx::Ledger& ledger) {
  const PageSize page = early.machine().geometry.page_size();
  const boot::KernelImage& kernel = early.machine().kernel;
  // Sections that the flow does not reserve (arm: what lies below _stext) are not the kernel's.
  const auto own_reserved = [&](PhysRange range, const char* name) {
    const PhysRange reserved = intersection(range, kernel.whole);
    if (!reserved.empty()) ledger.own(reserved, name);
  };
  own_reserved(kernel.text, "kernel text");
  own_reserved(kernel.rodata, "kernel rodata");
  own_reserved(kernel.data, "kernel data");
  own_reserved(kernel.bss, "kernel bss");
  own_reserved(whole_pages(kernel.init, page), "kernel init, given back");
  const boot::Initrd& initrd = early.state().initrd;
  if (const PhysRange range = whole_pages(initrd.range, page); initrd.is_valid && !range.empty())
    ledger.own(range, "initrd, given back");
  for (const boot::GivenBack& part : early.state().given_back)
    if (part.as == boot::GivenBack::As::free) ledger.own(part.range, to_string(part.owner) + ", given back");
  for (const auto& area : early.state().cma) ledger.own(area.range, "CMA area " + to_string(area.name));
  if (early.bootmem() != nullptr) {
    refine_bootmem(early, *early.bootmem(), ledger);
    return;
  }
  for (const auto& free : early.memblock().free_ranges()) own_rounding(free.range, page, ledger);
}

}  // namespace quarry::cli
