#include "linux/huge_pages.hpp"

#include <map>

#include "linux/boot_log_lines.hpp"
#include "linux/gigantic_pages.hpp"
#include "linux/outcome_words.hpp"
#include "quarry/boot/hugepages.hpp"

namespace quarry::lnx {
namespace {

using Pool = std::map<unsigned, std::uint64_t>;  // pages of each node

std::vector<unsigned> nodes_with_memory(const boot::State& state) {
  std::vector<unsigned> nodes;
  for (const numa::Node& node : state.nodes.nodes())
    if (node.has_memory) nodes.push_back(static_cast<unsigned>(node.id));
  if (nodes.empty()) nodes.push_back(0);
  return nodes;
}

void count_gigantic(const boot::State& state, Bytes size, Pool& pool) {
  for (const boot::GivenBack& page : state.given_back) {
    if (!is_gigantic_page(page) || page.range.size() != size) continue;
    const NodeId node = state.nodes.node_of(page.range.begin());
    ++pool[node == early::kAnyNode ? 0 : static_cast<unsigned>(node)];
  }
}

void deal_out(const boot::State& state, Bytes size, Bytes usual, Pool& pool) {
  const auto nodes = nodes_with_memory(state);
  std::size_t next = 0;
  for (const boot::HugepagesRequest& request : state.hugepages) {
    if ((request.page.raw == 0 ? usual : request.page) != size) continue;
    for (std::uint64_t i = 0; i < request.count && request.node == early::kAnyNode; ++i)
      ++pool[nodes[next++ % nodes.size()]];
    if (request.node != early::kAnyNode) pool[static_cast<unsigned>(request.node)] += request.count;
  }
}

}  // namespace

std::vector<HugepageOutcome> huge_pages_of(const boot::State& state) {
  std::vector<HugepageOutcome> out;
  const boot::HugepageSizes sizes = boot::hugepage_sizes(state.machine);
  for (const Bytes size : sizes.view()) {
    Pool pool;
    for (const unsigned node : nodes_with_memory(state)) pool[node] = 0;
    for (const numa::Node& node : state.nodes.nodes())  // those without memory show theirs, too
      if (node.online) pool[static_cast<unsigned>(node.id)] = 0;
    if (boot::is_gigantic(state.machine, size))
      count_gigantic(state, size, pool);
    else
      deal_out(state, size, sizes.usual, pool);
    std::uint64_t all = 0;
    for (const auto& [node, pages] : pool) {
      out.push_back({size, node, pages});
      all += pages;
    }
    out.push_back({size, std::nullopt, all});
  }
  return out;
}

std::vector<HugepageOutcome> read_huge_pages(std::string_view text) {
  std::vector<HugepageOutcome> out;
  for_each_line(text, [&](std::string_view line) {
    Scanner at{line};
    std::optional<unsigned> node;
    if (at.skip("per-node.txt: node")) {
      const auto number = at.decimal();
      if (!number || !at.skip("/hugepages/")) return;
      node = as_node(*number);
    }
    if (!at.skip("hugepages-")) return;
    const auto kib = at.decimal();
    if (!kib || *kib > UINT64_MAX >> 10 || !at.skip("kB")) return;
    if (!node && !at.skip("/nr_hugepages:")) return;
    at.spaces();
    if (const auto pages = at.decimal()) out.push_back({Bytes{*kib << 10}, node, *pages});
  });
  return out;
}

}  // namespace quarry::lnx
