// linux/memblock_log.hpp: what a kernel booted with memblock=debug printed, as typed operations in its order.
//
//   memblock_alloc_try_nid: 4096 bytes align=0x40 nid=0 from=0x0 max_addr=0x0 caller    what was asked
//   memblock_reserve: [0x1feb4000-0x1feb4fff] memblock_alloc_range_nid+0xb0/0x13d       what was given
//
// Kernels 3.x to 6.x. The function names changed over time (memblock_virt_alloc_*, __memblock_free_early,
// memblock_free), and so did what follows a range (flags, nid); lines may have any of the prefixes that
// boot_log.hpp knows, be folded by a mailer, run together or cut off. What cannot be read is an event of its
// own with a reason, never a guess. Of a log with several boots the first is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "linux/boot_log.hpp"

namespace quarry::lnx {

// A call that named its range.
struct LoggedRangeCall {
  enum class Kind { add, remove, reserve, free, free_late, physmem_add };
  Kind kind{};
  PhysAddr base;
  Bytes size{0};
  std::uint32_t flags = 0;
  std::optional<unsigned> node;
  std::string caller;  // without its offset
  // Called by memblock itself, for or because of a table that it doubled.
  bool is_for_table = false;
};

// A call that let memblock choose, with the arguments that it printed.
struct LoggedAllocation {
  enum class Kind { phys_alloc_range, alloc_try_nid, alloc_try_nid_raw, alloc_exact_nid_raw };
  enum class Answer { address, nothing, unknown };
  Kind kind{};
  std::string function;  // as printed
  std::string caller;    // without its offset
  Bytes size{0};
  Bytes alignment{0};  // 0: a cache line
  PhysAddr min, max;
  std::optional<unsigned> node;  // none: any
  Answer answer = Answer::unknown;
  PhysAddr address;
};

// An allocation of which only the answer was printed.
struct LoggedAnswer {
  PhysAddr base;
  Bytes size{0};
};

// "memblock: reserved is doubled to 256 at [0xA-0xB]".
struct LoggedGrowth {
  enum class Table { memory, reserved, other };
  Table table{};
  std::uint64_t entries = 0;
  PhysRange place;
};

// Nodes were set just before, without a word.
struct LoggedNodeData {};
// A line that is memblock's and cannot be read: what it changed is not known.
struct LoggedDamage {
  std::string why;
};
// "** 12 printk messages dropped **"
struct LoggedLoss {
  std::uint64_t messages = 0;
};

struct MemblockEvent {
  std::size_t line = 0;  // from 1
  // After the "Memory:" line: memblock has given its pages away.
  bool is_late = false;
  std::variant<LoggedRangeCall, LoggedAllocation, LoggedAnswer, LoggedGrowth, LoggedMemblock, LoggedNodeData,
               LoggedDamage, LoggedLoss>
      what;

  // Everything but configurations, node data and lost messages.
  bool is_operation() const noexcept;
};

struct MemblockLog {
  // Those whose allocations go top-down from the highest address unless an option says otherwise, and others.
  enum class Machine { unknown, x86, arm, arm64, riscv, powerpc, other };
  Machine machine = Machine::unknown;
  std::string release;
  std::optional<std::string> command_line;
  bool is_32bit_x86 = false;
  // Digits of the addresses: 32 when there are eight, else 64; 0 without any.
  unsigned phys_addr_bits = 0;
  bool has_zones = false;                  // the list of zones is there, to its end
  std::optional<PhysAddr> highmem_begin;   // where the HighMem zone begins
  std::optional<std::size_t> second_boot;  // line of a second banner, which is where reading ended
  // Configurations that break off or contradict themselves; they are no events.
  std::size_t broken_configurations = 0;
  std::vector<MemblockEvent> events;

  std::size_t operations() const noexcept;
  bool says(std::string_view option) const noexcept;
};

// Reads any bytes. A log without memblock=debug has no operations.
//
// Cost      O(bytes of the log).
MemblockLog read_memblock_log(std::span<const std::byte> log);

}  // namespace quarry::lnx
