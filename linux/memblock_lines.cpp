#include "linux/memblock_lines.hpp"

#include <algorithm>
#include <array>

#include "linux/log_scanner.hpp"

namespace quarry::lnx {
namespace {

using Range = LoggedRangeCall::Kind;
using Alloc = LoggedAllocation::Kind;

template <class Kind>
struct Named {
  std::string_view name;
  Kind kind;
};

// Without leading underscores.
constexpr std::array<Named<Range>, 13> kRangeCalls{{{"memblock_add", Range::add},
                                                    {"memblock_add_node", Range::add},
                                                    {"memblock_add_range", Range::add},
                                                    {"memblock_remove", Range::remove},
                                                    {"memblock_reserve", Range::reserve},
                                                    {"memblock_reserve_kern", Range::reserve},
                                                    {"memblock_free", Range::free},
                                                    {"memblock_phys_free", Range::free},
                                                    {"memblock_free_early", Range::free},
                                                    {"memblock_free_early_nid", Range::free},
                                                    {"memblock_free_late", Range::free_late},
                                                    {"memblock_free_bootmem_late", Range::free_late},
                                                    {"memblock_physmem_add", Range::physmem_add}}};

constexpr std::array<Named<Alloc>, 9> kAllocations{{
    {"memblock_phys_alloc_range", Alloc::phys_alloc_range},
    {"memblock_alloc_try_nid", Alloc::alloc_try_nid},
    {"memblock_alloc_try_nid_nopanic", Alloc::alloc_try_nid},
    {"memblock_alloc_try_nid_raw", Alloc::alloc_try_nid_raw},
    {"memblock_alloc_exact_nid_raw", Alloc::alloc_exact_nid_raw},
    {"memblock_virt_alloc_try_nid", Alloc::alloc_try_nid},
    {"memblock_virt_alloc_try_nid_nopanic", Alloc::alloc_try_nid},
    {"memblock_virt_alloc_try_nid_raw", Alloc::alloc_try_nid_raw},
    {"memblock_virt_alloc_exact_nid_raw", Alloc::alloc_exact_nid_raw},
}};

// Functions of memblock that reserve what they found.
constexpr std::array<std::string_view, 6> kAllocators{
    "memblock_alloc",   "memblock_virt_alloc",       "memblock_phys_alloc",
    "__memblock_alloc", "__alloc_memory_core_early", "__memblock_virt_alloc"};

template <class Kind, std::size_t kCount>
std::optional<Kind> find(const std::array<Named<Kind>, kCount>& names, std::string_view name) {
  for (const auto& at : names)
    if (at.name == name) return at.kind;
  return std::nullopt;
}

bool is_name_character(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_' || c == '.';
}

std::string_view name_at_start(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && is_name_character(text[size])) ++size;
  return text.substr(0, size);
}

// "setup_arch+0x792/0xd40" to its end; an address where the kernel has no symbols is none.
bool is_whole_symbol(std::string_view caller) {
  const std::string_view name = name_at_start(caller);
  Scanner at{caller.substr(name.size())};
  return !name.empty() && at.skip("+0x") && at.hex() && at.skip("/0x") && at.hex() &&
         (at.at_end() || at.rest().starts_with(" "));
}

bool is_run_together(std::string_view rest) {
  return rest.find(": [") != std::string_view::npos ||
         rest.find("memblock_alloc_try_nid:") != std::string_view::npos;
}

RangeLine::Caller caller_kind(std::string_view caller) {
  if (!is_whole_symbol(caller)) return RangeLine::Caller::unknown;
  const std::string_view name = name_at_start(caller);
  if (name.starts_with("memblock_double_array")) return RangeLine::Caller::table;
  const auto starts = [&](std::string_view allocator) { return name.starts_with(allocator); };
  return std::any_of(kAllocators.begin(), kAllocators.end(), starts) ? RangeLine::Caller::allocator
                                                                     : RangeLine::Caller::somebody;
}

std::optional<std::uint64_t> address(Scanner& at, unsigned& digits) {
  const std::size_t before = at.rest().size();
  const bool has_prefix = at.rest().starts_with("0x");
  const auto value = at.hex();
  digits = static_cast<unsigned>(before - at.rest().size()) - (has_prefix ? 2 : 0);
  return has_prefix ? value : std::nullopt;
}

// How many bytes [first, last] are. An empty range ends one byte before it begins; removing "everything from
// here on" wraps around the width of an address.
std::optional<Bytes> bytes_between(std::uint64_t first, std::uint64_t last, unsigned digits, Range kind) {
  if (last >= first || last + 1 == first) return Bytes{last + 1 - first};
  if (kind != Range::remove) return std::nullopt;
  const std::uint64_t mask = digits <= 8 ? UINT32_MAX : UINT64_MAX;
  return Bytes{(last + 1 - first) & mask};
}

// Behind "name: ".
MemblockLine parse_range(Scanner at, Range kind) {
  RangeLine line;
  line.call.kind = kind;
  unsigned last_digits = 0;
  if (!at.skip("[")) return Unreadable{"expected [0xFIRST-0xLAST]"};
  const auto first = address(at, line.digits);
  const auto last = first && at.skip("-") ? address(at, last_digits) : std::nullopt;
  if (!last || !at.skip("]")) return Unreadable{"expected [0xFIRST-0xLAST]"};
  const auto size = bytes_between(*first, *last, line.digits, kind);
  if (!size) return Unreadable{"the range ends before it begins"};
  line.call.base = PhysAddr{*first};
  line.call.size = *size;
  at.spaces();
  if (at.skip("nid=")) {
    const bool is_any = at.skip("-");
    const auto node = at.decimal();
    if (!node) return Unreadable{"expected a number after nid="};
    if (!is_any && *node < 0xffff) line.call.node = static_cast<unsigned>(*node);
    at.spaces();
  }
  if (at.skip("flags=") || at.skip("flags ")) {
    const auto flags = at.hex();
    if (!flags) return Unreadable{"expected a number after flags"};
    line.call.flags = static_cast<std::uint32_t>(*flags);
    at.spaces();
  }
  if (is_run_together(at.rest())) return Unreadable{"two messages run together"};
  line.by = caller_kind(at.rest());
  line.call.caller = name_at_start(at.rest());
  line.call.is_for_table = line.by == RangeLine::Caller::table;
  return line;
}

// Behind "name: ".
MemblockLine parse_allocation(Scanner at, Alloc kind, std::string_view function) {
  LoggedAllocation call;
  call.kind = kind;
  call.function = function;
  const auto size = at.decimal();
  if (!size || !at.skip(" bytes align=")) return Unreadable{"expected 'N bytes align='"};
  const auto alignment = at.hex();
  if (!alignment) return Unreadable{"expected a number after align="};
  at.spaces();
  if (at.skip("nid=")) {
    const bool is_any = at.skip("-");
    const auto node = at.decimal();
    if (!node) return Unreadable{"expected a number after nid="};
    // NUMA_NO_NODE is -1 and was MAX_NUMNODES, which no machine's node number reaches.
    if (!is_any && *node < 1024) call.node = static_cast<unsigned>(*node);
    at.spaces();
  }
  if (!at.skip("from=")) return Unreadable{"expected 'from='"};
  const auto min = at.hex();
  at.spaces();
  if (!min || !at.skip("max_addr=")) return Unreadable{"expected 'max_addr='"};
  const auto max = at.hex();
  at.spaces();
  if (!max || at.at_end()) return Unreadable{"expected max_addr=0x... and a caller"};
  if (is_run_together(at.rest())) return Unreadable{"two messages run together"};
  call.size = Bytes{*size};
  call.alignment = Bytes{*alignment};
  call.min = PhysAddr{*min};
  call.max = PhysAddr{*max};
  call.caller = name_at_start(at.rest());
  return call;
}

// Behind "memblock: ".
MemblockLine parse_growth(Scanner at) {
  LoggedGrowth growth;
  const std::string_view table = at.word();
  if (!at.skip(" is doubled")) return std::monostate{};
  if (!at.skip(" to ")) return Unreadable{"expected 'is doubled to N at [0xFIRST-0xLAST]'"};
  if (table == "memory")
    growth.table = LoggedGrowth::Table::memory;
  else if (table == "reserved")
    growth.table = LoggedGrowth::Table::reserved;
  else
    growth.table = LoggedGrowth::Table::other;
  const auto entries = at.decimal();
  const auto place = entries && at.skip(" at [") ? at.inclusive_range() : std::nullopt;
  if (!place || !at.skip("]")) return Unreadable{"expected 'is doubled to N at [0xFIRST-0xLAST]'"};
  growth.entries = *entries;
  growth.place = *place;
  return growth;
}

// A call of a function with memblock's name, and not a sentence or a line of C about one.
bool looks_like_call(std::string_view rest) { return rest.empty() || rest == ":" || rest.starts_with(": "); }

}  // namespace

