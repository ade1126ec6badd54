// host/threaded_host.hpp: a machine whose cores are threads, for tests and benches that run at the same time.
#pragma once

#include <vector>

#include "quarry/port/platform.hpp"

namespace quarry::hosted {

namespace detail {

struct ThisThread {
  unsigned core = 0, depth = 0;  // depth: guards it is under
};

}  // namespace detail

// What threads share: a lock for each core, held while that core is under a guard.
class ThreadCores {
 public:
  explicit ThreadCores(unsigned count) : cores_(count) {}
  unsigned count() const noexcept { return static_cast<unsigned>(cores_.size()); }
  SpinLock& lock_of(unsigned core) const noexcept { return cores_[core].lock; }

 private:
  struct alignas(64) Core {
    mutable SpinLock lock;
  };
  std::vector<Core> cores_;
};

// A handle that may be copied, good while the cores live. Each thread says once which core it is. Whoever must do something
// in another core's place waits until that one is out of its guards, and keeps it out meanwhile.
class Threads {
 public:
  class Guard {
   public:
    explicit Guard(const Threads& threads) noexcept QUARRY_UNLOCKED
        : lock_{threads.cores_->lock_of(now_.core)},
          core_{now_.core} {
      if (now_.depth++ == 0) lock_.acquire();
    }
    ~Guard() QUARRY_UNLOCKED {
      if (--now_.depth == 0) lock_.release();
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    unsigned core() const noexcept { return core_; }

   private:
    SpinLock& lock_;
    unsigned core_;
  };
  using Lock = SpinLock;

  explicit Threads(const ThreadCores& cores) noexcept : cores_{&cores} {}

  static void become(unsigned core) noexcept { now_.core = core; }
  unsigned core_count() const noexcept { return cores_->count(); }
  unsigned this_core() const noexcept { return now_.core; }
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    check(now_.depth == 0, "another core is asked for something under a guard");
    const unsigned home = now_.core;
    now_.core = core;
    {
      const Guard guard{*this};
      function(self, core);
    }
    now_.core = home;
  }

 private:
  static inline thread_local detail::ThisThread now_;

  const ThreadCores* cores_;
};
static_assert(port::Cores<Threads>);

}  // namespace quarry::hosted
