#include "quarry/numa/fake.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/base/divide.hpp"
#include "quarry/numa/meminfo.hpp"

namespace quarry::numa {
namespace {

constexpr std::uint64_t kDma32End = std::uint64_t{1} << 32;
constexpr std::uint64_t kUnit = kFakeNodeSize.raw;

// One attempt: what is left of the physical blocks, and the fake ones made so far.
struct Split {
  Nodes& nodes;
  early::Regions memory;
  Table<Block> left;           // physical blocks, eaten from their beginnings
  Table<Block> made;           // fake blocks
  std::span<NodeId> physical;  // by fake node: the node it was first cut from
  std::span<bool> exhausted;   // by physical node

  std::uint64_t hole(std::uint64_t begin, std::uint64_t end) const noexcept {
    const PageSize page = nodes.config().page;
    const Pfn first = page.pfn_up(PhysAddr{begin});
    const Pfn last = page.pfn_down(PhysAddr{end});
    return first < last ? page.bytes_in(absent_pages(memory, {first, last}, page)).raw : 0;
  }
  std::uint64_t held(std::uint64_t begin, std::uint64_t end) const noexcept {
    return end - begin - hole(begin, end);
  }

  // The first block that is left of `node`; left.size() when there is none.
  std::size_t block_of(NodeId node) const noexcept {
    std::size_t at = 0;
    while (at < left.size() && left[at].node != node) ++at;
    return at;
  }

  // Cuts the beginning of a physical block, up to `end`, off for `node`.
  Result<Done> cut(std::size_t node, std::size_t at, std::uint64_t end) noexcept {
    const Block block = left[at];
    const PhysAddr until{end < block.range.end().raw ? end : block.range.end().raw};
    if (made.size() == made.capacity()) return Error::out_of_range;
    const auto pushed = made.push({{block.range.begin(), until}, static_cast<NodeId>(node)});
    if (!pushed) return pushed;
    if (physical[node] == early::kAnyNode) physical[node] = block.node;
    if (until >= block.range.end())
      left.erase(at);
    else
      left[at].range = {until, block.range.end()};
    return nodes.remark(
        {.text = "fake node", .range = made[made.size() - 1].range, .node = static_cast<NodeId>(node)});
  }

