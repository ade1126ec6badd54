#include "quarry/view/reserved_memory.hpp"

namespace quarry::view {
namespace {

using Event = boot::ReservedMemoryEvent;
using Kind = Event::Kind;

constexpr unsigned kMibShift = 20;

// Who speaks: the reader of the flattened tree, the list of nodes, a driver, or the areas' own code.
enum class Speaker : std::uint8_t { tree, list, driver, areas };

TextView name_of(Speaker speaker) noexcept {
  switch (speaker) {
    case Speaker::tree: return "OF: fdt: Reserved memory: ";
    case Speaker::list: return "OF: reserved mem: ";
    case Speaker::driver: return "Reserved memory: ";
    case Speaker::areas: break;
  }
  return "cma: ";
}

// What a line is made of: words, the node's name, more words, and what numbers follow.
struct Line {
  Kind kind;
  Speaker speaker;
  TextView before;  // the node's name
  TextView after;   // empty: the name is not said at all
  enum class Tail : std::uint8_t { none, base_and_size, size, pool, compatible } tail = Tail::none;
};
using Tail = Line::Tail;

constexpr Line kLines[] = {
    {Kind::unsupported_format, Speaker::tree, "unsupported node format, ignoring", ""},
    {Kind::malformed_reg, Speaker::tree, "invalid reg property in '", "', skipping node."},
    {Kind::not_reserved, Speaker::tree, "failed to reserve memory for node '", "': ", Tail::base_and_size},
    {Kind::too_many_nodes, Speaker::list, "not enough space for all defined regions.", ""},
    {Kind::malformed_size, Speaker::list, "invalid size property in '", "' node."},
    {Kind::malformed_align, Speaker::list, "invalid alignment property in '", "' node."},
    {Kind::malformed_window, Speaker::list, "invalid alloc-ranges property in '", "', skipping node."},
    {Kind::not_allocated, Speaker::list, "failed to allocate memory for node '", "': ", Tail::size},
    {Kind::area_bypassed, Speaker::driver, "bypass ", " node, using cmdline CMA params instead"},
    {Kind::area_unaligned, Speaker::driver, "incorrect alignment of CMA region", ""},
    {Kind::areas_used_up, Speaker::areas, "Not enough slots for CMA reserved regions!", ""},
    {Kind::area_refused, Speaker::driver, "unable to setup CMA region", ""},
    {Kind::area_made, Speaker::driver, "created CMA memory pool at ", "", Tail::pool},
    {Kind::needs_no_map, Speaker::driver, "regions without no-map are not yet supported", ""},
    {Kind::coherent_made, Speaker::driver, "created DMA memory pool at ", "", Tail::pool},
    {Kind::restricted_made, Speaker::driver, "created restricted DMA pool at ", "", Tail::pool},
    {Kind::initialized, Speaker::list, "initialized node ", ", compatible id ", Tail::compatible},
    {Kind::refused, Speaker::list, "node ", " compatible matching fail"},
};

class Printer {
 public:
  Printer(TextSink& out, std::size_t digits) noexcept : out_{out}, digits_{digits} {}

  void print(const Line& line, const Event& event) noexcept {
    out_.put(name_of(line.speaker)).put(line.before);
    if (!line.after.empty()) out_.put(event.node).put(line.after);
    switch (line.tail) {
      case Tail::base_and_size: address(event.range.begin()).put(", "), size(event); break;
      case Tail::size: size(event); break;
      case Tail::pool: pool(event); break;
      case Tail::compatible: out_.put(event.other); break;
      case Tail::none: break;
    }
    out_.put('\n');
  }

  void overlap(const Event& event) noexcept {
    out_.put(name_of(Speaker::list)).put("OVERLAP DETECTED!\n");
    from_to(event.node, event.range);
    out_.put(" overlaps with ");
    from_to(event.other, event.other_range);
    out_.put('\n');
  }

 private:
  TextSink& hex(PhysAddr at) noexcept { return out_.put("0x").hex(at.raw, digits_); }
  TextSink& address(PhysAddr at) noexcept {
    out_.put("base ");
    return hex(at);
  }
  void size(const Event& event) noexcept {
    out_.put("size ").dec(event.range.size().raw >> kMibShift).put(" MiB");
  }
  void pool(const Event& event) noexcept {
    hex(event.range.begin()).put(", ");
    size(event);
  }
  // An exclusive end, as the kernel prints it.
  void from_to(TextView name, PhysRange range) noexcept {
    out_.put(name).put(" (");
    hex(range.begin()).put("--");
    hex(range.end()).put(")");
  }

  TextSink& out_;
  std::size_t digits_;
};

}  // namespace

void print_reserved_memory(TextSink& out, const Event& event, std::size_t digits) noexcept {
  Printer printer{out, digits};
  if (event.kind == Kind::overlap) return printer.overlap(event);
  for (const Line& line : kLines)
    if (line.kind == event.kind) return printer.print(line, event);
}

}  // namespace quarry::view
