// quarry/zones/movable.cpp: kernel core spread over the nodes; what is left is movable.
#include "quarry/zones/movable.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::zones {
namespace {

constexpr std::uint64_t min(std::uint64_t a, std::uint64_t b) noexcept { return a < b ? a : b; }

// Subtraction that stops at zero: what is accounted for twice is not owed back.
constexpr void spend(std::uint64_t& budget, std::uint64_t pages) noexcept { budget -= min(budget, pages); }

// `pages * percent / 100`, without overflow for any number of pages.
constexpr std::uint64_t share(std::uint64_t pages, std::uint64_t percent) noexcept {
  const std::uint64_t hundreds = divide(pages, 100);
  return hundreds * percent + divide((pages - hundreds * 100) * percent, 100);
}

constexpr std::uint64_t round_up(std::uint64_t pages, Order order) noexcept {
  const auto rounded = align_up(pages, order.pages().raw);
  return rounded ? rounded.value() : UINT64_MAX;
}

std::size_t index_of(std::span<const Node> nodes, NodeId id) noexcept {
  std::size_t low = 0, high = nodes.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (nodes[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  check(low < nodes.size() && nodes[low].id == id, "memory on a node that is not listed");
  return low;
}

// The first range at or above `from`: a node's ranges start there and stop at the end of its span.
std::size_t first_range(std::span<const NodeRange> ranges, Pfn from) noexcept {
  std::size_t low = 0, high = ranges.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (ranges[middle].span.begin() < from)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

std::uint64_t count_pages(std::span<const NodeRange> ranges) noexcept {
  std::uint64_t pages = 0;
  for (const NodeRange& range : ranges) pages += range.span.size().raw;
  return pages;
}

std::uint64_t count_populated(std::span<const Node> nodes) noexcept {
  std::uint64_t count = 0;
  for (const Node& node : nodes) count += node.span.empty() ? 0u : 1u;
  return count;
}

// How many frames must stay unmovable; 0: no node gets a Movable zone.
std::uint64_t required_core(const MovableInput& input, std::uint64_t total) noexcept {
  const boot::MovableRequest& request = input.request;
  const unsigned shift = input.geometry.page_size().shift();
  const std::uint64_t core_percent = request.kernelcore_percent;
  const std::uint64_t movable_percent = request.movablecore_percent;
  std::uint64_t core = core_percent != 0 ? share(total, core_percent) : request.kernelcore.raw >> shift;
  std::uint64_t movable =
      movable_percent != 0 ? share(total, movable_percent) : request.movablecore.raw >> shift;
  if (movable != 0) {
    movable = min(total, round_up(movable, input.geometry.max_order()));
    if (total - movable > core) core = total - movable;
  }
  return core >= total ? 0 : core;
}

// Gives `node` its part of the core, from where the pass before stopped, and moves its start behind it.
// What lies below the lowest frame that may be movable counts as core whether it is wanted or not.
void take_core(const MovableInput& input, const Node& node, std::uint64_t part, std::uint64_t& required,
               Pfn& start) noexcept {
  for (std::size_t i = first_range(input.ranges, node.span.begin()); i < input.ranges.size(); ++i) {
    const NodeRange& range = input.ranges[i];
    if (range.span.begin() >= node.span.end()) break;
    if (range.node != node.id) continue;
    Pfn begin = range.span.begin() < start ? start : range.span.begin();
    const Pfn end = range.span.end();
    if (begin >= end) continue;

    if (begin < input.lowest) {
      const std::uint64_t pages = min(end.raw, input.lowest.raw) - begin.raw;
      spend(part, pages);
      spend(required, pages);
      if (end <= input.lowest) {
        start = end;
        continue;
      }
      begin = input.lowest;
    }
    const std::uint64_t pages = min(end.raw - begin.raw, part);
    start = Pfn{begin.raw + pages};
    spend(required, pages);
    part -= pages;
    if (part == 0) break;
  }
}

// Passes over the nodes until the core is placed: nodes too small for their part leave the rest to others.
void spread_core(const MovableInput& input, std::uint64_t required, std::span<Pfn> starts) noexcept {
  std::uint64_t nodes = count_populated(input.nodes);
  do {
    std::uint64_t part = divide(required, nodes);
    for (std::size_t i = 0; i < input.nodes.size(); ++i) {
      if (input.nodes[i].span.empty()) continue;
      if (required < part) part = divide(required, nodes);
      take_core(input, input.nodes[i], part, required, starts[i]);
    }
    --nodes;
  } while (nodes != 0 && required > nodes);
}

// Movable begins at the lowest region that `wanted` accepts.
template <class F>
void start_at_lowest(const MovableInput& input, std::span<Pfn> starts, F wanted) noexcept {
  for (const early::Region& region : input.memory) {
    if (!wanted(region)) continue;
    const NodeId id = region.node == early::kAnyNode ? input.first_node : region.node;
    Pfn& start = starts[index_of(input.nodes, id)];
    const PageSize page = input.geometry.page_size();
    const Pfn begin = input.request.movable_node ? page.pfn_down(region.base) : page.pfn_up(region.base);
    if (start == Pfn{} || begin < start) start = begin;
  }
}

}  // namespace

bool find_movable_starts(const MovableInput& input, std::span<Pfn> starts) noexcept {
  check(starts.size() == input.nodes.size(), "one movable start for each node");
  for (Pfn& start : starts) start = Pfn{};
  bool unmirrored = false;
  if (input.request.movable_node) {
    start_at_lowest(input, starts,
                    [](const early::Region& region) { return has(region.flags, early::Flags::hotplug); });
  } else if (input.request.mirror) {
    const Pfn four_gib = input.geometry.page_size().pfn_down(PhysAddr{std::uint64_t{1} << 32});
    start_at_lowest(input, starts, [&](const early::Region& region) {
      if (has(region.flags, early::Flags::mirror)) return false;
      const bool is_low = input.geometry.page_size().pfn_up(region.base) < four_gib;
      unmirrored = unmirrored || is_low;
      return !is_low;
    });
  } else {
    const std::uint64_t required = required_core(input, count_pages(input.ranges));
    if (required == 0) return false;
    spread_core(input, required, starts);
  }
  for (std::size_t i = 0; i < starts.size(); ++i) {
    starts[i] = Pfn{round_up(starts[i].raw, input.geometry.max_order())};
    if (starts[i] >= input.nodes[i].span.end()) starts[i] = Pfn{};
  }
  return unmirrored;
}

}  // namespace quarry::zones
