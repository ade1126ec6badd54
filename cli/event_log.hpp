// cli/event_log.hpp: every decision of the boot-time allocators, kept in order.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quarry/boot/flow.hpp"
#include "quarry/early/observer.hpp"

namespace quarry::cli {

// An early::Event with words of its own: the library's are views of tables that may go.
struct LoggedEvent {
  early::Action action;
  PhysRange range;
  early::Flags flags;
  NodeId node;
  std::string owner, reason;
  Bytes size, alignment;  // what was asked for, of allocations and of what became of them
  std::string step;       // the step of the flow that was running; empty outside the flow
  boot::EarlyChoice allocator = boot::EarlyChoice::memblock;  // whose decision it was

  // Good while this object lives.
  early::Event event() const {
    return {.action = action,
            .range = range,
            .flags = flags,
            .node = node,
            .owner = {owner.data(), owner.size()},
            .reason = {reason.data(), reason.size()},
            .size = size,
            .alignment = alignment};
  }
};

// The firmware's map as a step of the flow left it.
struct MapMoment {
  std::string step;
  std::vector<firmware::MapEntry> entries;
};

class EventLog {
 public:
  // Good while the log stays where it is.
  early::Observer observer() noexcept;          // of memblock
  early::Observer bootmem_observer() noexcept;  // of bootmem
  void set_step(std::string_view step) { step_ = step; }
  // The map after the running step: kept if the step changed it.
  void note_map(std::span<const firmware::MapEntry> entries);
  const std::vector<LoggedEvent>& events() const noexcept { return events_; }
  const std::vector<MapMoment>& maps() const noexcept { return maps_; }
  // One JSON object a line, in order.
  std::string json_lines() const;

 private:
  void add(const early::Event& event, boot::EarlyChoice allocator);

  std::vector<LoggedEvent> events_;
  std::vector<MapMoment> maps_;
  std::string step_;
};

}  // namespace quarry::cli
