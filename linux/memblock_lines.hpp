// linux/memblock_lines.hpp: single messages of memblock=debug, by their grammar alone.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "linux/memblock_log.hpp"

namespace quarry::lnx {

// A message that has the beginning of one of memblock's and cannot be read; it may go on in the next one.
struct Unreadable {
  const char* why;
};

// "name: [0xA-0xB] ... caller". memblock_reserve comes back as LoggedRangeCall whoever called it.
struct RangeLine {
  LoggedRangeCall call;
  unsigned digits = 0;  // of the first address
  // Who called, as far as the line tells.
  enum class Caller { somebody, allocator, table, unknown } by = Caller::unknown;
};

using MemblockLine = std::variant<std::monostate, RangeLine, LoggedAllocation, LoggedGrowth, Unreadable>;

// std::monostate: not one of memblock's.
MemblockLine parse_memblock_line(std::string_view message);

// Whether a mailer may have folded this off the message before it.
bool looks_folded(std::string_view message);

// One line of a "MEMBLOCK configuration".
struct DumpLine {
  enum class Kind { totals, count, region } kind{};
  enum class Table { memory, reserved, physmem } table{};
  std::uint64_t count = 0;
  LoggedRegion region{};
  bool is_empty = false;  // the region of no bytes that a table without regions shows
  unsigned digits = 0;
};
std::optional<DumpLine> parse_dump_line(std::string_view message);

}  // namespace quarry::lnx
