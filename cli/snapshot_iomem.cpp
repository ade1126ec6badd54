#include <vector>

#include "cli/snapshot.hpp"
#include "cli/text.hpp"
#include "quarry/view/machine_iomem.hpp"

namespace quarry::cli {

void read_iomem(const memory::EarlySystem& early, std::span<const early::Region> memory, BootReport& report) {
  std::vector<view::Resource> storage(view::most_resources(early.state(), memory));
  view::ResourceTree tree{storage};
  view::insert_machine(early.state(), memory, tree);
  for (const auto& [range, name, depth] : tree.sorted())
    report.iomem.push_back({{range.begin().raw, range.end().raw}, to_string(name), depth});
  report.texts.iomem = printed([&](TextSink& out) { tree.print(out); });
}

}  // namespace quarry::cli
