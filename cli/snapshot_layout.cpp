#include "cli/address_space.hpp"
#include "cli/snapshot.hpp"
#include "cli/text.hpp"

namespace quarry::cli {

void read_layout(const memory::EarlySystem& early, const lnx::KernelProfile* kernel, BootReport& report) {
  const auto space = AddressSpace::of(early, kernel);
  if (!space) return;  // more RAM than such a kernel can show
  for (const vm::Part& part : space->layout().parts()) {
    report.address_space.push_back({to_string(vm::name_of(part.kind)), part.first, part.last});
    const auto image = space->image();
    if (part.kind == vm::PartKind::direct_map && image && part.contains(image->first))
      report.address_space.push_back(
          {to_string(vm::name_of(image->kind)), image->first, image->last, AddressSpacePart::Is::inside});
  }
}

}  // namespace quarry::cli
