#include "linux/replay_start.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>

#include "quarry/base/bits.hpp"

namespace quarry::lnx {
namespace {

using early::Direction;
using Machine = MemblockLog::Machine;

constexpr std::uint64_t kArmPmdSize = 2u << 20;
constexpr std::uint64_t kMostEntries = 1u << 16;  // of a table; a log that says more is not believed

// "6.1.0-56-amd64" is 6.1; none: no numbers.
std::optional<std::pair<unsigned, unsigned>> version_of(const std::string& release) {
  const char* const end = release.data() + release.size();
  unsigned major = 0, minor = 0;
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return std::nullopt;
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc{}) return std::nullopt;
  return std::pair{major, minor};
}

bool is_64bit(const MemblockLog& log) {
  if (log.machine == Machine::arm64) return true;
  if (log.machine == Machine::riscv) return log.phys_addr_bits == 64 && !log.highmem_begin;
  return log.machine == Machine::x86 && !log.is_32bit_x86;
}

std::optional<PhysAddr> limit_of(const MemblockLog& log) {
  if (log.highmem_begin) return log.highmem_begin;
  if (is_64bit(log) || log.has_zones) return early::kAnywhere;
  return std::nullopt;
}

// x86 goes bottom-up with movable_node until nodes are known; arm, arm64 and riscv never do.
std::optional<Direction> direction_of(const MemblockLog& log) {
  switch (log.machine) {
    case Machine::arm:
    case Machine::arm64:
    case Machine::riscv: return Direction::top_down;
    case Machine::x86:
    case Machine::powerpc:
      if (!log.command_line) return std::nullopt;
      if (!log.says("movable_node")) return Direction::top_down;
      if (log.machine == Machine::x86) return Direction::bottom_up;
      return std::nullopt;
    case Machine::unknown:
    case Machine::other: break;
  }
  return std::nullopt;
}

bool has_nodes(const ReplayStart& start, const MemblockLog& log) {
  const auto& all = start.configurations;
  return std::any_of(all.begin(), all.end(), [](const auto& at) { return shows_nodes(*at.second); }) ||
         std::any_of(log.events.begin(), log.events.end(), [](const MemblockEvent& event) {
           return std::holds_alternative<LoggedNodeData>(event.what);
         });
}

GrownTables growth_of(const MemblockLog& log) {
  GrownTables tables;
  for (const MemblockEvent& event : log.events) {
    const auto* const growth = std::get_if<LoggedGrowth>(&event.what);
    if (growth == nullptr || growth->entries < 2 || growth->entries > kMostEntries) continue;
    const auto half = static_cast<std::size_t>(growth->entries / 2);
    if (growth->table == LoggedGrowth::Table::memory && tables.memory == 0) tables.memory = half;
    if (growth->table == LoggedGrowth::Table::reserved && tables.reserved == 0) tables.reserved = half;
  }
  // A table that never grew was large enough; each event adds two regions at most, but for those of a configuration.
  std::size_t enough = 128 + 2 * log.events.size();
  for (const MemblockEvent& event : log.events)
    if (const auto* const dump = std::get_if<LoggedMemblock>(&event.what))
      enough += 2 * (dump->memory.size() + dump->reserved.size());
  if (tables.memory == 0) tables.memory = enough;
  if (tables.reserved == 0) tables.reserved = enough;
  return tables;
}

// sizeof(struct memblock_region).
Bytes region_bytes(const MemblockLog& log, bool has_numa) {
  if (log.phys_addr_bits == 32) return Bytes{has_numa ? 16u : 12u};
  if (log.is_32bit_x86 && !has_numa) return Bytes{20};
  return Bytes{24};
}

// What was reserved before the first operation: what the first configuration has and no operation before it made.
// Nothing when an operation cannot be undone: it is damaged, or ended a reservation from before the log.
std::optional<std::vector<early::Region>> reserved_before(const MemblockLog& log, const ReplayStart& start) {
  const auto [first, dump] = start.configurations.front();
  ReplayMemblock trace{start.config, start.grown};
  early::Memblock& memblock = trace.memblock();
  const auto reserve = [&](PhysAddr base, Bytes size) {
    return static_cast<bool>(memblock.reserve(PhysRange::sized(base, size), "traced"));
  };
  for (std::size_t i = 0; i < first; ++i) {
    const auto& what = log.events[i].what;
    if (const auto* const call = std::get_if<LoggedRangeCall>(&what)) {
      const PhysRange range = PhysRange::sized(call->base, call->size);
      const std::vector<early::Region> freed{{.base = range.begin(), .size = range.size()}};
      if (call->kind == LoggedRangeCall::Kind::free) {
        if (!range.empty() && !minus(freed, copy_of(memblock.reserved())).empty()) return std::nullopt;
        if (!memblock.free(range, "traced")) return std::nullopt;
      } else if (call->kind == LoggedRangeCall::Kind::reserve && !reserve(call->base, call->size)) {
        return std::nullopt;
      }
    } else if (const auto* const call_for = std::get_if<LoggedAllocation>(&what)) {
      if (call_for->answer == LoggedAllocation::Answer::unknown) return std::nullopt;
      if (call_for->answer == LoggedAllocation::Answer::address &&
          !reserve(call_for->address, call_for->size))
        return std::nullopt;
    } else if (const auto* const answer = std::get_if<LoggedAnswer>(&what)) {
      if (!reserve(answer->base, answer->size)) return std::nullopt;
    } else if (!std::holds_alternative<LoggedNodeData>(what)) {
      return std::nullopt;
    }
  }
  const auto want = regions_of(dump->reserved, early::kAnyNode);
  if (!minus(copy_of(memblock.reserved()), want).empty()) return std::nullopt;
  std::vector<early::Region> before;
  for (const PhysRange& range : minus(want, copy_of(memblock.reserved())))
    before.push_back({.base = range.begin(), .size = range.size()});
  return before;
}

}  // namespace

