// linux/mix_parts.hpp: the pieces of MachineMix, each with what differs in it and how to take that over.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "linux/machine_mix.hpp"

namespace quarry::lnx {

struct MixPart {
  std::vector<Difference> differences;
  // Takes over what is chosen, index by index of `differences`, into a machine that begins as `from`. False: it does not go.
  std::function<bool(const Chosen& chosen, MachineDescription& into)> take;
};

// The two machines outlive the parts.
MixPart map_part(const MachineDescription& from, const MachineDescription& to);
MixPart numa_part(const MachineDescription& from, const MachineDescription& to);
MixPart kernel_part(const MachineDescription& from, const MachineDescription& to);
MixPart command_line_part(const MachineDescription& from, const MachineDescription& to);
// After the command line, which stands in the tree as well.
MixPart tree_part(const MachineDescription& from, const MachineDescription& to);
// Processors, initrd, tables, and whatever is one value.
MixPart values_part(const MachineDescription& from, const MachineDescription& to);
// Whether they are the same tables, wherever they lie.
bool are_same_tables(const std::vector<AcpiTable>& a, const std::vector<AcpiTable>& b);

// How much of the memory's differences has been taken over.
enum class MemoryTaken { none, some, all };

// Where a boot loader put image, initrd, tree and tables. Of machines with the same memory each place that is another is a
// difference; otherwise the places follow the memory that they are in.
class LoaderPlaces {
 public:
  enum Thing : std::size_t { image, initrd, tree, acpi, setup, efi, kThings };
  // The two machines outlive this.
  LoaderPlaces(const MachineDescription& from, const MachineDescription& to, bool has_same_memory);
  const std::vector<Difference>& differences() const noexcept { return differences_; }
  // Last, into a machine that has everything else.
  void place(const Chosen& chosen, MemoryTaken taken, MachineDescription& into) const;

 private:
  void find(Thing thing, const char* what);
  const MachineDescription& whose(Thing thing, const Chosen& chosen, MemoryTaken taken,
                                  const MachineDescription& into) const;

  const MachineDescription& from_;
  const MachineDescription& to_;
  bool has_same_memory_;
  std::vector<Difference> differences_;
  std::optional<std::size_t> index_[kThings];  // of its difference
};

bool all_of(const Chosen& chosen);
bool none_of(const Chosen& chosen);

// What all of a range is, by the map or the tree's memory nodes; none: it is several things. 0: nothing is there.
std::optional<std::uint32_t> type_of(const MachineDescription& machine, PhysRange range);

// "[mem 0x0000000040000000-0x000000007fffffff]", and "1,024 bytes".
std::string mem_words(PhysRange range);
std::string byte_words(std::uint64_t bytes);

}  // namespace quarry::lnx
