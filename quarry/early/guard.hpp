// quarry/early/guard.hpp: a reservation that ends with its scope, for what a flow needs for a moment only.
#pragma once

#include <utility>

#include "quarry/early/memblock.hpp"

namespace quarry::early {

// Frees its range when it goes out of scope, unless it is kept. The Memblock must outlive it.
//
// Giving back can need room in the table, as any free does: where there is none, the range stays reserved
// and is_reserved() says so.
class [[nodiscard]] TemporaryReservation {
 public:
  // Errors    those of Memblock::reserve.
  static Result<TemporaryReservation> of(Memblock& memblock, PhysRange range, TextView owner) noexcept {
    const auto taken = memblock.reserve(range, owner);
    if (!taken) return taken.error();
    return TemporaryReservation{memblock, range, owner};
  }
  // Errors    those of Memblock::phys_alloc_range.
  static Result<TemporaryReservation> allocate(Memblock& memblock, const Request& request,
                                               TextView owner) noexcept {
    const auto at = memblock.phys_alloc_range(request, owner);
    if (!at) return at.error();
    return TemporaryReservation{memblock, PhysRange::sized(at.value(), request.size), owner};
  }

  TemporaryReservation(TemporaryReservation&& other) noexcept
      : memblock_{std::exchange(other.memblock_, nullptr)}, range_{other.range_}, owner_{other.owner_} {}
  TemporaryReservation& operator=(TemporaryReservation&&) = delete;
  ~TemporaryReservation() {
    if (memblock_ != nullptr) static_cast<void>(static_cast<bool>(memblock_->free(range_, owner_)));
  }

  PhysRange range() const noexcept { return range_; }
  // The reservation stays for good.
  PhysRange keep() noexcept {
    memblock_ = nullptr;
    return range_;
  }

 private:
  TemporaryReservation(Memblock& memblock, PhysRange range, TextView owner) noexcept
      : memblock_{&memblock}, range_{range}, owner_{owner} {}

  Memblock* memblock_;  // null: moved from or kept
  PhysRange range_;
  TextView owner_;
};

}  // namespace quarry::early