bool shows_nodes(const LoggedMemblock& configuration) {
  const auto& memory = configuration.memory;
  return std::any_of(memory.begin(), memory.end(),
                     [](const LoggedRegion& at) { return at.node.has_value(); });
}

const LoggedMemblock* ReplayStart::configuration_after(std::size_t event) const {
  const auto next = std::find_if(configurations.begin(), configurations.end(),
                                 [event](const auto& at) { return at.first > event; });
  return next == configurations.end() ? nullptr : next->second;
}

const LoggedMemblock* ReplayStart::configuration_before(std::size_t event) const {
  const LoggedMemblock* last = nullptr;
  for (const auto& [at, configuration] : configurations)
    if (at < event) last = configuration;
  return last;
}

ReplayStart start_of(const MemblockLog& log) {
  ReplayStart start;
  for (std::size_t i = 0; i < log.events.size(); ++i)
    if (const auto* const dump = std::get_if<LoggedMemblock>(&log.events[i].what))
      start.configurations.emplace_back(i, dump);
  const bool has_numa = has_nodes(start, log);
  const auto version = version_of(log.release);
  start.has_configuration = !start.configurations.empty();
  start.unsaid = has_numa ? early::kAnyNode : NodeId::first;
  start.limit = limit_of(log);
  start.direction = direction_of(log);
  start.is_before_5_11 = !version || *version < std::pair{5u, 11u};
  start.grown = growth_of(log);
  start.config.phys_addr_bits = log.phys_addr_bits == 32 ? 32 : 64;
  start.config.region_bytes = region_bytes(log, has_numa);
  start.config.numa = has_numa ? early::Numa::present : early::Numa::absent;
  if (start.limit) start.config.current_limit = *start.limit;
  if (log.says("movable_node")) start.config.movable_node = early::MovableNode::on;
  // Regions are marked as mirrored only where a configuration shows that the kernel did.
  start.config.kernelcore_mirror = early::KernelcoreMirror::on;
  if (!start.has_configuration || !is_64bit(log)) return start;
  if (auto before = reserved_before(log, start)) {
    start.is_known = true;
    start.reserved = *std::move(before);
    start.memory = regions_of(start.configurations.front().second->memory, start.unsaid);
  }
  return start;
}

PhysAddr arm_mapping_limit(const early::Memblock& memblock, PhysAddr lowmem_end) {
  PhysAddr lowmem{0}, limit{0};
  for (const early::MemoryRange& bank : memblock.memory_ranges()) {
    const PhysAddr begin = bank.range.begin(), end = bank.range.end();
    if (begin >= lowmem_end) continue;
    lowmem = std::max(lowmem, std::min(end, lowmem_end));
    if (limit.raw != 0) continue;
    if (!is_aligned(begin.raw, kArmPmdSize))
      limit = begin;
    else if (!is_aligned(end.raw, kArmPmdSize))
      limit = lowmem;
  }
  return PhysAddr{align_down(limit.raw == 0 ? lowmem.raw : limit.raw, kArmPmdSize)};
}

ReplayMemblock::ReplayMemblock(early::Config config, GrownTables tables)
    : memory_(tables.memory), reserved_(tables.reserved) {
  config.spare = {this, &ReplayMemblock::spare};
  memblock_ =
      std::make_unique<early::Memblock>(config, early::Storage{memory_, reserved_}, early::DirectMap{},
                                        early::Observer{this, &ReplayMemblock::hear});
  memblock_->allow_resize();
}

std::optional<PhysRange> ReplayMemblock::take_growth() { return std::exchange(growth_, std::nullopt); }

std::byte* ReplayMemblock::spare(void* self, std::size_t bytes) noexcept {
  auto& chunks = static_cast<ReplayMemblock*>(self)->chunks_;
  return chunks.emplace_back(std::make_unique<std::byte[]>(bytes)).get();
}

void ReplayMemblock::hear(void* self, const early::Event& event) noexcept {
  // The kernel prints the table and not the whole pages that it reserves for it.
  if (event.action == early::Action::grow)
    static_cast<ReplayMemblock*>(self)->growth_ = PhysRange::sized(event.range.begin(), event.size);
}

}  // namespace quarry::lnx
