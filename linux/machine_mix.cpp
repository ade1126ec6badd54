#include "linux/machine_mix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "linux/mix_parts.hpp"
#include "quarry/base/check.hpp"

namespace quarry::lnx {
namespace {

// A machine of another architecture has nothing in common with this one.
MixPart whole_part(const MachineDescription& from, const MachineDescription& to) {
  const auto words = [](const MachineDescription& machine) {
    const TextView name = boot::name_of(machine.kernel.arch);
    return std::string{name.data(), name.size()};
  };
  MixPart part;
  part.differences.push_back(
      {DifferenceKind::architecture, "the architecture, and all with it", words(from), words(to)});
  part.take = [&to](const Chosen& chosen, MachineDescription& into) {
    if (chosen[0]) into = to;
    return true;
  };
  return part;
}

bool is_of_memory(const Difference& difference) { return difference.kind == DifferenceKind::memory; }

}  // namespace

std::string_view name_of(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::architecture: return "architecture";
    case DifferenceKind::memory: return "memory";
    case DifferenceKind::numa: return "numa";
    case DifferenceKind::reserved: return "reserved";
    case DifferenceKind::tree: return "tree";
    case DifferenceKind::tables: return "tables";
    case DifferenceKind::processors: return "processors";
    case DifferenceKind::kernel: return "kernel";
    case DifferenceKind::configuration: return "configuration";
    case DifferenceKind::command_line: return "command line";
    case DifferenceKind::initrd: return "initrd";
    case DifferenceKind::place: break;
  }
  return "place";
}

bool all_of(const Chosen& chosen) { return std::find(chosen.begin(), chosen.end(), false) == chosen.end(); }
bool none_of(const Chosen& chosen) { return std::find(chosen.begin(), chosen.end(), true) == chosen.end(); }

MachineMix::MachineMix(MachineDescription from, MachineDescription to)
    : from_{std::make_unique<const MachineDescription>(std::move(from))},
      to_{std::make_unique<const MachineDescription>(std::move(to))} {
  const MachineDescription &a = *from_, &b = *to_;
  std::vector<Difference> all;
  if (a.kernel.arch != b.kernel.arch) {
    parts_.push_back(whole_part(a, b));
  } else {
    parts_.push_back(map_part(a, b));
    parts_.push_back(numa_part(a, b));
    parts_.push_back(kernel_part(a, b));
    parts_.push_back(command_line_part(a, b));
    parts_.push_back(values_part(a, b));
    parts_.push_back(tree_part(a, b));
  }
  for (const MixPart& part : parts_) all.insert(all.end(), part.differences.begin(), part.differences.end());
  if (a.kernel.arch == b.kernel.arch) {
    placement_ =
        std::make_unique<const LoaderPlaces>(a, b, std::none_of(all.begin(), all.end(), is_of_memory));
    all.insert(all.end(), placement_->differences().begin(), placement_->differences().end());
  }
  order_.resize(all.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::size_t x, std::size_t y) { return all[x].kind < all[y].kind; });
  for (const std::size_t index : order_) differences_.push_back(all[index]);
}

MachineMix::~MachineMix() = default;
MachineMix::MachineMix(MachineMix&&) noexcept = default;

std::optional<MachineDescription> MachineMix::mixed(const Chosen& chosen) const {
  check(chosen.size() == differences_.size(), "a choice of as many differences as there are");
  Chosen in_parts(chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) in_parts[order_[i]] = chosen[i];
  MachineDescription machine = *from_;
  std::size_t begin = 0;
  const auto next = [&](std::size_t count) {
    const auto first = in_parts.begin() + static_cast<std::ptrdiff_t>(begin);
    begin += count;
    return Chosen{first, first + static_cast<std::ptrdiff_t>(count)};
  };
  for (const MixPart& part : parts_)
    if (!part.take(next(part.differences.size()), machine)) return std::nullopt;
  if (!placement_) return machine;
  bool has_some = false, has_all = true;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (!is_of_memory(differences_[i])) continue;
    has_some = has_some || chosen[i];
    has_all = has_all && chosen[i];
  }
  const MemoryTaken taken = !has_some ? MemoryTaken::none : has_all ? MemoryTaken::all : MemoryTaken::some;
  placement_->place(next(placement_->differences().size()), taken, machine);
  return machine;
}

std::string mem_words(PhysRange range) {
  return fmt::format("[mem {:#x}-{:#x}]", range.begin().raw, range.end().raw - (range.empty() ? 0 : 1));
}

std::string byte_words(std::uint64_t bytes) {
  std::string digits = fmt::format("{}", bytes);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits + " bytes";
}

}  // namespace quarry::lnx
