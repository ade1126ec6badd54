#include "quarry/boot/common_options.hpp"

#include "quarry/boot/hugepages.hpp"
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

Result<Done> apply_one(State& state, HugepageOptions& hugepages, const Option& option) noexcept {
  const auto is = [&option](TextView name) { return same_name(option.name, name); };
  if (is("kernelcore")) return parse_kernelcore(state.movable, option.value);
  if (is("movablecore")) return parse_movablecore(state.movable, option.value);
  // 32-bit arm and riscv64 cannot plug memory, so the option is none of theirs.
  const bool plugs = state.machine.arch == Arch::x86_64 || state.machine.arch == Arch::arm64;
  if (plugs && is("movable_node")) {
    state.movable.movable_node = true;
    return Done{};
  }
  if (is("hugetlb_cma")) {
    ValueReader reader{option.value};
    const auto size = reader.size();
    if (!size) return size.error();
    state.hugetlb_cma = Bytes{size.value()};
    return Done{};
  }
  return hugepages.take(option);
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
  HugepageOptions hugepages{state};
  for (const Option& option : line) {
    const auto applied = apply_one(state, hugepages, option);
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
