#include "quarry/vm/kmap_slots.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::vm {

KmapSlots::KmapSlots(std::span<KmapSlot> slots) noexcept : slots_{slots}, mask_{0} {
  check(slots.size() < kNone, "more windows than can be numbered");
  if (!slots.empty()) mask_ = static_cast<std::uint32_t>(bit_floor(slots.size()) - 1);
  for (std::uint32_t i = 0; i < count(); ++i) {
    slots_[i] = KmapSlot{};
    append(free_, i, KmapState::free);
  }
}

std::uint32_t& KmapSlots::count_of(KmapState state) noexcept {
  switch (state) {
    case KmapState::free: return counts_.free;
    case KmapState::used: return counts_.used;
    case KmapState::idle: return counts_.idle;
    case KmapState::retired: break;
  }
  return counts_.retired;
}

void KmapSlots::append(List& list, std::uint32_t slot, KmapState state) noexcept {
  KmapSlot& added = slots_[slot];
  added.state = state;
  added.before = list.last;
  added.after = kNone;
  (list.last == kNone ? list.first : slots_[list.last].after) = slot;
  list.last = slot;
  ++count_of(state);
}

void KmapSlots::remove(List& list, std::uint32_t slot) noexcept {
  KmapSlot& removed = slots_[slot];
  (removed.before == kNone ? list.first : slots_[removed.before].after) = removed.after;
  (removed.after == kNone ? list.last : slots_[removed.after].before) = removed.before;
  removed.before = removed.after = kNone;
  --count_of(removed.state);
}

std::uint32_t KmapSlots::find(Pfn frame) const noexcept {
  if (slots_.empty()) return kNone;
  std::uint32_t at = slots_[hash(frame)].head;
  while (at != kNone && slots_[at].frame != frame) at = slots_[at].chain;
  return at;
}

Result<std::uint32_t> KmapSlots::hold(Pfn frame) noexcept {
  const std::uint32_t at = find(frame);
  if (at == kNone) return Error::not_found;
  KmapSlot& slot = slots_[at];
  if (slot.users == UINT32_MAX) return Error::overflow;
  if (slot.users++ != 0) return at;
  check(slot.state == KmapState::idle, "a window without users is not idle");
  remove(idle_, at);
  slot.state = KmapState::used;
  ++counts_.used;
  return at;
}

Result<std::uint32_t> KmapSlots::take(Pfn frame) noexcept {
  check(find(frame) == kNone, "a frame gets a second window");
  const std::uint32_t at = free_.first;
  if (at == kNone) return Error::no_room;
  KmapSlot& slot = slots_[at];
  check(slot.state == KmapState::free && slot.users == 0, "a free window is somebody's");
  remove(free_, at);
  slot.frame = frame;
  slot.users = 1;
  slot.state = KmapState::used;
  slot.chain = slots_[hash(frame)].head;
  slots_[hash(frame)].head = at;
  ++counts_.used;
  return at;
}

auto KmapSlots::drop(Pfn frame) noexcept -> Result<Left> {
  const std::uint32_t at = find(frame);
  if (at == kNone) return Error::not_found;
  KmapSlot& slot = slots_[at];
  if (slot.users == 0) return Error::wrong_owner;
  if (--slot.users != 0) return Left::some;
  --counts_.used;
  append(idle_, at, KmapState::idle);
  return Left::none;
}

// Out of the chain of its hash, so that nobody finds it.
void KmapSlots::retire_one(std::uint32_t at) noexcept {
  KmapSlot& slot = slots_[at];
  std::uint32_t* link = &slots_[hash(slot.frame)].head;
  while (*link != at) {
    check(*link != kNone, "a window is not in the chain of its hash");
    link = &slots_[*link].chain;
  }
  *link = slot.chain;
  slot.chain = kNone;
  remove(idle_, at);
  append(retired_, at, KmapState::retired);
}

std::uint32_t KmapSlots::settle() noexcept {
  std::uint32_t settled = 0;
  for (; retired_.first != kNone; ++settled) {
    const std::uint32_t at = retired_.first;
    remove(retired_, at);
    append(free_, at, KmapState::free);
  }
  return settled;
}

std::uint32_t KmapSlots::length_of(const List& list, KmapState state) const noexcept {
  std::uint32_t length = 0, before = kNone;
  for (std::uint32_t at = list.first; at != kNone; at = slots_[at].after, ++length) {
    if (at >= count() || length == count()) return kNone;
    if (slots_[at].state != state || slots_[at].before != before) return kNone;
    before = at;
  }
  return list.last == before ? length : kNone;
}

KmapFinding KmapSlots::audit() const noexcept {
  KmapCounts seen;
  for (std::uint32_t i = 0; i < count(); ++i) {
    const KmapSlot& slot = slots_[i];
    if ((slot.users != 0) != (slot.state == KmapState::used)) return {KmapLaw::users_say_state, i};
    const bool shows = slot.state == KmapState::used || slot.state == KmapState::idle;
    if (shows && find(slot.frame) != i) return {KmapLaw::frame_is_found, i};
    seen.used += slot.state == KmapState::used ? 1 : 0;
  }
  seen.free = length_of(free_, KmapState::free);
  seen.idle = length_of(idle_, KmapState::idle);
  seen.retired = length_of(retired_, KmapState::retired);
  if (seen.free == kNone || seen.idle == kNone || seen.retired == kNone) return {KmapLaw::lists_are_whole};
  const bool is_counted = seen == counts_ && seen.free + seen.used + seen.idle + seen.retired == count();
  return {is_counted ? KmapLaw::holds : KmapLaw::states_are_counted};
}

}  // namespace quarry::vm
