// linux/replay_start.hpp: what a replay knows before its first operation: the kernel's configuration as far as the
// log tells it, and what memblock held before memblock=debug was read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "linux/memblock_log.hpp"
#include "linux/memblock_tables.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {

// How many regions a table holds before it grows: half of what the log says it first grew to.
struct GrownTables {
  std::size_t memory = 0, reserved = 0;
};

struct ReplayStart {
  early::Config config;
  GrownTables grown;
  NodeId unsaid = early::kAnyNode;  // of memory without a node in a configuration
  // How far allocations reach; none: the log does not say.
  std::optional<PhysAddr> limit;
  // None: neither the machine nor the command line says.
  std::optional<early::Direction> direction;
  bool is_before_5_11 = false;  // or not known to be from later
  bool has_configuration = false;
  // The state before the first operation follows from the first configuration and the operations before it.
  bool is_known = false;
  std::vector<early::Region> memory, reserved;
  std::vector<std::string> notes;

  std::vector<std::pair<std::size_t, const LoggedMemblock*>> configurations;  // by event
  // Null: there is none.
  const LoggedMemblock* configuration_after(std::size_t event) const;
  const LoggedMemblock* configuration_before(std::size_t event) const;
};
ReplayStart start_of(const MemblockLog& log);

bool shows_nodes(const LoggedMemblock& configuration);

// How far 32-bit arm allocates while it maps low memory: to the first bank that does not begin or end with a
// whole page-table entry of 2 MiB. The log does not say when low memory is mapped.
PhysAddr arm_mapping_limit(const early::Memblock& memblock, PhysAddr lowmem_end);

// A Memblock with its storage.
class ReplayMemblock {
 public:
  ReplayMemblock(early::Config config, GrownTables tables);
  early::Memblock& memblock() noexcept { return *memblock_; }
  // Where a table was put when it grew, once; none: none did since the last time.
  std::optional<PhysRange> take_growth();

 private:
  static std::byte* spare(void* self, std::size_t bytes) noexcept;
  static void hear(void* self, const early::Event& event) noexcept;

  std::vector<early::Region> memory_, reserved_;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::optional<PhysRange> growth_;
  std::unique_ptr<early::Memblock> memblock_;
};

}  // namespace quarry::lnx
