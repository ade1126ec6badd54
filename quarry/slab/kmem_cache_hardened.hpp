// quarry/slab/kmem_cache_hardened.hpp: the bodies of KmemCache that watch over single objects. Nothing here is called where the
// options are off.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

namespace detail {

// The bytes that zones and free objects are filled with: those that Linux uses, as people know them from dumps.
inline constexpr unsigned char kRedFree = 0xbb, kRedLive = 0xcc, kPoisonFree = 0x6b, kPoisonEnd = 0xa5,
                               kPoisonFresh = 0x5a;

inline void fill_bytes(std::byte* begin, std::size_t count, unsigned char value) noexcept {
  __builtin_memset(begin, value, count);
}
// The first byte that is not `value`; `count`: all are.
inline std::size_t first_other(const std::byte* begin, std::size_t count, unsigned char value) noexcept {
  const std::uint64_t eight = std::uint64_t{0x0101'0101'0101'0101} * value;
  std::size_t i = 0;
  for (std::uint64_t now = 0; count - i >= sizeof now; i += sizeof now) {
    __builtin_memcpy(&now, begin + i, sizeof now);
    if (now != eight) break;
  }
  while (i < count && begin[i] == static_cast<std::byte>(value)) ++i;
  return i;
}

}  // namespace detail

// What says that a slot is free or live, which nobody who does not know the secret can write.
template <PageSource P, Hardening H>
std::uintptr_t KmemCache<P, H>::state_word(const std::byte* slot, bool is_live) const noexcept {
  const std::uint64_t word = mix(std::bit_cast<std::uintptr_t>(slot) ^ common_->secret);
  return static_cast<std::uintptr_t>(is_live ? ~word : word);
}

template <PageSource P, Hardening H>
Track KmemCache<P, H>::track(const std::byte* slot, unsigned which) const noexcept {
  Track found{};
  if constexpr (H.owners)
    __builtin_memcpy(&found, slot + packing_.track_offset + which * sizeof(Track), sizeof found);
  return found;
}

template <PageSource P, Hardening H>
void KmemCache<P, H>::leave_track(std::byte* slot, unsigned which, const void* caller) noexcept {
  if constexpr (H.owners) {
    const Track now{.caller = caller,
                    .event = std::uint64_t{common_->events.fetch_add_relaxed(1)} + 1,
                    .core = pages_->cores().this_core()};
    __builtin_memcpy(slot + packing_.track_offset + which * sizeof(Track), &now, sizeof now);
  }
}

template <PageSource P, Hardening H>
void KmemCache<P, H>::poison_free(std::byte* slot) const noexcept {
  std::byte* const object = slot + packing_.object_offset;
  detail::fill_bytes(object, packing_.object_size - 1, detail::kPoisonFree);
  object[packing_.object_size - 1] = static_cast<std::byte>(detail::kPoisonEnd);
}

// A slot of a new slab, whose object was constructed if there is a constructor.
template <PageSource P, Hardening H>
void KmemCache<P, H>::prepare(std::byte* slot) noexcept {
  const Packing& p = packing_;
  if constexpr (H.red_zones) {
    detail::fill_bytes(slot, p.object_offset, detail::kRedFree);
    detail::fill_bytes(slot + p.object_offset + p.object_size, p.right_zone, detail::kRedFree);
  }
  if constexpr (H.poison)
    if (constructor_ == nullptr) poison_free(slot);
  if constexpr (H.checked_frees) *state_at(slot) = state_word(slot, false);
  if constexpr (H.owners) {
    const Track none{};
    for (unsigned which = 0; which < 2; ++which)
      __builtin_memcpy(slot + p.track_offset + which * sizeof(Track), &none, sizeof none);
  }
}

// Makes a free slot its new owner's.
//
// Returns   false: it was written to while it was free, which has been told. It is never handed out again.
template <PageSource P, Hardening H>
bool KmemCache<P, H>::hand_out(std::byte* slot, const void* caller) noexcept {
  const Packing& p = packing_;
  std::byte* const object = slot + p.object_offset;
  std::int64_t wrong = -1;
  if constexpr (H.poison) {
    if (constructor_ == nullptr) {
      const std::size_t at = detail::first_other(object, p.object_size - 1, detail::kPoisonFree);
      if (at < p.object_size - 1 || object[at] != static_cast<std::byte>(detail::kPoisonEnd))
        wrong = static_cast<std::int64_t>(at);
    }
  }
  if constexpr (H.checked_frees)
    if (wrong < 0 && *state_at(slot) != state_word(slot, false))
      wrong = static_cast<std::int64_t>(p.state_offset) - p.object_offset;
  if constexpr (H.red_zones) {
    const std::size_t zone = p.right_zone;
    const std::size_t at = detail::first_other(object + p.object_size, zone, detail::kRedFree);
    if (wrong < 0 && at < zone) wrong = static_cast<std::int64_t>(p.object_size + at);
  }
  if (wrong >= 0) {
    static_cast<void>(refuse(Fault::written_while_free, object, Error::damaged, wrong, slot));
    return false;
  }
  if constexpr (H.red_zones) {
    detail::fill_bytes(slot, p.object_offset, detail::kRedLive);
    detail::fill_bytes(object + p.object_size, p.right_zone, detail::kRedLive);
  }
  if constexpr (H.poison)
    if (constructor_ == nullptr) detail::fill_bytes(object, p.object_size, detail::kPoisonFresh);
  if constexpr (H.checked_frees) *state_at(slot) = state_word(slot, true);
  leave_track(slot, 0, caller);
  return true;
}

// Makes an object that comes back a free slot. Of two cores that give back the same at the same time one is refused.
//
// Errors    wrong_owner: it was free. damaged: somebody wrote over its ends; it stays out of use.
template <PageSource P, Hardening H>
Result<Done> KmemCache<P, H>::take_back(std::byte* slot, const void* caller) noexcept {
  const Packing& p = packing_;
  std::byte* const object = slot + p.object_offset;
  if constexpr (H.red_zones) {
    // Only of a live object are they what they are now; whether it is one is known from its state alone where there is one.
    const bool is_free = H.checked_frees ? *state_at(slot) == state_word(slot, false)
                                         : slot[0] == static_cast<std::byte>(detail::kRedFree);
    if (is_free) return refuse(Fault::double_free, object, Error::wrong_owner, 0, slot);
    const std::size_t left = detail::first_other(slot, p.object_offset, detail::kRedLive);
    if (left < p.object_offset)
      return refuse(Fault::underrun, object, Error::damaged,
                    static_cast<std::int64_t>(left) - p.object_offset, slot);
    const std::size_t zone = p.right_zone;
    const std::size_t right = detail::first_other(object + p.object_size, zone, detail::kRedLive);
    if (right < zone)
      return refuse(Fault::overrun, object, Error::damaged, static_cast<std::int64_t>(p.object_size + right),
                    slot);
  }
  if constexpr (H.checked_frees) {
    std::uintptr_t now = state_word(slot, true);
    if (!state_at(slot)->exchange_if(now, state_word(slot, false))) {
      if (now == state_word(slot, false))
        return refuse(Fault::double_free, object, Error::wrong_owner, 0, slot);
      return refuse(Fault::overrun, object, Error::damaged,
                    static_cast<std::int64_t>(p.state_offset) - p.object_offset, slot);
    }
  }
  if constexpr (H.red_zones) {
    detail::fill_bytes(slot, p.object_offset, detail::kRedFree);
    detail::fill_bytes(object + p.object_size, p.right_zone, detail::kRedFree);
  }
  if constexpr (H.poison)
    if (constructor_ == nullptr) poison_free(slot);
  leave_track(slot, 1, caller);
  return Done{};
}

// Tells of a misuse. `slot` is null where the pointer is no object.
template <PageSource P, Hardening H>
Result<Done> KmemCache<P, H>::refuse(Fault fault, const void* object, Error error, std::int64_t offset,
                                     std::byte* slot) noexcept {
  const FaultHook& hook = common_->hook;
  if (hook.tell != nullptr) {
    FaultReport report{.fault = fault, .cache = name_, .object = object, .offset = offset};
    if (slot != nullptr) {
      report.allocated = track(slot, 0);
      report.freed = track(slot, 1);
    }
    hook.tell(hook.self, report);
  }
  return error;
}

}  // namespace quarry::slab
