// Why a difference probably is there: by what it is about, what else differs, and what is known of the kernel.
#include <fmt/format.h>

#include <algorithm>

#include "linux/compare_sheet.hpp"
#include "linux/kernel_profile.hpp"

namespace quarry::lnx {
namespace {

// What follows from what, the cause first.
struct Cause {
  std::string_view kind, words;
};
constexpr Cause kCauses[] = {
    {"last_pfn", "follows from the end of RAM, which differs"},
    {"nodes", "follows from the nodes, which differ"},
    {"present", "follows from the present pages, which differ"},
};

// What no description of a machine tells, or what a file shows of a later time.
struct Known {
  std::string_view kind, name, words;
  std::string_view ours = {};  // if that is all that ours has
};
constexpr Known kKnown[] = {
    {"e820", "modified map", "which memory MTRRs leave uncached is not in the firmware's map"},
    {"e820", "reserve setup_data map",
     "what the boot loader left in setup_data is not told by the machine's description"},
    {"e820", "/sys/firmware/memmap",
     "memory that was plugged in later is in the file, not in the firmware's map", "none"},
    {"iomem", "System RAM", "memory that was plugged in later is in the file, not in the firmware's map",
     "none"},
    {"last_pfn", "max_arch_pfn", "five-level page tables depend on the processor, of which nothing tells"},
    {"hashes", "futex", "how many processors the kernel thinks possible differs"},
    {"iomem", "RAM buffer", "a device's window begins where RAM ends, and nothing tells of it"},
};

// What a later kernel counts or prints otherwise than 6.1. Seen in the version that is named, and maybe older.
struct Later {
  std::string_view kind, name, words;
  unsigned major, minor;
};
constexpr Later kLater[] = {
    {"zonelists", "total pages", "6.12 counts all present pages here, descriptors as well", 6, 12},
    {"totals", "Memory: available KiB", "6.12 prints this once all pages are initialised", 6, 12},
};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool differs(const Comparison& comparison, std::string_view kind) {
  return std::any_of(
      comparison.quantities.begin(), comparison.quantities.end(),
      [&](const Quantity& quantity) { return quantity.kind == kind && quantity.verdict == Verdict::differ; });
}

// Kinds that depend on how much Linux itself allocates before its page allocator is up.
bool depends_on_allocations(std::string_view kind) {
  return is_one_of(kind, {"memblock.reserved", "managed", "watermarks", "protection", "node_data", "iomem",
                          "totals", "cma", "crashkernel", "bounce_buffers"});
}

std::string not_modelled(const Quantity& quantity) {
  if (quantity.kind == "hashes") return "this table is not modelled";
  if (quantity.kind == "percpu") return "per-CPU areas are not modelled on this architecture";
  if (quantity.kind == "bounce_buffers") return "the bounce buffer is not modelled on this architecture";
  return "not modelled";
}

constexpr const char* kUnmodelled =
    "one of Linux's own allocations, or where something was loaded, is not modelled";

}  // namespace

std::string likely_reason(const Quantity& quantity, const Circumstances& circumstances,
                          const Comparison& so_far) {
  if (!circumstances.failure.empty()) return circumstances.failure;
  if (quantity.ours.empty()) return not_modelled(quantity);
  for (const Cause& cause : kCauses) {
    if (cause.kind == quantity.kind) break;
    if (differs(so_far, cause.kind)) return std::string{cause.words};
  }
  if (quantity.kind == "e820" && quantity.ours.starts_with("still "))
    return "what UEFI, its tables and MTRRs want is not in the firmware's map";
  if (circumstances.bug.starts_with("kernelcore=mirror")) return circumstances.bug;
  if (quantity.kind == "hugepages" && quantity.name.find("on node") != std::string::npos)
    return "a node that has too little room leaves its pages to others, and how many is not known";
  for (const Known& known : kKnown)
    if (known.kind == quantity.kind && known.name == quantity.name &&
        (known.ours.empty() || known.ours == quantity.ours))
      return std::string{known.words};
  for (const Later& later : kLater)
    if (later.kind == quantity.kind && later.name == quantity.name &&
        is_at_least(circumstances.release, later.major, later.minor))
      return std::string{later.words};
  if (!circumstances.is_tree_known &&
      is_one_of(quantity.kind,
                {"zones", "present", "nodes", "memblock.memory", "reserved_memory", "last_pfn"}))
    return "the device tree is not in the log: what the kernel did not list of memory is not known";
  if (!circumstances.is_known_kernel)
    return "this kernel's configuration, image and structure sizes are not known";
  if (!circumstances.bug.empty() && depends_on_allocations(quantity.kind)) return circumstances.bug;
  if (depends_on_allocations(quantity.kind)) return kUnmodelled;
  return "not explained";
}

}  // namespace quarry::lnx
