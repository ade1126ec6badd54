// cli/snapshot_bootmem.cpp: what bootmem's live bitmaps say.
#include "cli/snapshot.hpp"

namespace quarry::cli {

void read_bitmaps(const memory::EarlySystem& early, BootReport& report) {
  if (early.bootmem() == nullptr) return;
  BootmemEntry all;
  for (const early::BootmemData& data : early.bootmem()->nodes()) {
    const std::uint64_t pages = data.pages.size().raw, free = data.map.count_clear(0, pages).raw;
    all.nodes.push_back({.node = static_cast<int>(data.node),
                         .start_pfn = data.node_min_pfn().raw,
                         .end_pfn = data.node_low_pfn().raw,
                         .map_pfn = data.map_at ? data.map_at->raw : 0,
                         .map_bytes = data.map.words().size_bytes(),
                         .free_pages = free,
                         .reserved_pages = pages - free,
                         .last_end_off = data.last_end_off.raw,
                         .hint_idx = data.hint_idx.raw});
  }
  report.bootmem = std::move(all);
}

}  // namespace quarry::cli
