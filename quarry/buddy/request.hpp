// quarry/buddy/request.hpp: what a caller asks of the page allocator, beside an order.
//
// Linux's GFP flags as types: each flag word maps to one Request and says the same.
#pragma once

#include "quarry/page/migrate_type.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::buddy {

using page::MigrateType;

// Which nodes may serve.
enum class Placement : std::uint8_t {
  nearest,    // the zonelist of the node: itself first, then by distance
  this_node,  // only the node's own zones (__GFP_THISNODE)
};

// How deep into the reserves a request may dig.
enum class Urgency : std::uint8_t {
  normal,     // down to the min watermark
  high,       // down to half of it (__GFP_HIGH)
  atomic,     // a quarter less again, and the pageblocks kept for this (__GFP_ATOMIC and __GFP_HIGH)
  unlimited,  // watermarks and lowmem reserves do not count (ALLOC_NO_WATERMARKS)
};

// What is tried before a request fails.
enum class Effort : std::uint8_t {
  // The low watermark on every zone, then the lower ones that Urgency allows, then the pressure hooks. Not asked for under a
  // guard: cores are asked for what they have at hand. A thread stays on its core while a hook runs.
  full,
  no_wait,    // the same without the hooks: whoever asks cannot wait (no __GFP_DIRECT_RECLAIM)
  fast_only,  // the low watermark alone: who asks has something else to try
};

struct Request {
  zones::ZoneType highest = zones::ZoneType::normal;  // no zone above this type
  MigrateType type = MigrateType::unmovable;          // an ordinary one
  Placement placement = Placement::nearest;
  Urgency urgency = Urgency::normal;
  Effort effort = Effort::full;
  NodeId node{};
};

// A request in one word, so that one that is known when compiled travels as a number. unpack() is the way back.
constexpr std::uint64_t pack(const Request& request) noexcept {
  return std::uint64_t{static_cast<std::uint8_t>(request.highest)} |
         std::uint64_t{static_cast<std::uint8_t>(request.type)} << 8 |
         std::uint64_t{static_cast<std::uint8_t>(request.placement)} << 16 |
         std::uint64_t{static_cast<std::uint8_t>(request.urgency)} << 24 |
         std::uint64_t{static_cast<std::uint8_t>(request.effort)} << 32 |
         std::uint64_t{static_cast<std::uint16_t>(request.node)} << 48;
}
constexpr Request unpack(std::uint64_t word) noexcept {
  const auto byte = [word](unsigned at) noexcept { return static_cast<std::uint8_t>(word >> 8 * at); };
  return {static_cast<zones::ZoneType>(byte(0)), static_cast<MigrateType>(byte(1)),
          static_cast<Placement>(byte(2)),       static_cast<Urgency>(byte(3)),
          static_cast<Effort>(byte(4)),          static_cast<NodeId>(word >> 48)};
}

// Who can make room when no zone has any left. Called without anything half done, so that both may call the
// allocator; requests made from inside do not come back here.
struct Pressure {
  void* self = nullptr;
  // Gives up what can be given up, by freeing it. Null: nobody can.
  //
  // Returns   the pages that were freed; 0 ends the attempts.
  PageCount (*reclaim)(void* self, Order order, const Request& request) noexcept = nullptr;
  // Moves what can be moved so that a block of `order` arises. Asked for orders above 0. Null: nobody can.
  //
  // Returns   whether it is worth another look.
  bool (*compact)(void* self, Order order, const Request& request) noexcept = nullptr;
};

// Who moves what a block holds, so that the block can be had.
struct Mover {
  void* self = nullptr;
  // The content of `from`, movable and in use, now belongs at `to`, which is as large and the mover's. From
  // then on `from` is the allocator's.
  //
  // Returns   whether it was moved; when not, both stay as they are.
  bool (*move)(void* self, Pfn from, Pfn to, Order order) noexcept = nullptr;
};

}  // namespace quarry::buddy
