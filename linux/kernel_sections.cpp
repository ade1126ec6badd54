#include "linux/kernel_sections.hpp"

#include <algorithm>

namespace quarry::lnx {
namespace {

using boot::Arch;

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kAllocated = 2;  // SHF_ALLOC

std::uint64_t page_up(std::uint64_t address) { return (address + kPageBytes - 1) & ~(kPageBytes - 1); }

const Section* find(const ElfLayout& layout, std::string_view name) {
  for (const Section& section : layout.sections)
    if (section.name == name && section.size <= UINT64_MAX - section.address) return &section;
  return nullptr;
}

// End of the last section that begins in [from, to).
std::uint64_t end_within(const ElfLayout& layout, std::uint64_t from, std::uint64_t to) {
  std::uint64_t end = from;
  for (const Section& section : layout.sections)
    if ((section.flags & kAllocated) != 0 && section.address >= from && section.address < to &&
        section.size <= to - section.address)
      end = std::max(end, section.address + section.size);
  return end;
}

void set_common(const ElfLayout& layout, KernelFacts& facts) {
  Symbols& symbols = facts.symbols;
  const Section* const head = find(layout, ".head.text");
  if (const Section* const text = find(layout, ".text"); text != nullptr) {
    symbols.text = head != nullptr ? head->address : text->address;
    symbols.stext = text->address;
    symbols.etext = text->address + text->size;
  }
  const Section* const data = find(layout, ".data");
  if (data != nullptr) {
    symbols.sdata = data->address;
    symbols.edata = data->address + data->size;
  }
  if (const Section* const rodata = find(layout, ".rodata"); rodata != nullptr) {
    symbols.rodata_start = rodata->address;
    const Section* const code = find(layout, ".init.text");
    std::uint64_t behind = UINT64_MAX;
    for (const Section* const next : {data, code})
      if (next != nullptr && next->address > rodata->address) behind = std::min(behind, next->address);
    if (behind != UINT64_MAX) symbols.rodata_end = page_up(end_within(layout, rodata->address, behind));
  }
  if (const Section* const code = find(layout, ".init.text"); code != nullptr) {
    symbols.init_begin = code->address & ~(kPageBytes - 1);
    symbols.einittext = code->address + code->size;
  }
  if (const Section* const bss = find(layout, ".bss"); bss != nullptr) {
    symbols.bss_start = bss->address;
    symbols.bss_stop = bss->address + bss->size;
    symbols.end = symbols.bss_stop;
  }
}

// text rodata data | percpu init | smp_locks data_nosave bss brk. The per-CPU section has addresses of its own, from 0;
// the init sections begin where its segment is loaded.
void set_x86(const ElfLayout& layout, KernelFacts& facts) {
  Symbols& symbols = facts.symbols;
  if (symbols.text == 0) return;
  const std::uint64_t linked_for =
      layout.segments.empty() ? 0 : layout.segments.front().address - layout.segments.front().physical;
  for (const Segment& segment : layout.segments)
    if (segment.address == 0 && segment.size != 0) symbols.init_begin = segment.physical + linked_for;
  if (const Section* const locks = find(layout, ".smp_locks"); locks != nullptr) {
    symbols.init_end = locks->address;
    facts.sizes.insert_or_assign("smp_alternatives", page_up(locks->size));
  }
  if (symbols.init_end == 0 &&
      symbols.init_begin < symbols.bss_start)  // built for one processor: nothing in between
    symbols.init_end = page_up(end_within(layout, symbols.init_begin, symbols.bss_start));
  if (const Section* const brk = find(layout, ".brk"); brk != nullptr) {
    symbols.brk_base = brk->address;
    symbols.brk_limit = symbols.end = brk->address + brk->size;
  }
}

// The init sections end where the data begins; behind the bss are the first page tables.
void set_arm(const ElfLayout& layout, KernelFacts& facts) {
  Symbols& symbols = facts.symbols;
  if (symbols.init_begin < symbols.sdata) symbols.init_end = symbols.sdata;
  std::uint64_t end = symbols.end;
  for (const Segment& segment : layout.segments) end = std::max(end, segment.address + segment.size);
  // Modules' room, vectors and the like are linked elsewhere.
  constexpr std::uint64_t largest = std::uint64_t{1} << 30;
  if (symbols.text != 0 && end - symbols.text < largest) symbols.end = end;
  if (facts.arch == Arch::arm64 && symbols.bss_stop != 0) symbols.end = (symbols.end + 0xffff) & ~0xffffull;
}

// Without sections: what is loaded, and nothing of what is in it.
void set_from_segments(const ElfLayout& layout, KernelFacts& facts) {
  Symbols& symbols = facts.symbols;
  std::uint64_t first = UINT64_MAX, last = 0;
  for (const Segment& segment : layout.segments) {
    if (segment.address == 0 || segment.size == 0) continue;
    first = std::min(first, segment.address);
    last = std::max(last, segment.address + segment.size);
  }
  if (first >= last) return;
  symbols.text = symbols.stext = first;
  symbols.end = last;
}

}  // namespace

void take_sections(const ElfLayout& layout, KernelFacts& facts) {
  set_common(layout, facts);
  if (facts.symbols.text == 0 || facts.symbols.end == 0)
    set_from_segments(layout, facts);
  else if (facts.arch == Arch::x86_64)
    set_x86(layout, facts);
  else
    set_arm(layout, facts);
  if (const Section* const percpu = find(layout, ".data..percpu"); percpu != nullptr)
    facts.sizes.insert_or_assign("percpu_static", percpu->size);
}

}  // namespace quarry::lnx
