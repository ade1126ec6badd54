#include "linux/boot_allocation.hpp"

namespace quarry::lnx {
namespace {

Error short_of(boot::State& state, Error error, const Purpose& purpose, Bytes size) noexcept {
  return state.fail(error, purpose.lack, size, boot::largest_hole(state));
}

}  // namespace

Result<PhysAddr> take(boot::State& state, const Purpose& purpose, const early::Request& request) noexcept {
  const auto at = state.allocator.alloc_try_nid_raw(request, purpose.owner);
  if (!at) return short_of(state, at.error(), purpose, request.size);
  return at;
}

Result<Done> take_all(boot::State& state, const Purpose& purpose, std::uint64_t count,
                      const early::Request& each) noexcept {
  for (std::uint64_t i = 0; i < count; ++i)
    if (const auto at = take(state, purpose, each); !at) return at.error();
  return Done{};
}

Result<PhysAddr> take_between(boot::State& state, const Purpose& purpose,
                              const early::Request& request) noexcept {
  const auto at = state.allocator.phys_alloc_range(request, purpose.owner);
  if (!at) return short_of(state, at.error(), purpose, request.size);
  return at;
}

Result<Done> give_back(boot::State& state, PhysRange range, const Purpose& purpose) noexcept {
  return state.allocator.free(range, purpose.owner);
}

Result<Done> give_back_later(boot::State& state, PhysRange range, TextView owner, boot::GivenBack::As as,
                             boot::GivenBack::When when) noexcept {
  if (range.empty()) return Done{};
  const auto pushed =
      state.given_back.push(state.arena, {.range = range, .owner = owner, .as = as, .when = when});
  if (!pushed) return pushed.error();
  return Done{};
}

}  // namespace quarry::lnx
