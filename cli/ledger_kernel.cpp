#include "cli/ledger_kernel.hpp"

#include <algorithm>
#include <vector>

#include "cli/ledger_parts.hpp"

namespace quarry::cli {
namespace {

using boot::Arch;

enum class Part : std::uint8_t { begin, text, rodata, data, init, bss, end };

struct Section {
  PhysRange range;
  Part part;
  const char* name;
};

// Linux 6.1's linker scripts, arch/*/kernel/vmlinux.lds.S: what has no symbols of its own here.
const char* name_between(Arch arch, Part before, Part behind) {
  const bool is_arm = arch == Arch::arm;
  if (arch == Arch::x86_64 && before == Part::data && behind == Part::init) return "kernel unwind tables";
  if (is_arm && before == Part::rodata && behind == Part::init) return "kernel unwind tables";
  if (arch == Arch::arm64 && before == Part::bss) return "kernel early page tables";
  if (arch != Arch::x86_64 && before == Part::begin) return "kernel head";
  return "kernel alignment";
}

}  // namespace

void name_kernel(const boot::Machine& machine, lnx::Ledger& ledger) {
  const boot::KernelImage& kernel = machine.kernel;
  std::vector<Section> sections = {{kernel.text, Part::text, "kernel text"},
                                   {kernel.rodata, Part::rodata, "kernel rodata"},
                                   {kernel.data, Part::data, "kernel data"},
                                   {kernel.bss, Part::bss, "kernel bss"},
                                   {kernel.init, Part::init, "kernel init, last page"}};
  // Sections that the flow does not reserve (arm: what lies below _stext) are not the kernel's.
  for (Section& section : sections) section.range = intersection(section.range, kernel.whole);
  std::erase_if(sections, [](const Section& section) { return section.range.empty(); });
  if (sections.empty()) return;
  std::sort(sections.begin(), sections.end(),
            [](const Section& a, const Section& b) { return a.range.begin() < b.range.begin(); });
  Part before = Part::begin;
  PhysAddr at = kernel.whole.begin();
  const auto name_gap = [&](PhysAddr end, Part behind) {
    if (end <= at) return;
    for (const lnx::LedgerPiece& piece : ledger.pieces_in({at, end}))
      if (piece.owner == "kernel image") ledger.own(piece.range, name_between(machine.arch, before, behind));
  };
  for (const Section& section : sections) {
    name_gap(section.range.begin(), section.part);
    ledger.own(section.range, section.name);
    at = std::max(at, section.range.end());
    before = section.part;
  }
  // riscv64 reserves up to the end of the last large page.
  name_gap(PhysAddr{UINT64_MAX}, Part::end);
  const PageSize page = machine.geometry.page_size();
  if (const PhysRange init = whole_pages(intersection(kernel.init, kernel.whole), page); !init.empty())
    ledger.own(init, "kernel init, given back", {}, lnx::Fate::given_back);
}

}  // namespace quarry::cli