  std::uint64_t grown(std::uint64_t begin, std::uint64_t end, std::uint64_t limit,
                      std::uint64_t size) const noexcept {
    while (held(begin, end) < size) {
      end += kUnit;
      if (end > limit) return limit;
    }
    return end;
  }
  std::uint64_t rounded_to_dma32(std::uint64_t end) const noexcept {
    return end < kDma32End && held(end, kDma32End) < kUnit ? kDma32End : end;
  }
};

Result<Done> refuse(Nodes& nodes, TextView why) noexcept {
  const auto said = nodes.remark({.kind = Remark::Kind::refusal, .text = why});
  if (!said) return said;
  return Error::bad_argument;
}

// Memory in `count` nodes of equal size, taking turns over the physical nodes.
Result<Done> split_by_count(Split& split, std::uint64_t count, PhysAddr end_of_ram) noexcept {
  if (count == 0) return refuse(split.nodes, "numa=fake= asks for no nodes");
  if (count > split.nodes.config().max_nodes) count = split.nodes.config().max_nodes;
  const unsigned shift = split.nodes.config().page.shift();
  std::uint64_t size = divide(split.held(0, end_of_ram.raw) >> shift, count) << shift;
  const std::uint64_t big = ((size & (kUnit - 1)) * count) >> count_trailing_zeros(kUnit);
  size = align_down(size, kUnit);
  if (size == 0) return refuse(split.nodes, "not enough memory for each fake node");
  std::uint64_t turn = 0;  // nodes begun, counted on past `count`
  std::size_t next = 0;    // turn modulo count
  for (bool any = true; any;) {
    any = false;
    for (const Node& node : split.nodes.nodes()) {
      if (!node.possible || split.exhausted[index_of(node.id)]) continue;
      const std::size_t at = split.block_of(node.id);
      if (at == split.left.size()) {
        split.exhausted[index_of(node.id)] = true;
        continue;
      }
      any = true;
      const std::uint64_t begin = split.left[at].range.begin().raw;
      const std::uint64_t limit = split.left[at].range.end().raw;
      std::uint64_t end = split.grown(begin, begin + size + (turn < big ? kUnit : 0), limit, size);
      end = split.rounded_to_dma32(end);
      if (end >= limit || split.held(end, limit) < size) end = limit;
      const auto cut = split.cut(next, at, end);
      if (!cut) return cut;
      ++turn;
      next = next + 1 == count ? 0 : next + 1;
    }
  }
  return Done{};
}

// One physical block after the other in `count` nodes each; holes are not looked at. `first` is the
// fake node to begin with.
//
// Returns   one past the last fake node.
Result<std::size_t> split_each(Split& split, std::uint64_t count, std::size_t first) noexcept {
  if (count == 0 || split.left.empty()) {
    const auto refused = refuse(split.nodes, "numa=fake= asks for no nodes");
    return refused.error();
  }
  const Block physical = split.left[0];
  const unsigned shift = split.nodes.config().page.shift();
  std::uint64_t size = divide(physical.range.size().raw >> shift, count) << shift;
  const std::uint64_t least = align_down((size < kUnit ? kUnit : size) + kUnit - 1, kUnit);
  size = align_down(size < least ? least : size, kUnit);
  std::size_t node = first;
  for (std::size_t at = split.block_of(physical.node); at != split.left.size();
       at = split.block_of(physical.node)) {
    const std::uint64_t end = split.rounded_to_dma32(split.left[at].range.begin().raw + size);
    if (node >= split.nodes.config().max_nodes) return Error::out_of_range;
    const auto cut = split.cut(node, at, end);
    if (!cut) return cut.error();
    ++node;
  }
  return node;
}

Result<Done> split_every_node(Split& split, std::uint64_t count) noexcept {
  std::size_t first = 0;
  for (const Node& node : split.nodes.nodes()) {
    if (!node.possible) continue;
    const auto next = split_each(split, count, first);
    if (!next) return next.error();
    if (next.value() < count)
      return refuse(split.nodes, "a physical node gives fewer fake nodes than asked for");
    first = next.value();
  }
  return Done{};
}

// Nodes of at least `size` bytes of memory each, taking turns over the physical nodes.
Result<Done> split_by_size(Split& split, std::uint64_t size, PhysAddr end_of_ram) noexcept {
  if (size == 0) return refuse(split.nodes, "numa=fake= asks for nodes of no size");
  const std::size_t max_nodes = split.nodes.config().max_nodes;
  const unsigned shift = split.nodes.config().page.shift();
  std::uint64_t least = divide(split.held(0, end_of_ram.raw) >> shift, max_nodes) << shift;
  least = align_down((least < kUnit ? kUnit : least) + kUnit - 1, kUnit);
  size = align_down(size < least ? least : size, kUnit);
  std::size_t next = 0;
  for (bool any = true; any;) {
    any = false;
    for (const Node& node : split.nodes.nodes()) {
      if (!node.possible || split.exhausted[index_of(node.id)]) continue;
      const std::size_t at = split.block_of(node.id);
      if (at == split.left.size()) {
        split.exhausted[index_of(node.id)] = true;
        continue;
      }
      any = true;
      const std::uint64_t begin = split.left[at].range.begin().raw;
      const std::uint64_t limit = split.left[at].range.end().raw;
      const std::uint64_t wanted = size < limit - begin ? begin + size : limit;
      std::uint64_t end = split.rounded_to_dma32(split.grown(begin, wanted, limit, size));
      if (end >= limit || split.held(end, limit) < size) end = limit;
      const auto cut = split.cut(next, at, end);
      if (!cut) return cut;
      next = next + 1 == max_nodes ? 0 : next + 1;
    }
  }
  return Done{};
}

Result<Done> split_as_asked(Split& split, const FakeRequest& request, PhysAddr end_of_ram) noexcept {
  switch (request.kind) {
    case FakeRequest::Kind::count: return split_by_count(split, request.value, end_of_ram);
    case FakeRequest::Kind::count_each: return split_every_node(split, request.value);
    case FakeRequest::Kind::size: return split_by_size(split, request.value, end_of_ram);
  }
  return Error::bad_argument;
}

// The next number of a comma-separated list that has another one behind it; what is taken is cut off.
// A last number without a comma counts for nothing, as in the kernel.
bool next_distance(TextView& list, std::uint64_t& distance) noexcept {
  const std::size_t comma = list.find(',');
  if (comma == list.size()) return false;
  const auto number = parse_size(list.part(0, comma));
  if (!number || number.value().length == 0) return false;
  distance = number.value().value;
  list = list.part(comma + 1);
  return true;
}

// Processors and distances of the physical nodes, before they are forgotten.
struct Physical {
  std::span<const std::uint8_t> distances;
  std::size_t count;
  std::span<unsigned> cpus;
};

Result<Physical> remember(Nodes& nodes) noexcept {
  const std::size_t count = nodes.distance_count();
  const auto distances = nodes.arena().take<std::uint8_t>(count * count);
  if (!distances) return distances.error();
  for (std::size_t i = 0; i < count * count; ++i) {
    std::size_t row = 0;
    for (std::size_t rest = i; rest >= count; rest -= count) ++row;
    distances.value()[i] = static_cast<std::uint8_t>(
        nodes.distance(static_cast<NodeId>(row), static_cast<NodeId>(i - row * count)));
  }
  const auto cpus = nodes.arena().take<unsigned>(nodes.config().max_nodes);
  if (!cpus) return cpus.error();
  for (const Node& node : nodes.nodes()) cpus.value()[index_of(node.id)] = node.cpus;
  return Physical{distances.value(), count, cpus.value()};
}

std::uint64_t physical_distance(const Physical& before, NodeId from, NodeId to) noexcept {
  if (index_of(from) >= before.count || index_of(to) >= before.count)
    return from == to ? kLocalDistance : kRemoteDistance;
  return before.distances[index_of(from) * before.count + index_of(to)];
}

// Deals processors that no table placed out to the fake nodes, and so to the physical ones behind them.
void deal_out(const Split& split, const Physical& before, std::size_t count, unsigned cpus) noexcept {
  unsigned placed = 0;
  for (const unsigned here : before.cpus) placed += here;
  for (std::size_t next = 0; placed < cpus; ++placed) {
    ++before.cpus[index_of(split.physical[next])];
    next = next + 1 == count ? 0 : next + 1;
  }
}

Result<Done> commit(Split& split, const Physical& before, TextView distances, unsigned cpus) noexcept {
  Nodes& nodes = split.nodes;
  const auto cleared = nodes.reset(split.made.size());
  if (!cleared) return cleared;
  nodes.set_source("fake");
  std::size_t count = 0;
  for (const Block& block : split.made) {
    const auto added = nodes.add_block(block.node, block.range);
    if (!added) return added;
    const auto marked = nodes.mark_possible(block.node);
    if (!marked) return marked;
    if (index_of(block.node) >= count) count = index_of(block.node) + 1;
  }
  NodeId fallback = early::kAnyNode;  // of fake nodes that never got memory
  for (const NodeId physical : split.physical)
    if (fallback == early::kAnyNode) fallback = physical;
  for (std::size_t i = 0; i < count; ++i)
    if (split.physical[i] == early::kAnyNode) split.physical[i] = fallback;
  deal_out(split, before, count, cpus);
  for (std::size_t i = 0; i < count; ++i)
    nodes.draft_nodes()[i].cpus = before.cpus[index_of(split.physical[i])];
  for (std::size_t from = 0; from < count; ++from)
    for (std::size_t to = 0; to < count; ++to) {
      std::uint64_t distance = 0;
      if (!next_distance(distances, distance))
        distance = physical_distance(before, split.physical[from], split.physical[to]);
      const auto set = nodes.set_distance(static_cast<NodeId>(from), static_cast<NodeId>(to), distance);
      if (!set) return set;
    }
  return Done{};
}

// An attempt with all physical blocks still whole.
Result<Split> begin_split(Nodes& nodes, early::Regions memory) noexcept {
  const std::size_t max_nodes = nodes.config().max_nodes;
  const auto left = nodes.arena().take<Block>(nodes.blocks().size());
  if (!left) return left.error();
  // Every cut takes at least one unit or ends a block.
  std::uint64_t most = nodes.blocks().size();
  for (const Block& block : nodes.blocks()) most += block.range.size().raw >> count_trailing_zeros(kUnit);
  if (most > 2 * max_nodes) most = 2 * max_nodes;
  const auto made = nodes.arena().take<Block>(static_cast<std::size_t>(most));
  if (!made) return made.error();
  const auto physical = nodes.arena().take<NodeId>(max_nodes);
  if (!physical) return physical.error();
  for (NodeId& node : physical.value()) node = early::kAnyNode;
  const auto exhausted = nodes.arena().take<bool>(max_nodes);
  if (!exhausted) return exhausted.error();
  Table<Block> whole{left.value()};
  for (const Block& block : nodes.blocks())
    check(static_cast<bool>(whole.push(block)), "room for every block was taken");
  return Split{.nodes = nodes,
               .memory = memory,
               .left = whole,
               .made = Table<Block>{made.value()},
               .physical = physical.value(),
               .exhausted = exhausted.value()};
}

}  // namespace

Result<FakeRequest> parse_fake(TextView text) noexcept {
  FakeRequest request;
  const std::size_t colon = text.find(':');
  const TextView amount = text.part(0, colon);
  request.distances = text.part(colon + 1);
  const auto number = parse_size(amount);
  if (!number) return number.error();
  if (number.value().length == 0) return Error::bad_argument;
  request.value = number.value().value;
  if (amount.find('U') != amount.size())
    request.kind = FakeRequest::Kind::count_each;
  else if (amount.find('M') != amount.size() || amount.find('G') != amount.size())
    request.kind = FakeRequest::Kind::size;
  return request;
}

Result<bool> split_into_fake_nodes(Nodes& nodes, const FakeRequest& request, early::Regions memory,
                                   PhysAddr end_of_ram, unsigned cpus) noexcept {
  auto made = begin_split(nodes, memory);
  if (!made) return made.error();
  Split split = made.value();
  const auto said = [](Result<Done> remark) { return remark ? Result<bool>{false} : remark.error(); };
  const auto done = split_as_asked(split, request, end_of_ram);
  if (!done && done.error() == Error::bad_argument) return false;
  if (!done && done.error() == Error::out_of_range)
    return said(nodes.remark({.kind = Remark::Kind::refusal, .text = "too many emulated memory blocks"}));
  if (!done) return done.error();
  const auto clean = clean_up(nodes, split.made, memory, end_of_ram);
  if (!clean && clean.error() == Error::bad_table)
    return said(nodes.remark({.kind = Remark::Kind::refusal, .text = "fake nodes overlap, emulation off"}));
  if (!clean) return clean.error();
  if (split.made.empty()) return false;
  const auto before = remember(nodes);
  if (!before) return before.error();
  const auto committed = commit(split, before.value(), request.distances, cpus);
  if (!committed) return committed.error();
  return true;
}

}  // namespace quarry::numa
