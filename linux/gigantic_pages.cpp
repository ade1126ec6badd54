#include "linux/gigantic_pages.hpp"

#include <map>
#include <vector>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/hugepages.hpp"

namespace quarry::lnx {
namespace {

constexpr TextView kOwner = "gigantic pages";

Result<bool> take_page(boot::State& state, Bytes page, NodeId node) {
  const early::Request request{.size = page, .alignment = page, .node = node};
  const auto at = state.allocator.alloc_try_nid_raw(request, kOwner);
  if (!at) return false;
  const auto kept =
      give_back_later(state, PhysRange::sized(at.value(), page), kOwner, boot::GivenBack::As::used);
  if (!kept) return kept.error();
  return true;
}

}  // namespace

bool is_gigantic_page(const boot::GivenBack& page) noexcept { return page.owner == kOwner; }

Result<Done> allocate_gigantic_pages(boot::State& state) {
  if (state.hugetlb_cma.raw != 0) return Done{};  // they come out of that area
  std::vector<NodeId> nodes;
  for (const numa::Node& node : state.nodes.nodes())
    if (node.has_memory) nodes.push_back(node.id);
  if (nodes.empty()) return Done{};
  std::map<std::uint64_t, std::size_t> turns;  // of each size: whose turn it is
  for (const boot::HugepagesRequest& request : state.hugepages) {
    if (!boot::is_gigantic(state.machine, request.page)) continue;
    std::size_t& next = turns[request.page.raw];
    for (std::uint64_t count = 0; count < request.count; ++count) {
      const bool is_bound = request.node != early::kAnyNode;
      const NodeId node = is_bound ? request.node : nodes[next++ % nodes.size()];
      const auto taken = take_page(state, request.page, node);
      if (!taken) return taken.error();
      if (taken.value()) continue;
      const auto noted =
          state.note(boot::Note::Kind::warning, "fewer gigantic pages than asked for", {}, count);
      if (!noted) return noted;
      break;
    }
  }
  return Done{};
}

}  // namespace quarry::lnx
