// quarry/numa/fake.hpp: nodes that are not there: numa=fake=.
//
//   physical    |-------------- 0 --------------|-------------- 1 --------------|
//   fake=4      |------ 0 ------|------ 2 ------|------ 1 ------|------ 3 ------|   node after node, in turn
//   fake=2U     |------ 0 ------|------ 1 ------|------ 2 ------|------ 3 ------|   each node in two
//   fake=512M   |- 0 -|- 2 -|- 4 -|...          nodes of at least that much memory
#pragma once

#include <cstdint>
#include <span>

#include "quarry/base/text.hpp"
#include "quarry/early/regions.hpp"
#include "quarry/numa/nodes.hpp"

namespace quarry::numa {

// Nodes are made of this much, and of whole multiples where they have a choice.
inline constexpr Bytes kFakeNodeSize{32u << 20};

// What stands behind `numa=fake=`: N, NU, <size>M or <size>G, and distances after a colon.
struct FakeRequest {
  enum class Kind : std::uint8_t { count, count_each, size } kind = Kind::count;
  std::uint64_t value = 0;
  TextView distances{};  // comma-separated, row by row; may be shorter than the matrix
};

// Errors    bad_argument: no number stands there; overflow: it is too large.
Result<FakeRequest> parse_fake(TextView text) noexcept;

// Splits a cleaned-up draft into fake nodes, which share the processors of the physical node they were cut
// from. A request that cannot be met leaves the draft as it is, with a remark that says why.
//
// Returns   whether the nodes are fake now.
// Errors    no_room: the arena is used up.
// Source    Linux 6.1, x86 "numa_emulation" (behaviour).
Result<bool> split_into_fake_nodes(Nodes& nodes, const FakeRequest& request, early::Regions memory,
                                   PhysAddr end_of_ram, unsigned cpus) noexcept;

}  // namespace quarry::numa
