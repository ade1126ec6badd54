// kernel/lock.hpp: one core at a time, in the order in which they came.
#pragma once

#include "kernel/platform.hpp"
#include "quarry/base/atomic.hpp"

namespace kernel {

class Lock {
 public:
  // Holds the lock, and keeps interrupts away from this core, for as long as it lives.
  class Held {
   public:
    explicit Held(Lock& lock) noexcept : lock_{lock}, guard_{Platform{}} {
      const unsigned mine = lock_.next_.fetch_add_relaxed(1);
      while (lock_.served_.load_acquire() != mine) arch::relax();
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { lock_.served_.store_release(lock_.served_.load_relaxed() + 1); }

   private:
    Lock& lock_;
    Platform::Guard guard_;
  };

 private:
  quarry::Atomic<unsigned> next_{};
  quarry::Atomic<unsigned> served_{};
};

}  // namespace kernel
