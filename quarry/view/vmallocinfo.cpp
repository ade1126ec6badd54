#include "quarry/view/vmallocinfo.hpp"

namespace quarry::view {

namespace {

TextView linux_name_of(vm::AreaKind kind) noexcept {
  switch (kind) {
    case vm::AreaKind::vmalloc: return "vmalloc";
    case vm::AreaKind::vmap: return "vmap";
    case vm::AreaKind::ioremap: return "ioremap";
  }
  return "";
}

}  // namespace

void print_vmallocinfo_line(TextSink& out, const vm::AreaInfo& area, std::span<const PageCount> on_nodes,
                            unsigned digits) noexcept {
  const vm::VirtAddr end = area.range.end() + area.guard;
  out.put("0x").hex(area.range.begin().raw, digits).put("-0x").hex(end.raw, digits);
  out.put(' ').dec((end - area.range.begin()).raw, 7);
  if (area.state == vm::AreaState::retired) {
    out.put(" unpurged vm_area\n");
    return;
  }
  if (!area.caller.empty()) out.put(' ').put(area.caller);
  if (area.pages.raw != 0) out.put(" pages=").dec(area.pages.raw);
  if (area.phys.raw != 0) out.put(" phys=0x").hex(area.phys.raw, 16);
  out.put(' ').put(linux_name_of(area.kind));
  for (std::size_t node = 0; node < on_nodes.size(); ++node)
    if (on_nodes[node].raw != 0) out.put(" N").dec(node).put('=').dec(on_nodes[node].raw);
  out.put('\n');
}

}  // namespace quarry::view
