// quarry/boot/contiguous.cpp: where contiguous memory areas go.
#include "quarry/boot/contiguous.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/base/divide.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/reserved_memory_drivers.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot {
namespace {

constexpr PhysAddr kFourGib{std::uint64_t{1} << 32};

Result<PhysRange> refused(State& state, const AreaRequest& request, TextView why) noexcept {
  const auto noted = state.note(Note::Kind::printed, why, {}, request.size.raw);
  if (!noted) return noted.error();
  return PhysRange{};
}

Result<PhysAddr> find(State& state, const AreaRequest& request, PhysAddr min, PhysAddr max) noexcept {
  const early::Request wanted{
      .size = request.size, .alignment = request.alignment, .min = min, .max = max, .node = request.node};
  return state.memblock.alloc_range_nid(wanted, early::NodePolicy::exact, request.name);
}

// An area that is about to be forgotten.
Result<Done> note_lost(State& state, const AreaRequest& request, const Result<PhysAddr>& at) noexcept {
  if (!at) return Done{};
  return state.note(Note::Kind::linux_bug,
                    "an area found in high memory is forgotten and stays reserved, another is made",
                    PhysRange::sized(at.value(), request.size));
}

// The highest place of a window, but from 4G upwards where memory goes on far enough above, and in high
// memory where there is some. In Linux a later success replaces the earlier one without giving it back.
Result<PhysAddr> place(State& state, const AreaRequest& request) noexcept {
  early::Memblock& memblock = state.memblock;
  const PhysAddr border = highmem_start(state);
  PhysAddr limit = request.limit;
  Result<PhysAddr> at = Error::no_memory;
  if (request.base < border && limit > border) {
    at = find(state, request, border, limit);
    limit = border;
  }
  if (memblock.config().phys_addr_bits == 64 && memblock.direction() == early::Direction::top_down &&
      memblock.end_of_dram() >= PhysAddr{kFourGib.raw + request.size.raw} &&
      (!at || reproduces_bugs(state.machine))) {
    if (const auto noted = note_lost(state, request, at); !noted) return noted.error();
    memblock.set_direction(early::Direction::bottom_up);
    at = find(state, request, kFourGib, limit);
    memblock.set_direction(early::Direction::top_down);
  }
  if (!at) at = find(state, request, request.base, limit);
  return at;
}

Result<Done> list(State& state, const AreaRequest& request, PhysRange range, bool is_default) noexcept {
  const auto pushed = state.cma.push(state.arena, {.name = request.name,
                                                   .range = range,
                                                   .is_default = is_default,
                                                   .order_per_bit = request.order_per_bit});
  if (!pushed) return pushed.error();
  return Done{};
}

// Fills in what cma= says; a value that makes no sense asks for nothing.
bool read_option(TextView value, AreaRequest& request, PhysAddr below) noexcept {
  ValueReader reader{value};
  const auto size = reader.size();
  if (!size) return false;
  request.size = Bytes{size.value()};
  request.limit = below;
  if (!reader.take('@')) return true;
  const auto base = reader.size();
  if (!base) return true;
  request.base = PhysAddr{base.value()};
  PhysAddr limit{base.value() + size.value()};
  if (reader.take('-')) {
    const auto end = reader.size();
    limit = PhysAddr{end ? end.value() : 0};
  }
  if (limit.raw == base.value() + size.value()) request.place = AreaRequest::Place::fixed;
  if (limit.raw != 0 && (below.raw == 0 || limit < below)) request.limit = limit;
  return true;
}

bool has_default(const State& state) noexcept {
  for (const CmaArea& area : state.cma)
    if (area.is_default) return true;
  return false;
}

}  // namespace

PhysAddr highmem_start(const State& state) noexcept { return state.lowmem_limit; }

Bytes area_alignment(const State& state) noexcept {
  const Geometry& geometry = state.machine.geometry;
  return geometry.page_size().bytes_in(geometry.pageblock_order().pages());
}

