// host/virtual_arena.hpp: much room for an Arena, of which only what is used costs memory.
#pragma once

#include "host/paged_host.hpp"
#include "quarry/base/arena.hpp"

namespace quarry::hosted {

// Quarry's own metadata of a simulated machine lives here, outside the machine's RAM: descriptors of a
// 64 TiB machine are 256 GiB of zeros, of which a boot touches a few pages.
class VirtualArena {
 public:
  static constexpr std::size_t kDefault = std::size_t{300} << 30;

  // Takes `bytes`, or the largest half, quarter … of it that the host grants, down to 1 MiB; nothing at
  // all when even that is refused, and then every take() says no_room.
  explicit VirtualArena(std::size_t bytes = kDefault) noexcept
      : memory_{largest(bytes)}, arena_{memory_.span()} {}
  VirtualArena(const VirtualArena&) = delete;
  VirtualArena& operator=(const VirtualArena&) = delete;

  std::span<std::byte> span() const noexcept { return memory_.span(); }
  Arena& arena() noexcept { return arena_; }

 private:
  static Reservation largest(std::size_t bytes) noexcept {
    constexpr std::size_t least = std::size_t{1} << 20;
    for (; bytes >= least; bytes /= 2) {
      Reservation memory{bytes};
      if (!memory.empty()) return memory;
    }
    return Reservation{bytes};
  }

  Reservation memory_;
  Arena arena_;
};

}  // namespace quarry::hosted
