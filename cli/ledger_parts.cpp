#include "cli/ledger_parts.hpp"

#include <algorithm>

#include "cli/text.hpp"

namespace quarry::cli {
namespace {

// The whole pages of a range; what is left of it at either end.
PhysRange whole_pages(PhysRange range, PageSize page) {
  const PfnRange pages = PfnRange::inside(range, page);
  if (pages.empty()) return {range.begin(), range.begin()};
  return {page.address_of(pages.begin()), page.address_of(pages.end())};
}

PhysRange intersection(PhysRange a, PhysRange b) {
  const PhysAddr begin = std::max(a.begin(), b.begin()), end = std::min(a.end(), b.end());
  return begin < end ? PhysRange{begin, end} : PhysRange{begin, begin};
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
  for (const auto& area : early.state().cma) ledger.own(area.range, "CMA area " + to_string(area.name));
  for (const auto& free : early.memblock().free_ranges()) {
    const PhysRange pages = whole_pages(free.range, page);
    if (free.range.begin() < pages.begin())
      ledger.own({free.range.begin(), pages.begin()}, "lost to rounding");
    if (pages.end() < free.range.end()) ledger.own({pages.end(), free.range.end()}, "lost to rounding");
  }
}

}  // namespace quarry::cli
