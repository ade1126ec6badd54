// tests/schedules.hpp: every way in which a few cores can take turns, one after the other.
//
//   core 0   --p----p------p--|            p: a point where another core may go on: before each lock and each guard
//   core 1      |---p--|   p---p-          a run is a list of choices at such points; the next run differs in the last
//   core 2                 |--p---|        one that has another left
//
// Cores are fibers of one thread, so that a run is repeated exactly. A switch away from a core that could go on is a
// preemption; runs have so many at most. That bounds how many runs there are, and most faults need one or two.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "quarry/base/check.hpp"
#include "quarry/port/platform.hpp"

namespace quarry::testing {

class Schedules {
 public:
  struct Explored {
    std::uint64_t runs = 0, points = 0;
    std::string wrong;               // empty: nothing
    std::vector<unsigned> schedule;  // the choices that led there
  };

  // Runs `cores` under every schedule of at most `preemptions`. Before each run `begin` is called, after it `end`, which says
  // what is wrong, both with no core running.
  Explored explore(const std::vector<std::function<void()>>& cores, unsigned preemptions,
                   const std::function<void()>& begin, const std::function<std::string()>& end) {
    Explored explored;
    choices_.clear();
    do {
      begin();
      ++explored.runs;
      explored.wrong = run(cores, preemptions);
      if (explored.wrong.empty()) explored.wrong = end();
      explored.points += choices_.size();
      if (explored.wrong.empty()) continue;
      for (const Choice& choice : choices_) explored.schedule.push_back(choice.core);
      return explored;
    } while (advance());
    return explored;
  }

  // Called by a core: it stops here until its turn comes again, and `may_go_on` holds.
  void point(const std::function<bool()>& may_go_on = [] { return true; }) {
    if (!is_running_) return;
    fibers_[now_].may_go_on = may_go_on;
    swapcontext(&fibers_[now_].context, &home_);
  }
  // Whose turn it is; core() is another one while it acts for that.
  unsigned who() const { return is_running_ ? now_ : ~0u; }
  unsigned core() const { return is_running_ ? fibers_[now_].acts_for : outside_; }
  void act_for(unsigned core) { (is_running_ ? fibers_[now_].acts_for : outside_) = core; }

 private:
  static constexpr std::size_t kStack = std::size_t{256} << 10;
  struct Fiber {
    ucontext_t context{};
    std::vector<char> stack;
    std::function<bool()> may_go_on;
    bool is_done = false;
    unsigned acts_for = 0;
  };
  struct Choice {
    std::vector<unsigned> others;  // cores that may be chosen instead, in turn
    unsigned core;
  };

  static void enter(unsigned low, unsigned high) {
    auto* const self = reinterpret_cast<Schedules*>(std::uintptr_t{low} | std::uintptr_t{high} << 32);
    const unsigned mine = self->now_;
    (*self->bodies_)[mine]();
    self->fibers_[mine].is_done = true;
    swapcontext(&self->fibers_[mine].context, &self->home_);
  }

  std::string run(const std::vector<std::function<void()>>& cores, unsigned preemptions) {
    bodies_ = &cores;
    fibers_.resize(cores.size());
    for (unsigned core = 0; core < cores.size(); ++core) {
      Fiber& fiber = fibers_[core];
      fiber.stack.resize(kStack);
      fiber.may_go_on = [] { return true; };
      fiber.is_done = false;
      fiber.acts_for = core;
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.data();
      fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = nullptr;
      const auto self = reinterpret_cast<std::uintptr_t>(this);
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&enter), 2, static_cast<unsigned>(self),
                  static_cast<unsigned>(self >> 32));
    }
    is_running_ = true;
    const std::string wrong = take_turns(preemptions);
    is_running_ = false;
    return wrong;
  }

  std::string take_turns(unsigned preemptions) {
    std::size_t at = 0;
    unsigned last = 0;
    for (;;) {
      std::vector<unsigned> able;
      bool is_any_left = false;
      for (unsigned core = 0; core < fibers_.size(); ++core) {
        if (fibers_[core].is_done) continue;
        is_any_left = true;
        if (fibers_[core].may_go_on()) able.push_back(core);
      }
      if (!is_any_left) return "";
      if (able.empty()) return "all cores wait for each other";
      const bool could_go_on =
          !fibers_[last].is_done && std::find(able.begin(), able.end(), last) != able.end();
      if (at == choices_.size()) {
        Choice fresh{{}, could_go_on ? last : able.front()};
        if (!could_go_on || preemptions != 0)
          for (const unsigned core : able)
            if (core != fresh.core) fresh.others.push_back(core);
        choices_.push_back(fresh);
      }
      const unsigned next = choices_[at++].core;
      if (could_go_on && next != last) --preemptions;
      now_ = last = next;
      swapcontext(&home_, &fibers_[next].context);
    }
  }

  // The next schedule; false when there is none.
  bool advance() {
    while (!choices_.empty() && choices_.back().others.empty()) choices_.pop_back();
    if (choices_.empty()) return false;
    choices_.back().core = choices_.back().others.back();
    choices_.back().others.pop_back();
    return true;
  }

  const std::vector<std::function<void()>>* bodies_ = nullptr;
  std::vector<Fiber> fibers_;
  std::vector<Choice> choices_;
  ucontext_t home_{};
  unsigned now_ = 0;
  unsigned outside_ = 0;  // whom `begin` and `end` act for
  bool is_running_ = false;
};

