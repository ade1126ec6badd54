#include "linux/riscv64_resources.hpp"

#include "linux/boot_allocation.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {
constexpr Purpose kResources{"resources", "no room for the resources of memory and reservations"};
}

Result<Done> allocate_riscv64_resources(boot::State& state, const StructSizes& sizes) {
  const auto regions = [&] {
    return state.memblock.memory().view().size() + state.memblock.reserved().view().size();
  };
  const std::uint64_t wanted = regions() + 1;
  const auto list =
      take(state, kResources, {.size = Bytes{wanted * sizes.resource.raw}, .alignment = kCacheLine});
  if (!list) return list.error();
  // The list may have merged with its neighbours.
  const std::uint64_t used = regions();
  const Bytes left{(wanted > used ? wanted - used : 0) * sizes.resource.raw};
  if (left.raw == 0) return Done{};
  return give_back(state, PhysRange::sized(list.value(), left), kResources);
}

}  // namespace quarry::lnx
