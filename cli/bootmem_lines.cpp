#include "cli/bootmem_lines.hpp"

#include <fmt/format.h>

#include "cli/sizes.hpp"

namespace quarry::cli {

std::vector<std::string> bootmem_lines(const BootmemEntry& bootmem, const TextStyle& style) {
  std::vector<std::string> lines{fmt::format("  {:>4}  {:<25} {:<23} {:>12} {:>12}  {:>14} {:>10}", "node",
                                             "pfns", "bitmap", "free pages", "reserved", "last_end_off",
                                             "hint_idx")};
  for (const BitmapEntry& node : bootmem.nodes) {
    const auto pfns = fmt::format("{:#x}-{:#x}", node.start_pfn, node.end_pfn - 1);
    const auto bitmap = fmt::format("{} at {:#x}", human_size(node.map_bytes), node.map_pfn);
    lines.push_back(fmt::format("  {:>4}  {:<25} {:<23} {:>12} {:>12}  {:>#14x} {:>#10x}", node.node, pfns,
                                bitmap, node.free_pages, node.reserved_pages, node.last_end_off,
                                node.hint_idx));
  }
  std::string end = fmt::format("{} pages handed over in {} blocks, {} of them where bitmaps lay",
                                bootmem.released_pages, bootmem.blocks, bootmem.bitmap_pages);
  if (bootmem.lost_pages != 0) end += fmt::format("; {} free pages lost", bootmem.lost_pages);
  lines.push_back("  " + style.in(Ink::faint, end));
  return lines;
}

}  // namespace quarry::cli
