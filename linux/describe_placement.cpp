// Where a boot loader that nobody described would put kernel and tree: a part of describe_parts.hpp.
#include <algorithm>
#include <span>
#include <vector>

#include "linux/describe_parts.hpp"
#include "linux/kernel_profile.hpp"
#include "linux/tree_facts.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kStep = 2u << 20;
constexpr Bytes kHabit{16 * kStep};  // from the start of RAM to the tree, at least

PhysAddr rounded_up(PhysAddr at) { return PhysAddr{(at.raw + kStep - 1) & ~(kStep - 1)}; }

bool is_inside(std::span<const PhysRange> memory, PhysRange range) {
  return std::any_of(memory.begin(), memory.end(), [&](const PhysRange bank) {
    return bank.begin() <= range.begin() && range.end() <= bank.end();
  });
}

// The first multiple of 2 MiB from `from` on with `size` bytes of memory that nobody has; `from` itself when there is
// none, for then the boot says what is wrong.
//
//   taken      [==]      [=====]
//   from    |
//   place              |-- size --|  no      |-- size --|  yes
PhysAddr first_free(PhysAddr from, Bytes size, std::span<const PhysRange> memory,
                    std::span<const PhysRange> taken) {
  const PhysAddr habit = rounded_up(from);
  for (PhysAddr at = habit;;) {
    const PhysRange range = PhysRange::sized(at, size);
    const auto in_the_way = std::find_if(taken.begin(), taken.end(), [&](const PhysRange other) {
      return other.begin() < range.end() && range.begin() < other.end();
    });
    if (in_the_way == taken.end()) return is_inside(memory, range) ? at : habit;
    const PhysAddr next = rounded_up(in_the_way->end());
    if (next <= at) return habit;  // past the last address
    at = next;
  }
}

}  // namespace

void place_by_habit(const TreeFacts& facts, const DescribeOptions& options, MachineDescription& machine) {
  std::vector<PhysRange> memory = facts.memory, taken = facts.taken;
  memory.insert(memory.end(), options.memory.begin(), options.memory.end());
  if (!machine.initrd.empty()) taken.push_back(machine.initrd);
  PhysAddr lowest{};
  if (!memory.empty())
    lowest = std::min_element(memory.begin(), memory.end(), [](PhysRange a, PhysRange b) {
               return a.begin() < b.begin();
             })->begin();

  // The unpacking image of arm knows one place only; one of arm64 or riscv64 runs wherever it is put.
  const bool runs_anywhere = machine.kernel.arch != boot::Arch::arm;
  const PhysAddr start = rounded_up(lowest);
  if (machine.image.whole.empty()) {
    const Bytes before{runs_anywhere ? kStep : 0};
    const PhysAddr habit = start + before;
    const PhysAddr end = image_at(machine.kernel, habit).whole.end();
    const PhysAddr base = runs_anywhere ? first_free(habit, end - habit, memory, taken) : habit;
    machine.image = image_at(machine.kernel, base);
    if (!memory.empty() && !is_inside(memory, PhysRange::sized(base, end - habit)))
      machine.notes.emplace_back(
          "the kernel's image does not fit into the RAM where it is put (--kernel-at)");
  }
  if (machine.tree.empty() || machine.tree_at.raw != 0) return;
  const PhysRange image = machine.image.whole;
  const Bytes size{machine.tree.size()};
  const PhysAddr behind = std::max(image.end(), start + kHabit);
  const bool has_room = is_inside(memory, PhysRange::sized(rounded_up(behind), size));
  taken.push_back(image);
  machine.tree_at = first_free(has_room ? behind : image.end(), size, memory, taken);
}

}  // namespace quarry::lnx
