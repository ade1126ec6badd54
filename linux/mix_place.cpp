// Where a boot loader put things: a part of mix_parts.hpp.
//
//   from     |------ RAM ------[initrd]|
//   to       |--------------- RAM ---------------[initrd]|
//   between  the initrd stays where it was, as long as that is RAM; else it lies where the other has it
#include <fmt/format.h>

#include <algorithm>

#include "linux/mix_parts.hpp"
#include "linux/tree_facts.hpp"

namespace quarry::lnx {
namespace {

using Tables = std::vector<AcpiTable> MachineDescription::*;

PhysRange moved_by(PhysRange range, std::uint64_t distance) {
  if (range.empty()) return range;
  return PhysRange::sized(PhysAddr{range.begin().raw + distance}, range.size());
}

boot::KernelImage moved_to(boot::KernelImage image, PhysAddr begin) {
  const std::uint64_t distance = begin.raw - image.whole.begin().raw;  // modulo 2^64: also downwards
  for (PhysRange* const part : {&image.whole, &image.text, &image.rodata, &image.data, &image.bss,
                                &image.init, &image.brk, &image.brk_space, &image.page_directory})
    *part = moved_by(*part, distance);
  return image;
}

// A map without the firmware's one: the tree's memory nodes, and what was added by hand.
MachineDescription with_map(const MachineDescription& machine) {
  MachineDescription same;
  same.map = machine.map;
  if (!same.map.empty()) return same;
  const auto usable = [&](PhysRange range) {
    same.map.push_back({range.begin(), range.size(), firmware::MapType::usable});
  };
  if (const auto facts = read_tree_facts(machine.tree, "tree"))
    for (const PhysRange range : facts->memory) usable(range);
  for (const PhysRange range : machine.extra_memory) usable(range);
  return same;
}

// How much a place in the mixed machine is like what it was in its own.
enum class Likeness { other, as_usable, same };

Likeness likeness(PhysRange range, const MachineDescription& own, const MachineDescription& into) {
  constexpr auto usable = static_cast<std::uint32_t>(firmware::MapType::usable);
  const auto was = type_of(with_map(own), range), is = type_of(with_map(into), range);
  if (was == is) return Likeness::same;
  return (was == usable) == (is == usable) ? Likeness::as_usable : Likeness::other;
}

}  // namespace

LoaderPlaces::LoaderPlaces(const MachineDescription& from, const MachineDescription& to, bool has_same_memory)
    : from_{from}, to_{to}, has_same_memory_{has_same_memory} {
  if (!has_same_memory_) return;
  if (!from.image.whole.empty() && !to.image.whole.empty()) find(image, "where the kernel lies");
  if (from.initrd.size() == to.initrd.size() && !from.initrd.empty()) find(initrd, "where the initrd lies");
  if (!from.tree.empty() && !to.tree.empty()) find(tree, "where the device tree lies");
  if (are_same_tables(from.acpi_tables, to.acpi_tables)) find(acpi, "where ACPI's tables lie");
  if (are_same_tables(from.setup_data, to.setup_data)) find(setup, "where setup_data lies");
  if (are_same_tables(from.efi_tables, to.efi_tables)) find(efi, "where UEFI's tables lie");
}

namespace {

// Where a thing begins; of tables, each of them.
std::vector<PhysRange> places_of(const MachineDescription& machine, LoaderPlaces::Thing thing) {
  const auto of = [](const std::vector<AcpiTable>& tables) {
    std::vector<PhysRange> ranges;
    for (const AcpiTable& table : tables) ranges.push_back(table.range);
    return ranges;
  };
  switch (thing) {
    case LoaderPlaces::image: return {machine.image.whole};
    case LoaderPlaces::initrd: return {machine.initrd};
    case LoaderPlaces::tree: return {PhysRange::sized(machine.tree_at, Bytes{machine.tree.size()})};
    case LoaderPlaces::acpi: return of(machine.acpi_tables);
    case LoaderPlaces::setup: return of(machine.setup_data);
    default: return of(machine.efi_tables);
  }
}

}  // namespace

void LoaderPlaces::find(Thing thing, const char* what) {
  const auto before = places_of(from_, thing), after = places_of(to_, thing);
  const auto begins_alike = [](PhysRange a, PhysRange b) { return a.begin() == b.begin(); };
  if (std::equal(before.begin(), before.end(), after.begin(), after.end(), begins_alike)) return;
  index_[thing] = differences_.size();
  differences_.push_back({DifferenceKind::place, what, fmt::format("{:#x}", before.front().begin().raw),
                          fmt::format("{:#x}", after.front().begin().raw)});
}

const MachineDescription& LoaderPlaces::whose(Thing thing, const Chosen& chosen, MemoryTaken taken,
                                              const MachineDescription& into) const {
  if (has_same_memory_) return index_[thing] && chosen[*index_[thing]] ? to_ : from_;
  if (taken != MemoryTaken::some) return taken == MemoryTaken::all ? to_ : from_;
  const auto worst = [&](const MachineDescription& side) {
    Likeness worst_yet = Likeness::same;
    for (const PhysRange place : places_of(side, thing))
      worst_yet = std::min(worst_yet, likeness(place, side, into));
    return worst_yet;
  };
  return worst(from_) < worst(to_) ? to_ : from_;
}

void LoaderPlaces::place(const Chosen& chosen, MemoryTaken taken, MachineDescription& into) const {
  if (!from_.image.whole.empty() && !to_.image.whole.empty())
    into.image = moved_to(into.image, whose(image, chosen, taken, into).image.whole.begin());
  if (from_.initrd.size() == to_.initrd.size()) {
    into.initrd = whose(initrd, chosen, taken, into).initrd;
  } else if (!into.initrd.empty() && !has_same_memory_ && !from_.initrd.empty() && !to_.initrd.empty()) {
    // Loaders put it at the end of what they have.
    const MachineDescription& own = into.initrd.size() == from_.initrd.size() ? from_ : to_;
    const PhysAddr end = whose(initrd, chosen, taken, into).initrd.end();
    if (likeness(into.initrd, own, into) != Likeness::same && end.raw >= into.initrd.size().raw)
      into.initrd = PhysRange::sized(PhysAddr{end.raw - into.initrd.size().raw}, into.initrd.size());
  }
  if (!from_.tree.empty() && !to_.tree.empty()) into.tree_at = whose(tree, chosen, taken, into).tree_at;
  const auto put = [&](Thing thing, Tables list) {
    if (are_same_tables(from_.*list, to_.*list)) into.*list = whose(thing, chosen, taken, into).*list;
  };
  put(acpi, &MachineDescription::acpi_tables);
  put(setup, &MachineDescription::setup_data);
  put(efi, &MachineDescription::efi_tables);
}

}  // namespace quarry::lnx
