#include "linux/gigantic_pages.hpp"

#include <vector>

#include "linux/boot_allocation.hpp"

namespace quarry::lnx {
namespace {

constexpr TextView kOwner = "gigantic pages";

// x86_64 knows one such size, and only some processors do.
bool is_gigantic(const boot::State& state, Bytes page) noexcept {
  if (state.machine.arch == boot::Arch::x86_64 && !state.machine.has_gigabyte_pages) return false;
  return page.raw == std::uint64_t{1} << 30;
}

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

Result<Done> allocate_gigantic_pages(boot::State& state) {
  if (state.hugetlb_cma.raw != 0) return Done{};  // they come out of that area
  std::vector<NodeId> nodes;
  for (const numa::Node& node : state.nodes.nodes())
    if (node.has_memory) nodes.push_back(node.id);
  if (nodes.empty()) return Done{};
  std::size_t next = 0;
  for (const boot::HugepagesRequest& request : state.hugepages) {
    if (!is_gigantic(state, request.page)) continue;
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
