// linux/replay.hpp: the operations of a real kernel's log on our Memblock: are the addresses the same?
//
//   log    dump ---- reserve ---- alloc -> address ---- free ---- alloc -> address ---- dump
//   here   taken over   same      found == address ?    same      found == address ?   equal ?
//
// An allocation is compared when the log determines its answer: arguments, address, and the state it met. What
// the log leaves open (where low memory ends while it is being mapped, the direction, flags that are set
// without a word) is tried in each way it may have been; only answers that agree are compared. All others are
// counted with a reason. After a difference the replay goes on from what the kernel did.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "linux/memblock_log.hpp"

namespace quarry::lnx {

// Why an operation was not compared.
enum class SkipReason {
  before_configuration,   // the state is not known before the first MEMBLOCK configuration
  no_configuration,       // and there is none
  arguments_not_printed,  // only the answer is in the log
  answer_not_printed,     // the log breaks off, or a line is missing, between question and answer
  damaged_line,           // this line cannot be read
  after_damage,           // one before it could not
  after_loss,             // messages were dropped before it
  after_hand_over,        // the page allocator has the memory
  limit_unknown,          // where low memory ends is not in the log, or changes without a word just then
  direction_unknown,      // neither the machine nor the log says whether it goes up or down
  told_direction,         // its own answer told the direction
  old_bottom_up,          // before 5.11 bottom-up began above the kernel image
  changed_silently,       // flags or memory changed before the next configuration, and it matters
  nodes_unknown,          // it asks for a node, and no configuration tells which memory is on which
  options_unknown,        // the memory has hotpluggable regions, and the command line is not in the log
  impossible_request,     // no size, or an alignment that is no power of two
  table_full,             // the operations before it had no room in our tables
};
const char* words_of(SkipReason reason) noexcept;

struct ReplayCounts {
  std::size_t operations = 0, compared = 0, matched = 0, skipped = 0;
};

// Something that was to be equal and is not.
struct ReplayDifference {
  enum class What { allocation, table, configuration };
  What what{};
  std::size_t line = 0;
  std::string operation;           // "memblock_alloc_try_nid 4096 bytes align 0x40 ... for sparse_init"
  std::optional<PhysAddr> kernel;  // none: nothing
  std::optional<PhysAddr> ours;    // none: nothing
  std::string reason;              // the likely one
};

struct ReplaySkip {
  std::size_t line = 0;
  SkipReason reason{};
  std::string operation;
};

struct Replay {
  std::string release;
  std::string machine;
  ReplayCounts total;                         // skipped counts damaged lines as well
  std::map<std::string, ReplayCounts> kinds;  // by function or kind of line
  std::map<SkipReason, std::size_t> reasons;
  std::vector<ReplaySkip> skips;              // in the log's order
  std::vector<ReplayDifference> differences;  // the same
  std::size_t configurations = 0, configurations_compared = 0, configurations_equal = 0;
  std::size_t growths = 0, growths_equal = 0;
  std::vector<std::string> notes;  // what was assumed, inferred or left out

  bool is_clean() const noexcept { return differences.empty(); }
};

// Cost      O(operations * regions) at worst.
Replay replay(const MemblockLog& log);

}  // namespace quarry::lnx
