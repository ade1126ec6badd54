#include "cli/event_log.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace quarry::cli {
namespace {

std::string text(TextView view) { return {view.data(), view.size()}; }

const char* name_of(early::Action action) {
  switch (action) {
    case early::Action::add: return "add";
    case early::Action::remove: return "remove";
    case early::Action::reserve: return "reserve";
    case early::Action::free: return "free";
    case early::Action::free_late: return "free_late";
    case early::Action::alloc: return "alloc";
    case early::Action::alloc_failed: return "alloc_failed";
    case early::Action::fallback: return "fallback";
    case early::Action::grow: return "grow";
    case early::Action::grow_failed: return "grow_failed";
    case early::Action::mark: return "mark";
    case early::Action::set_node: return "set_node";
  }
  return "";
}

}  // namespace

void EventLog::add(const early::Event& event, boot::EarlyChoice allocator) {
  events_.push_back({event.action, event.range, event.flags, event.node, text(event.owner),
                     text(event.reason), event.size, event.alignment, step_, allocator});
}

early::Observer EventLog::observer() noexcept {
  return {this, [](void* self, const early::Event& event) noexcept {
            static_cast<EventLog*>(self)->add(event, boot::EarlyChoice::memblock);
          }};
}

early::Observer EventLog::bootmem_observer() noexcept {
  return {this, [](void* self, const early::Event& event) noexcept {
            static_cast<EventLog*>(self)->add(event, boot::EarlyChoice::bootmem);
          }};
}

void EventLog::note_map(std::span<const firmware::MapEntry> entries) {
  const bool is_as_before =
      maps_.empty() ? entries.empty() : std::ranges::equal(maps_.back().entries, entries);
  if (!is_as_before) maps_.push_back({step_, {entries.begin(), entries.end()}});
}

std::string EventLog::json_lines() const {
  std::string lines;
  for (const auto& event : events_) {
    nlohmann::ordered_json line;
    line["action"] = name_of(event.action);
    line["base"] = event.range.begin().raw;
    line["size"] = event.range.size().raw;
    if (event.action == early::Action::alloc_failed || event.action == early::Action::fallback)
      line["wanted"] = event.size.raw;
    if (event.alignment.raw != 0) line["alignment"] = event.alignment.raw;
    if (event.flags != early::Flags::none) line["flags"] = static_cast<std::uint32_t>(event.flags);
    if (event.node != early::kAnyNode) line["node"] = static_cast<std::uint16_t>(event.node);
    if (!event.owner.empty()) line["owner"] = event.owner;
    if (!event.reason.empty()) line["reason"] = event.reason;
    if (!event.step.empty()) line["step"] = event.step;
    if (event.allocator == boot::EarlyChoice::bootmem) line["allocator"] = "bootmem";
    // What a tree calls its nodes is anybody's bytes: what is not UTF-8 is replaced, never an exception.
    lines += line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return lines;
}

}  // namespace quarry::cli
