// linux/compare.hpp: what a boot of ours shows, held against what a kernel's own boot showed, quantity by quantity.
//
//   ours    [zone DMA: managed 3840] [zone DMA32: managed 245301] [Movable: none]        [hashes: -]
//   theirs  [zone DMA: managed 3840] [zone DMA32: managed 245316] (the log ends before)  [hashes: 4 lines]
//   verdict        agree                     differ                     unknown               differ
//
// A quantity is one number, one range or one list as the kernel shows it. What theirs does not show is unknown,
// never agreed; what theirs shows and ours does not have is a difference, and its reason says that it is not modelled.
#pragma once

#include <string>
#include <vector>

#include "linux/outcomes.hpp"

namespace quarry::lnx {

enum class Verdict { agree, differ, unknown };

struct Quantity {
  std::string kind;  // one of kQuantityKinds
  std::string name;  // "node 0 DMA32 managed"
  Verdict verdict = Verdict::unknown;
  std::string ours, theirs;  // of lists that differ: the lines that the other has not
  std::string reason;        // of a difference: what it probably comes from
};

// In the order in which a boot comes by them.
inline constexpr std::string_view kQuantityKinds[] = {"end",
                                                      "e820",
                                                      "last_pfn",
                                                      "memblock.memory",
                                                      "memblock.reserved",
                                                      "nodes",
                                                      "zones",
                                                      "present",
                                                      "managed",
                                                      "watermarks",
                                                      "protection",
                                                      "fallback",
                                                      "zonelists",
                                                      "node_data",
                                                      "cma",
                                                      "crashkernel",
                                                      "reserved_memory",
                                                      "percpu",
                                                      "hashes",
                                                      "log_buffer",
                                                      "bounce_buffers",
                                                      "sections",
                                                      "iomem",
                                                      "hugepages",
                                                      "totals"};
bool is_quantity_kind(std::string_view name);

struct VerdictCounts {
  std::size_t agree = 0, differ = 0, unknown = 0;
  void add(Verdict verdict);
  std::size_t known() const noexcept { return agree + differ; }
};

struct Comparison {
  std::vector<Quantity> quantities;  // by kind, in the order above

  VerdictCounts total() const;
  // Kinds that have a quantity, in the order above.
  std::vector<std::pair<std::string, VerdictCounts>> kinds() const;
  // Leaves one kind.
  void keep_only(std::string_view kind);
};

// What explains a difference.
struct Circumstances {
  bool is_known_kernel = true;  // false: another kernel's configuration and image stand for this one's
  std::string failure;          // why our boot stopped; empty: it did not
  std::string bug{};            // what Linux does wrong on this machine, if that shows in numbers
  std::string release{};        // of the kernel that is compared with; empty: not known
  bool is_tree_known = true;    // false: what the kernel listed of memory stands in for its device tree
};

Comparison compare(const Outcomes& ours, const Outcomes& theirs, const Circumstances& circumstances);

}  // namespace quarry::lnx
