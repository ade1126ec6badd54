// Any bytes as each of the files that a kernel shows. Laws: nothing crashes; no reader makes more entries than there are
// lines; a comparison says of each quantity just what it is: a difference has a reason, what agrees is equal.
#include <algorithm>
#include <cstdlib>

#include "linux/compare.hpp"

namespace {

using namespace quarry::lnx;

void law(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes{reinterpret_cast<const std::byte*>(data), size};
  const std::vector<std::byte> copy{bytes.begin(), bytes.end()};
  const FileSource same_everywhere = [&](std::string_view) { return std::optional{copy}; };
  const Outcomes outcomes = read_outcomes(same_everywhere);
  const auto lines = static_cast<std::size_t>(std::count(copy.begin(), copy.end(), std::byte{'\n'})) + 1;
  law(outcomes.zones->size() <= lines);
  law(outcomes.iomem->size() <= lines);
  law(outcomes.memmap->size() <= lines);
  law(outcomes.blocks->size() <= lines);
  law(outcomes.late_memory->size() <= lines && outcomes.late_reserved->size() <= lines);
  law(outcomes.nodes.masks.size() + outcomes.nodes.distances.size() + outcomes.nodes.total_kib.size() <=
      lines);
  for (const ResourceOutcome& resource : *outcomes.iomem) law(resource.range.begin() <= resource.range.end());

  // A reading held against itself; a file that names a zone twice may differ from itself.
  const Comparison comparison = compare(read_outcomes(same_everywhere), outcomes, {});
  for (const Quantity& quantity : comparison.quantities) {
    law(is_quantity_kind(quantity.kind));
    law((quantity.verdict == Verdict::differ) == !quantity.reason.empty());
    law(quantity.verdict != Verdict::agree || quantity.ours == quantity.theirs);
    law(quantity.verdict != Verdict::unknown || quantity.theirs.empty());
  }
  const VerdictCounts total = comparison.total();
  law(total.agree + total.differ + total.unknown == comparison.quantities.size());
  return 0;
}