MemblockLine parse_memblock_line(std::string_view message) {
  if (message.starts_with("memblock: ")) return parse_growth(Scanner{message.substr(10)});
  const std::string_view function = name_at_start(message);
  const std::string_view rest = message.substr(function.size());
  std::string_view name = function;
  while (name.starts_with("_")) name.remove_prefix(1);
  if (!name.starts_with("memblock_")) {
    // Another message ran into one of memblock's.
    const std::size_t inside = message.find("memblock_reserve: [");
    if (inside != std::string_view::npos) return Unreadable{"two messages run together"};
    return std::monostate{};
  }
  if (!looks_like_call(rest)) return std::monostate{};
  Scanner at{rest};
  at.skip(":");
  at.spaces();
  if (const auto kind = find(kRangeCalls, name)) return parse_range(at, *kind);
  if (const auto kind = find(kAllocations, name)) return parse_allocation(at, *kind, function);
  return Unreadable{"no memblock function of this name is known"};
}

bool looks_folded(std::string_view message) {
  return message.starts_with("from=0x") || is_whole_symbol(message);
}

std::optional<DumpLine> parse_dump_line(std::string_view message) {
  DumpLine line;
  Scanner at{message};
  if (at.skip("memory size = ")) return at.hex() ? std::optional{line} : std::nullopt;
  if (at.skip("memory"))
    line.table = DumpLine::Table::memory;
  else if (at.skip("reserved"))
    line.table = DumpLine::Table::reserved;
  else if (at.skip("physmem"))
    line.table = DumpLine::Table::physmem;
  else
    return std::nullopt;
  if (at.skip(".cnt")) {
    at.spaces();
    if (!at.skip("=")) return std::nullopt;
    at.spaces();
    const auto count = at.hex();
    if (!count) return std::nullopt;
    line.kind = DumpLine::Kind::count;
    line.count = *count;
    return line;
  }
  line.kind = DumpLine::Kind::region;
  if (!at.skip("[") || !at.hex() || !at.skip("]")) return std::nullopt;
  at.spaces();
  unsigned last_digits = 0;
  const auto first = at.skip("[") ? address(at, line.digits) : std::nullopt;
  const auto last = first && at.skip("-") ? address(at, last_digits) : std::nullopt;
  const auto size = last && at.skip("], ") ? at.hex() : std::nullopt;
  if (!size || !at.skip(" bytes")) return std::nullopt;
  at.spaces();
  if (at.skip("on node ")) {
    const auto node = at.decimal();
    if (!node || *node > 1023) return std::nullopt;
    line.region.node = static_cast<unsigned>(*node);
    at.spaces();
  }
  if (at.skip("flags: ")) {
    const auto flags = at.hex();
    if (!flags) return std::nullopt;
    line.region.flags = static_cast<std::uint32_t>(*flags);
  }
  if (!at.at_end()) return std::nullopt;
  line.is_empty = *size == 0;
  if (line.is_empty) return line;
  const auto range = range_of_inclusive(*first, *last);
  if (!range || range->empty() || (*last != UINT64_MAX && range->size().raw != *size)) return std::nullopt;
  line.region.range = *range;
  return line;
}

}  // namespace quarry::lnx
