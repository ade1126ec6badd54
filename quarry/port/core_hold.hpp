// quarry/port/core_hold.hpp: a lock held on a core that does nothing else meanwhile.
#pragma once

#include "quarry/port/platform.hpp"

namespace quarry::port {

// Guards the core, then takes the lock; both are let go at the end of the scope, the lock first.
template <class Cores>
class QUARRY_SCOPED_LOCK CoreHold {
 public:
  using Lock = typename Cores::Lock;
  CoreHold(const Cores& cores, Lock& lock) noexcept QUARRY_ACQUIRES(lock) : guard_{cores}, lock_{lock} {
    lock.acquire();
  }
  ~CoreHold() QUARRY_RELEASES() { lock_.release(); }
  CoreHold(const CoreHold&) = delete;
  CoreHold& operator=(const CoreHold&) = delete;

 private:
  [[no_unique_address]] typename Cores::Guard guard_;
  Lock& lock_;
};

}  // namespace quarry::port
