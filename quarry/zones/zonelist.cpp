// quarry/zones/zonelist.cpp: nearest node first, and no node burdened by all others alike.
#include "quarry/zones/zonelist.hpp"

namespace quarry::zones {
namespace {

// A node as it is seen from the one that asks. All that orders candidates is in `key`: cost, then load,
// then place. While one node's list is made, loads change only of candidates that are in the list already,
// so that sorting once gives what picking the best again and again would.
struct Candidate {
  std::uint64_t key;
  unsigned distance;

  static constexpr unsigned kPlaceBits = 16, kLoadBits = 20;
  static Candidate of(std::uint64_t cost, std::uint64_t load, std::size_t place, unsigned distance) noexcept {
    return {(cost << (kLoadBits + kPlaceBits)) | (load << kPlaceBits) | place, distance};
  }
  std::size_t place() const noexcept { return key & ((std::size_t{1} << kPlaceBits) - 1); }
};

void sift_down(std::span<Candidate> heap, std::size_t at) noexcept {
  for (std::size_t child = 2 * at + 1; child < heap.size(); child = 2 * at + 1) {
    if (child + 1 < heap.size() && heap[child].key < heap[child + 1].key) ++child;
    if (heap[child].key <= heap[at].key) return;
    const Candidate up = heap[child];
    heap[child] = heap[at];
    heap[at] = up;
    at = child;
  }
}

void sort(std::span<Candidate> all) noexcept {
  for (std::size_t at = all.size() / 2; at-- > 0;) sift_down(all, at);
  for (std::size_t size = all.size(); size > 1; --size) {
    const Candidate last = all[size - 1];
    all[size - 1] = all[0];
    all[0] = last;
    sift_down(all.first(size - 1), 0);
  }
}

struct Builder {
  std::span<Node> nodes;
  std::span<const Zone> zones;
  const Distances& distances;
  CpuPenalty cpu_penalty;
  Arena& arena;
  std::span<Candidate> candidates;  // as many as there are nodes
  std::span<std::uint64_t> load;    // how many distance groups of other nodes each node heads

  Result<Done> order(std::size_t from) noexcept;
  Result<Done> reference(Node& node) noexcept;
};

// The nodes that `from` asks: itself, with memory or without, then every other one that has memory.
Result<Done> Builder::order(std::size_t from) noexcept {
  Node& local = nodes[from];
  std::size_t count = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i == from || nodes[i].present.raw == 0) continue;
    const unsigned distance = distances(local.id, nodes[i].id);
    std::uint64_t cost = distance;
    cost += i < from ? 1u : 0u;
    cost += cpu_penalty == CpuPenalty::count && nodes[i].has_cpu ? 1u : 0u;
    candidates[count++] = Candidate::of(cost, load[i], i, distance);
  }
  sort(candidates.first(count));

  const auto order = arena.take<NodeId>(count + 1);
  if (!order) return order.error();
  order.value()[0] = local.id;
  unsigned previous = distances(local.id, local.id);
  for (std::size_t i = 0; i < count; ++i) {
    const Candidate& next = candidates[i];
    if (next.distance != previous) ++load[next.place()];
    previous = next.distance;
    order.value()[i + 1] = nodes[next.place()].id;
  }
  local.fallback = order.value();
  return Done{};
}

std::size_t count_populated(const Node& node, std::span<const Zone> zones) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < kZoneTypes; ++i) count += zones[node.first_zone + i].is_populated() ? 1u : 0u;
  return count;
}

const Node& node_of(std::span<const Node> nodes, NodeId id) noexcept {
  std::size_t low = 0, high = nodes.size();
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    if (id < nodes[middle].id)
      high = middle;
    else
      low = middle;
  }
  check(nodes[low].id == id, "a fallback list names a node that is not listed");
  return nodes[low];
}

Result<Done> Builder::reference(Node& node) noexcept {
  std::size_t count = 0;
  for (const NodeId id : node.fallback) count += count_populated(node_of(nodes, id), zones);
  const auto refs = arena.take<ZoneRef>(count);
  if (!refs) return refs.error();
  std::size_t at = 0;
  for (const NodeId id : node.fallback) {
    const Node& other = node_of(nodes, id);
    for (std::uint32_t type = kZoneTypes; type-- > 0;) {
      const std::uint32_t zone = other.first_zone + type;
      if (zones[zone].is_populated()) refs.value()[at++] = {zone, static_cast<ZoneType>(type)};
    }
  }
  check(at == count, "a zonelist has a hole");
  node.zonelist = refs.value();
  node.no_fallback = refs.value().first(count_populated(node, zones));
  return Done{};
}

}  // namespace

Result<Done> build_zonelists(std::span<Node> nodes, std::span<const Zone> zones, const Distances& distances,
                             CpuPenalty cpu_penalty, Arena& arena) noexcept {
  check(nodes.size() < std::size_t{1} << Candidate::kPlaceBits, "more nodes than a NodeId can name");
  const auto candidates = arena.take<Candidate>(nodes.size());
  if (!candidates) return candidates.error();
  const auto load = arena.take<std::uint64_t>(nodes.size());
  if (!load) return load.error();
  Builder build{nodes, zones, distances, cpu_penalty, arena, candidates.value(), load.value()};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (const auto ordered = build.order(i); !ordered) return ordered;
    if (const auto referenced = build.reference(nodes[i]); !referenced) return referenced;
  }
  return Done{};
}

}  // namespace quarry::zones
