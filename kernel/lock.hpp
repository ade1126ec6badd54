// kernel/lock.hpp: one core at a time.
#pragma once

#include "kernel/arch.hpp"
#include "quarry/base/atomic.hpp"

namespace kernel {

// No queue: in an emulator, a core may be away for long when it would be its turn. For what no interrupt handler does. Whoever waits can be interrupted, and so can the holder: it may call
// Platform::run_on(), which a core with its interrupts disabled would never answer.
class Lock {
 public:
  // Holds the lock for as long as it lives.
  class Held {
   public:
    explicit Held(Lock& lock) noexcept : lock_{lock} {
      for (unsigned free = 0; !lock_.held_.exchange_if(free, 1); free = 0)
        while (lock_.held_.load_relaxed() != 0) arch::relax();
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { lock_.held_.store_release(0); }

   private:
    Lock& lock_;
  };

 private:
  quarry::Atomic<unsigned> held_{};
};

}  // namespace kernel
