// shell/churn.hpp: caches put to use, so that there is something to see: a tide of objects that rises and falls.
#pragma once

#include "shell/machine.hpp"
#include "shell/memory.hpp"

namespace quarry::shell {

// The same sequence each time. What it has it gives back when it ends.
class Churn {
 public:
  Churn(Machine& machine, const Memory& memory) noexcept : machine_{machine}, room_{memory} {}
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  ~Churn();

  // Errors    no_memory: there is none to note objects with. It does nothing then.
  Result<Done> start() noexcept;
  // Some hundred allocations and frees: of all sizes of kmalloc's, and of `caches`.
  void turn(std::span<const CacheId> caches) noexcept;
  std::uint64_t operations() const noexcept { return operations_; }

 private:
  struct Held {
    bool is_there = false;
    PhysAddr object{};
  };
  static constexpr std::size_t kSlots = 2048;
  static constexpr unsigned kSteps = 600;  // a turn
  static constexpr unsigned kTide = 16;    // turns from one flood to the next

  std::uint32_t random(std::uint32_t below) noexcept;
  void take(Held& held, std::span<const CacheId> caches) noexcept;
  void give_back(Held& held) noexcept;

  Machine& machine_;
  Room<Held> room_;
  std::span<Held> slots_;
  std::uint64_t state_ = 0x9e37'79b9'7f4a'7c15, operations_ = 0;
  unsigned turns_ = 0;
};

}  // namespace quarry::shell