Result<PhysRange> reserve_area(State& state, AreaRequest request) noexcept {
  early::Memblock& memblock = state.memblock;
  const PhysAddr border = highmem_start(state);
  const PhysAddr end = memblock.end_of_dram();
  const std::size_t most = state.machine.limits.max_cma_areas;
  if (most != 0 && state.cma.size() >= most) {
    const auto said = say(state, {.kind = ReservedMemoryEvent::Kind::areas_used_up, .node = {}});
    if (!said) return said.error();
    return refused(state, request, "cma: Not enough slots for CMA reserved regions");
  }
  if (request.size.raw == 0) return PhysRange{};
  if (request.alignment < area_alignment(state)) request.alignment = area_alignment(state);
  const std::uint64_t alignment = request.alignment.raw;
  bool is_fixed = request.place == AreaRequest::Place::fixed;
  if (is_fixed && !is_aligned(request.base.raw, alignment))
    return refused(state, request, "cma: Failed to reserve: the base is not aligned to a pageblock");
  const auto base = align_up(request.base.raw, alignment);
  const auto size = align_up(request.size.raw, alignment);
  if (!base || !size || size.value() > UINT64_MAX - base.value())
    return refused(state, request, "cma: Failed to reserve: the request goes beyond all addresses");
  request.base = PhysAddr{base.value()};
  request.size = Bytes{size.value()};
  request.limit = PhysAddr{align_down(request.limit.raw, alignment)};
  if (request.base.raw == 0) is_fixed = false;

  const PhysAddr wanted_end = request.base + request.size;
  if (is_fixed && request.base < border && wanted_end > border)
    return refused(state, request, "cma: Failed to reserve: the region lies across the lowmem border");
  if (request.limit.raw == 0 || request.limit > end) request.limit = end;
  if (wanted_end > request.limit)
    return refused(state, request, "cma: Failed to reserve: the region exceeds its limit");

  PhysAddr at = request.base;
  if (is_fixed) {
    const PhysRange range{request.base, wanted_end};
    if (memblock.is_region_reserved(range) || !memblock.reserve(range, request.name))
      return refused(state, request, "cma: Failed to reserve: the region is in use");
  } else {
    const auto found = place(state, request);
    if (!found) return refused(state, request, "cma: Failed to reserve");
    at = found.value();
  }
  const PhysRange area = PhysRange::sized(at, request.size);
  if (const auto noted = state.note(Note::Kind::printed, "cma: Reserved", area); !noted) return noted.error();
  return area;
}

Result<Done> reserve_default_area(State& state, PhysAddr limit) noexcept {
  if (!state.machine.limits.has_cma) return Done{};
  AreaRequest request{.size = state.machine.limits.cma_size, .limit = limit, .name = "cma"};
  if (const auto option = command_line_of(state).last("cma"); option && option->has_value)
    if (!read_option(option->value, request, limit)) return Done{};
  if (request.size.raw == 0 || has_default(state)) return Done{};
  const auto area = reserve_area(state, request);
  if (!area) return area.error();
  return area.value().empty() ? Result<Done>{Done{}} : list(state, request, area.value(), true);
}

Result<Done> reserve_areas_per_node(State& state) noexcept {
  if (!state.machine.limits.has_cma) return Done{};
  const auto option = command_line_of(state).last("cma_pernuma");
  if (!option) return Done{};
  ValueReader reader{option->value};
  const auto size = reader.size();
  if (!size) return Done{};
  for (const numa::Node& node : state.nodes.nodes()) {
    if (!node.online) continue;
    const AreaRequest request{.size = Bytes{size.value()}, .node = node.id, .name = "pernuma"};
    const auto area = reserve_area(state, request);
    if (!area) return area.error();
    if (area.value().empty()) continue;
    if (const auto listed = list(state, request, area.value(), false); !listed) return listed;
  }
  return Done{};
}

Result<Done> reserve_hugetlb_areas(State& state, Bytes gigantic) noexcept {
  check(is_power_of_two(gigantic.raw), "a gigantic page is a power of two");
  const std::uint64_t wanted = state.hugetlb_cma.raw;
  if (!state.machine.limits.has_cma || wanted == 0) return Done{};
  const std::size_t nodes = state.nodes.online_count();
  // Without such an area gigantic pages are taken one by one later on.
  state.hugetlb_cma = Bytes{0};
  if (wanted < gigantic.raw || nodes == 0)
    return state.note(Note::Kind::printed, "hugetlb_cma: cma area should be at least one gigantic page", {},
                      gigantic.raw);
  const std::uint64_t share = divide(wanted - 1, nodes) + 1;
  std::uint64_t reserved = 0;
  for (const numa::Node& node : state.nodes.nodes()) {
    if (!node.online) continue;
    const auto size = align_up(share < wanted - reserved ? share : wanted - reserved, gigantic.raw);
    if (!size) return Done{};
    const AreaRequest request{.size = Bytes{size.value()},
                              .node = node.id,
                              .name = "hugetlb",
                              .order_per_bit = state.machine.geometry.pageblock_order()};
    const auto area = reserve_area(state, request);
    if (!area) return area.error();
    if (area.value().empty()) continue;
    if (const auto listed = list(state, request, area.value(), false); !listed) return listed;
    reserved += size.value();
    state.hugetlb_cma = Bytes{wanted};
    if (reserved >= wanted) break;
  }
  return Done{};
}

}  // namespace quarry::boot
