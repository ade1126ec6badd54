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
  atomic,     // and a quarter less again (__GFP_ATOMIC and __GFP_HIGH)
  unlimited,  // watermarks and lowmem reserves do not count (ALLOC_NO_WATERMARKS)
};

// At which watermark a normal request gives up.
enum class Effort : std::uint8_t {
  full,       // the low watermark first, on every zone, then the lower ones that Urgency allows
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

}  // namespace quarry::buddy
