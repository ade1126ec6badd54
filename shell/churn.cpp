#include "shell/churn.hpp"

namespace quarry::shell {

Churn::~Churn() {
  for (Held& held : slots_) give_back(held);
}

Result<Done> Churn::start() noexcept {
  const auto slots = room_.fresh(kSlots);
  if (!slots) return slots.error();
  slots_ = slots.value();
  return Done{};
}

std::uint32_t Churn::random(std::uint32_t below) noexcept {
  state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
  return static_cast<std::uint32_t>(((state_ >> 32) * below) >> 32);
}

void Churn::take(Held& held, std::span<const CacheId> caches) noexcept {
  const std::size_t cache = random(static_cast<std::uint32_t>(2 * caches.size() + 2));
  if (cache < caches.size()) {
    held.is_there = machine_.alloc_objects(caches[cache], {&held.object, 1}, {}) == 1;
  } else {
    // Small ones are asked for more often.
    constexpr std::uint32_t powers = 10;
    const std::uint32_t power = random(random(powers) + 1);
    const auto made = machine_.kmalloc({.size = (std::uint64_t{8} << power) - random(4u << power)});
    held.is_there = static_cast<bool>(made);
    if (made) held.object = made.value();
  }
  operations_ += held.is_there;
}

void Churn::give_back(Held& held) noexcept {
  if (!held.is_there) return;
  check(static_cast<bool>(machine_.kfree(held.object)), "an object of the shell's own was not taken back");
  held.is_there = false;
  ++operations_;
}

void Churn::turn(std::span<const CacheId> caches) noexcept {
  if (slots_.empty()) return;
  const unsigned hour = turns_++ % kTide;
  const bool is_rising = hour < kTide / 2;
  for (unsigned step = 0; step < kSteps; ++step) {
    Held& held = slots_[random(kSlots)];
    // Against the tide goes one in four.
    const bool takes = is_rising == (random(4) != 0);
    if (takes && !held.is_there)
      take(held, caches);
    else if (!takes)
      give_back(held);
  }
}

}  // namespace quarry::shell
