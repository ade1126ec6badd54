// quarry/base/locking.hpp: locks, and the words that say to a compiler which one guards what.
//
//   std::uint64_t free_ QUARRY_GUARDED_BY(lock);       read and written only by who holds it
//   void give(...) QUARRY_REQUIRES(zone.lock);         called only by who holds it
//
// clang proves both at compile time (-Wthread-safety); for others the words are nothing.
#pragma once

#include <cstdint>

#include "quarry/base/atomic.hpp"

#if defined(__clang__)
#define QUARRY_ANNOTATION(x) __attribute__((x))
#else
#define QUARRY_ANNOTATION(x)
#endif
#define QUARRY_LOCK_TYPE QUARRY_ANNOTATION(capability("lock"))
#define QUARRY_SCOPED_LOCK QUARRY_ANNOTATION(scoped_lockable)
#define QUARRY_GUARDED_BY(x) QUARRY_ANNOTATION(guarded_by(x))
#define QUARRY_REQUIRES(...) QUARRY_ANNOTATION(requires_capability(__VA_ARGS__))
#define QUARRY_ACQUIRES(...) QUARRY_ANNOTATION(acquire_capability(__VA_ARGS__))
#define QUARRY_RELEASES(...) QUARRY_ANNOTATION(release_capability(__VA_ARGS__))
#define QUARRY_EXCLUDES(...) QUARRY_ANNOTATION(locks_excluded(__VA_ARGS__))
// For what runs while nobody else can, and for functions called back by who holds the lock.
#define QUARRY_UNLOCKED QUARRY_ANNOTATION(no_thread_safety_analysis)

namespace quarry {

// Taken and let go without waiting for anything but its holder. Not taken twice by one core.
template <class L>
concept Lock = requires(L& lock) {
  { lock.acquire() } noexcept;
  { lock.release() } noexcept;
};

// What a loop that waits for another core says to its own.
inline void relax_core() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__ARM_ARCH_7A__) || defined(__ARM_ARCH_7VE__)
  __asm__ volatile("yield");
#endif
}

// Waits by reading, so that the line stays with who waits until it is written.
//
// Cost      one exchange when nobody holds it.
class QUARRY_LOCK_TYPE SpinLock {
 public:
  constexpr SpinLock() noexcept = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void acquire() noexcept QUARRY_ACQUIRES() {
    while (held_.exchange_acquire(1) != 0)
      while (held_.load_relaxed() != 0) relax_core();
  }
  void release() noexcept QUARRY_RELEASES() { held_.store_release(0); }

 private:
  Atomic<std::uint32_t> held_;
};

// Where there is one core, and nothing interrupts it that would want the lock.
class QUARRY_LOCK_TYPE NoLock {
 public:
  constexpr NoLock() noexcept = default;
  void acquire() noexcept QUARRY_ACQUIRES() {}
  void release() noexcept QUARRY_RELEASES() {}
};
static_assert(Lock<SpinLock> && Lock<NoLock>);

// Holds a lock as long as it lives.
template <Lock L>
class QUARRY_SCOPED_LOCK Hold {
 public:
  explicit Hold(L& lock) noexcept QUARRY_ACQUIRES(lock) : lock_{lock} { lock.acquire(); }
  ~Hold() QUARRY_RELEASES() { lock_.release(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  L& lock_;
};

}  // namespace quarry
