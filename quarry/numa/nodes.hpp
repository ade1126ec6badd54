// quarry/numa/nodes.hpp: which memory and which processors belong to which node, and how far apart nodes are.
//
//   blocks     |-- node 0 --|------ node 1 ------|   |-- node 0 --|        as tables say, cleaned up
//   memory       |========|    |=======| |====|        |========|          as memblock has it
//   set_node     |  0     |    |  1    | | 1  |        |  0     |
//
// A description is drafted from SRAT, a device tree or nothing at all; cleaned up; refused as a whole or
// applied to memblock as a whole. Semantics and refusals are those of Linux 6.1.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/base/arena.hpp"
#include "quarry/base/arena_list.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/table.hpp"
#include "quarry/base/text.hpp"
#include "quarry/early/region.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::numa {

inline constexpr std::uint8_t kLocalDistance = 10;
inline constexpr std::uint8_t kRemoteDistance = 20;

constexpr std::size_t index_of(NodeId node) noexcept { return static_cast<std::size_t>(node); }

// A range that belongs to a node, in RAM or not.
struct Block {
  PhysRange range;
  NodeId node{};
  friend constexpr bool operator==(const Block&, const Block&) noexcept = default;
};

// A proximity domain and the node that stands for it. Domains become nodes in order of appearance.
struct DomainNode {
  std::uint32_t domain;
  NodeId node;
};

// Something that a kernel would print about nodes; `refusal` is why a whole description was not used.
struct Remark {
  enum class Kind : std::uint8_t { note, warning, refusal } kind = Kind::note;
  TextView text{};
  PhysRange range{};  // what it is about, and what it collides with; empty where there is nothing to show
  PhysRange other{};
  NodeId node = early::kAnyNode;
  NodeId other_node = early::kAnyNode;
};

// What is known of one node once registration is over.
struct Node {
  NodeId id{};
  bool possible = false;    // some table names it
  bool has_memory = false;  // registered with memory
  bool online = false;      // has memory or a processor
  unsigned cpus = 0;
  PhysRange span{};  // lowest begin to highest end of its blocks
};

// What decides the size of tables and the reach of ranges.
struct Config {
  unsigned max_nodes = 1024;
  PageSize page{12};
};

// Nodes of one machine. Everything lives in the arena; nothing is allocated once registration is over.
//
// Drafting fills blocks, possible nodes, processors and distances. A cleaned-up draft is settled: then
// every node knows whether it has memory and is online.
class Nodes {
 public:
  constexpr Nodes(Arena& arena, Config config) noexcept : arena_{&arena}, config_{config} {}

  // Forgets every block, node, distance and processor; remarks and domains stay. Each draft starts with it.
  //
  // Errors    no_room: the arena cannot hold `max_blocks` blocks, or the nodes.
  Result<Done> reset(std::size_t max_blocks) noexcept;

  // --- Drafting -----------------------------------------------------------------------------------
  // Records that `range` belongs to `node`. An empty range is ignored.
  //
  // Errors    out_of_range: the node is not below max_nodes; no_room: too many blocks.
  Result<Done> add_block(NodeId node, PhysRange range) noexcept;
  // Some table names the node, with or without memory.
  //
  // Errors    out_of_range: the node is not below max_nodes.
  Result<Done> mark_possible(NodeId node) noexcept;
  // The node that stands for a proximity domain, made at its first appearance.
  //
  // Errors    out_of_range: more domains than max_nodes; no_room: the arena is used up.
  Result<NodeId> node_of_domain(std::uint32_t domain) noexcept;
  // The same without making one; kAnyNode for a domain that no table has named.
  NodeId known_node_of_domain(std::uint32_t domain) const noexcept;
  // Errors    out_of_range: the node is not below max_nodes.
  Result<Done> add_cpu(NodeId node) noexcept;
  // Makes the matrix `count` wide: 10 to itself, 20 to others. What was said before is forgotten.
  //
  // Errors    no_room: the arena is used up.
  Result<Done> make_distances(std::size_t count) noexcept;
  // The first call makes the matrix as wide as the highest node known by then. A distance to a node
  // outside it, over 255, or to itself and not 10, is remarked on and otherwise ignored.
  //
  // Errors    no_room: the arena is used up.
  Result<Done> set_distance(NodeId from, NodeId to, std::uint64_t distance) noexcept;
  void forget_distances() noexcept { distance_count_ = 0; }
  Result<Done> remark(const Remark& remark) noexcept;
  Table<Block>& draft() noexcept { return blocks_; }
  std::span<Node> draft_nodes() noexcept { return {nodes_.data(), node_count_}; }
  // Fixes has_memory, online and span of every node from the blocks and processors. (Linux up to 6.7 took
  // no memory from nodes below 4 MiB; the later releases of 6.1 do.) Of `cpus` processors those that no table placed are
  // dealt out to the nodes with memory, one after the other.
  void settle(unsigned cpus) noexcept;

  // --- Answers ------------------------------------------------------------------------------------
  std::span<const Block> blocks() const noexcept { return blocks_.view(); }
  // Every node up to the highest one that was named, by id.
  std::span<const Node> nodes() const noexcept { return {nodes_.data(), node_count_}; }
  bool is_possible(NodeId node) const noexcept {
    return index_of(node) < node_count_ && nodes_[index_of(node)].possible;
  }
  bool is_online(NodeId node) const noexcept {
    return index_of(node) < node_count_ && nodes_[index_of(node)].online;
  }
  bool has_memory(NodeId node) const noexcept {
    return index_of(node) < node_count_ && nodes_[index_of(node)].has_memory;
  }
  std::size_t online_count() const noexcept;
  // 10 to itself and 20 to others where no table says.
  unsigned distance(NodeId from, NodeId to) const noexcept;
  // The matrix's width; 0: no table gave distances.
  std::size_t distance_count() const noexcept { return distance_count_; }
  // The node of an address by the blocks, in RAM or not; kAnyNode outside them all.
  NodeId node_of(PhysAddr at) const noexcept;
  const ArenaList<DomainNode>& domains() const noexcept { return domains_; }
  const ArenaList<Remark>& remarks() const noexcept { return remarks_; }
  const Config& config() const noexcept { return config_; }
  Arena& arena() const noexcept { return *arena_; }
  // Where the description came from: "SRAT", "device tree", "fake", "none".
  TextView source() const noexcept { return source_; }
  void set_source(TextView source) noexcept { source_ = source; }

 private:
  Arena* arena_;
  Config config_;
  Table<Block> blocks_;
  std::span<Node> nodes_;       // law: nodes_[i].id == i
  std::size_t node_count_ = 0;  // law: one past the highest node named, <= nodes_.size()
  std::span<std::uint8_t> distances_;
  std::size_t distance_count_ = 0;  // law: distances_.size() >= distance_count_ squared
  ArenaList<DomainNode> domains_;   // law: the n-th stands for node n
  ArenaList<Remark> remarks_;
  TextView source_ = "none";
};

}  // namespace quarry::numa