inline Schedules* schedules = nullptr;  // of the running test: locks know no more than that there is one

// A lock at which cores take turns.
class QUARRY_LOCK_TYPE ScheduledLock {
 public:
  void acquire() noexcept QUARRY_ACQUIRES() {
    schedules->point([this] { return !is_held_; });
    check(!is_held_, "a lock is taken twice");
    is_held_ = true;
  }
  void release() noexcept QUARRY_RELEASES() { is_held_ = false; }

 private:
  bool is_held_ = false;
};

// Cores under a schedule: a handle to how deep each is under guards, and by whom: itself, or one that acts for it.
class ScheduledCores {
 public:
  struct Depths {
    unsigned of[8] = {};
    unsigned by[8] = {};
  };
  class Guard {
   public:
    explicit Guard(const ScheduledCores& cores) noexcept : cores_{cores}, core_{schedules->core()} {
      if (!cores_.is_mine(core_)) cores_.wait_for(core_);
      ++cores_.depths_->of[core_];
    }
    ~Guard() { --cores_.depths_->of[core_]; }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    unsigned core() const noexcept { return core_; }

   private:
    const ScheduledCores& cores_;
    unsigned core_;
  };
  using Lock = ScheduledLock;

  ScheduledCores() noexcept = default;
  ScheduledCores(unsigned count, Depths& depths) noexcept : count_{count}, depths_{&depths} {}
  unsigned core_count() const noexcept { return count_; }
  unsigned this_core() const noexcept { return schedules->core(); }
  bool is_guarded() const noexcept { return is_mine(schedules->core()); }
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    const unsigned home = schedules->core();
    check(!is_mine(home), "another core is asked for something under a guard");
    wait_for(core);
    schedules->act_for(core);
    ++depths_->of[core];  // as an interrupt there: it is under a guard until this is done
    function(self, core);
    --depths_->of[core];
    schedules->act_for(home);
  }

 private:
  // Whether it is who runs now that is under a guard of `core`.
  bool is_mine(unsigned core) const noexcept {
    return depths_->of[core] != 0 && depths_->by[core] == schedules->who();
  }
  void wait_for(unsigned core) const noexcept {
    schedules->point([this, core] { return depths_->of[core] == 0; });
    check(depths_->of[core] == 0, "two are under a guard of one core");
    depths_->by[core] = schedules->who();
  }

  unsigned count_ = 0;
  Depths* depths_ = nullptr;
};
static_assert(port::Cores<ScheduledCores>);

// Explores a scene, and prints a line of it and, where something is wrong, the schedule that led there.
//
// Returns   whether all is well.
inline bool play(Schedules& all, const std::string& scene, const std::vector<std::function<void()>>& cores,
                 unsigned preemptions, const std::function<void()>& begin,
                 const std::function<std::string()>& end) {
  const auto started = std::chrono::steady_clock::now();
  const auto explored = all.explore(cores, preemptions, begin, end);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  std::printf("%s: %llu schedules of up to %u preemptions, %.1f points each, %.1f s\n", scene.c_str(),
              static_cast<unsigned long long>(explored.runs), preemptions,
              static_cast<double>(explored.points) / static_cast<double>(explored.runs), took.count());
  std::fflush(stdout);  // a broken promise stops the machine, and then one wants to know where
  if (explored.wrong.empty()) return true;
  std::printf("  FAILED: %s, when cores go on in this order:", explored.wrong.c_str());
  for (const unsigned core : explored.schedule) std::printf(" %u", core);
  std::printf("\n");
  return false;
}

}  // namespace quarry::testing
