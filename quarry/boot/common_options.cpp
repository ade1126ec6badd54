#include "quarry/boot/common_options.hpp"

#include "quarry/early/memblock.hpp"

namespace quarry::boot {
namespace {

// A size, or a percentage of all pages; the other of the two becomes 0.
Result<Done> parse_core(TextView value, Bytes& size, unsigned& percent) noexcept {
  ValueReader reader{value};
  const auto number = reader.size();
  if (!number) return number.error();
  if (reader.take('%')) {
    if (number.value() > 100) return Error::bad_argument;
    percent = static_cast<unsigned>(number.value());
    size = Bytes{0};
  } else {
    percent = 0;
    size = Bytes{number.value()};
  }
  return Done{};
}

Result<Done> push(State& state, const HugepagesRequest& request) noexcept {
  const auto pushed = state.hugepages.push(state.arena, request);
  if (!pushed) return pushed.error();
  return Done{};
}

// hugepages=N, or node:N,node:N
Result<Done> parse_hugepages(State& state, TextView value, Bytes page) noexcept {
  ValueReader reader{value};
  do {
    const auto first = reader.size();
    if (!first) return first.error();
    HugepagesRequest request{.page = page, .count = first.value()};
    if (reader.take(':')) {
      const auto count = reader.size();
      if (!count) return count.error();
      if (first.value() >= state.machine.limits.max_nodes) return Error::bad_argument;
      request.node = static_cast<NodeId>(first.value());
      request.count = count.value();
    }
    const auto pushed = push(state, request);
    if (!pushed) return pushed;
  } while (reader.take(','));
  return Done{};
}

// The page size that is in force while options are walked.
struct HugepageSize {
  Bytes page{0};
  bool is_known = true;  // false after a hugepagesz= that makes no sense: what follows is ignored
};

Result<Done> parse_page_size(HugepageSize& size, TextView value) noexcept {
  ValueReader reader{value};
  const auto number = reader.size();
  size.is_known = static_cast<bool>(number);
  if (!number) return number.error();
  size.page = Bytes{number.value()};
  return Done{};
}

Result<Done> apply_one(State& state, HugepageSize& hugepage, const Option& option) noexcept {
  const auto is = [&option](TextView name) { return same_name(option.name, name); };
  if (is("kernelcore")) return parse_kernelcore(state.movable, option.value);
  if (is("movablecore")) return parse_movablecore(state.movable, option.value);
  if (is("movable_node")) {
    state.movable.movable_node = true;
    return Done{};
  }
  if (is("hugepagesz") || is("default_hugepagesz")) return parse_page_size(hugepage, option.value);
  if (is("hugepages"))
    return hugepage.is_known ? parse_hugepages(state, option.value, hugepage.page) : Error::bad_argument;
  if (is("hugetlb_cma")) {
    ValueReader reader{option.value};
    const auto size = reader.size();
    if (!size) return size.error();
    state.hugetlb_cma = Bytes{size.value()};
  }
  return Done{};
}

}  // namespace

Result<Done> parse_kernelcore(MovableRequest& request, TextView value) noexcept {
  if (value == "mirror") {
    request.mirror = true;
    return Done{};
  }
  return parse_core(value, request.kernelcore, request.kernelcore_percent);
}

Result<Done> parse_movablecore(MovableRequest& request, TextView value) noexcept {
  return parse_core(value, request.movablecore, request.movablecore_percent);
}

Result<Done> apply_common_options(State& state, const CommandLine& line) noexcept {
  HugepageSize hugepage;
  for (const Option& option : line) {
    const auto applied = apply_one(state, hugepage, option);
    if (applied) continue;
    if (applied.error() == Error::no_room) return applied;
    const auto noted = state.note(Note::Kind::warning, "malformed option ignored");
    if (!noted) return noted;
  }
  if (state.movable.mirror) state.memblock.set_kernelcore_mirror(early::KernelcoreMirror::on);
  if (state.movable.movable_node) state.memblock.set_movable_node(early::MovableNode::on);
  return Done{};
}

}  // namespace quarry::boot
