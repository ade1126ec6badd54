#include "cli/flow_watch.hpp"

#include <algorithm>

#include "quarry/map/e820_map.hpp"

namespace quarry::cli {
namespace {

// Sorted, and one where they overlap or touch.
std::vector<PhysRange> joined(std::vector<PhysRange> ranges) {
  std::erase_if(ranges, [](PhysRange range) { return range.empty(); });
  std::sort(ranges.begin(), ranges.end(), [](PhysRange a, PhysRange b) { return a.begin() < b.begin(); });
  std::vector<PhysRange> result;
  for (const PhysRange range : ranges) {
    if (!result.empty() && range.begin() <= result.back().end())
      result.back() = {result.back().begin(), std::max(result.back().end(), range.end())};
    else
      result.push_back(range);
  }
  return result;
}

// Calls here(range, is_left) for each part of `all`, in order. Both lists are joined.
template <class Here>
void divide(const std::vector<PhysRange>& all, const std::vector<PhysRange>& left, Here here) {
  auto next = left.begin();
  for (const PhysRange range : all) {
    PhysAddr at = range.begin();
    while (next != left.end() && next->end() <= at) ++next;
    for (auto part = next; part != left.end() && part->begin() < range.end(); ++part) {
      const PhysRange both = intersection(*part, range);
      if (at < both.begin()) here(PhysRange{at, both.begin()}, false);
      here(both, true);
      at = both.end();
    }
    if (at < range.end()) here(PhysRange{at, range.end()}, false);
  }
}

}  // namespace

FlowWatch::FlowWatch(std::vector<PhysRange> ram, EventLog& log) : ram_{joined(std::move(ram))}, log_{log} {}

boot::StepObserver FlowWatch::observer() noexcept {
  return {this,
          [](void* self, const boot::Step& step, const boot::State&) noexcept {
            static_cast<FlowWatch*>(self)->log_.set_step(step.name);
          },
          [](void* self, const boot::Step&, const boot::State& state) noexcept {
            auto& watch = *static_cast<FlowWatch*>(self);
            watch.log_.note_map(state.map.entries());
            watch.look_at(state);
            watch.log_.set_step({});
          }};
}

void FlowWatch::look_at(const boot::State& state) {
  // Before firmware's map is set up there is none.
  if (state.machine.arch != boot::Arch::x86_64 || state.map.size() == 0) return;
  using firmware::MapType;
  std::vector<PhysRange> usable;
  for (const firmware::MapEntry& entry : state.map.entries())
    if (entry.type == MapType::usable || entry.type == MapType::reserved_kern)
      usable.push_back(PhysRange::sized(entry.base, entry.size));
  std::vector<PhysRange> left;
  divide(ram_, joined(std::move(usable)), [&](PhysRange range, bool is_left) {
    if (is_left)
      left.push_back(range);
    else
      log_.lose(range);
  });
  ram_ = std::move(left);
}

}  // namespace quarry::cli
