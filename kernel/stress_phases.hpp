// kernel/stress_phases.hpp: what cores do under stress, whatever it is that they take, pass on and give back.
//
//   steady   take | pass to another core | give back      use_up   take until refused, keep all      drop_all   give back
#pragma once

#include <span>

#include "kernel/cores.hpp"
#include "kernel/stamp.hpp"

namespace kernel {

// One core's part. Result has operations, passed_on, refusals and complaint.
template <class Result, unsigned kHeld>
struct alignas(64) StressWorker {
  Inbox inbox{};
  Stamp* held[kHeld] = {};
  Stamp* hoard = nullptr;  // while memory is used up, linked
  std::uint64_t random = 0, sequence = 0;
  Result result{};

  std::uint64_t next_random() noexcept {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    return random >> 8;
  }
};

// Self has get(worker, core), which says null when it was refused, and put_back(worker, block), both for this class to call.
template <class Self, class Worker>
class StressPhases {
 public:
  explicit StressPhases(std::span<Worker> workers) noexcept : workers_{workers} {}

  // Until a core is refused several times in a row, whatever it asks for.
  void use_up(unsigned core) noexcept {
    constexpr unsigned enough = 8;
    Worker& me = workers_[core];
    for (unsigned refused = 0; refused < enough && me.result.complaint.empty();) {
      Stamp* const block = self().get(me, core);
      ++refused;
      if (block == nullptr) continue;
      refused = 0;
      block->next = me.hoard;
      me.hoard = block;
    }
  }
  void take_in(unsigned core) noexcept {
    Worker& me = workers_[core];
    for (Stamp* block = me.inbox.take_all(); block != nullptr && me.result.complaint.empty();) {
      Stamp* const next = block->next;
      self().put_back(me, block);
      block = next;
    }
  }
  void drop_all(unsigned core) noexcept {
    Worker& me = workers_[core];
    take_in(core);
    while (me.hoard != nullptr && me.result.complaint.empty()) {
      Stamp* const block = me.hoard;
      me.hoard = block->next;
      self().put_back(me, block);
    }
    for (Stamp*& slot : me.held) {
      if (slot != nullptr) self().put_back(me, slot);
      slot = nullptr;
    }
  }

 protected:
  // One step at one of the places that a core holds something in: it is filled, handed to some core, or emptied.
  void turn(Worker& me, unsigned core) noexcept {
    const std::uint64_t random = me.next_random();
    Stamp*& slot = me.held[random % std::size(me.held)];
    if (slot == nullptr) {
      slot = self().get(me, core);
      return;
    }
    if ((random >> 8 & 1) != 0) {
      const auto to = static_cast<unsigned>((random >> 16) % workers_.size());
      workers_[to].inbox.put(slot);
      me.result.passed_on += to != core;
    } else {
      self().put_back(me, slot);
    }
    slot = nullptr;
  }
  std::span<Worker> workers() const noexcept { return workers_; }

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
  std::span<Worker> workers_;
};

// A phase of `all` on each core; back when all have finished.
template <class Stress, class Phase>
void on_all(Stress& all, unsigned cores, Phase) noexcept {
  run_on_cores(
      cores, [](void* self, unsigned core) noexcept { Phase{}(*static_cast<Stress*>(self), core); }, &all);
}

// What all cores did, and the first complaint.
template <class Worker>
auto sum_of(std::span<Worker> workers) noexcept {
  decltype(Worker::result) sum;
  for (const Worker& worker : workers) {
    sum.operations += worker.result.operations;
    sum.passed_on += worker.result.passed_on;
    sum.refusals += worker.result.refusals;
    if (sum.complaint.empty()) sum.complaint = worker.result.complaint;
  }
  return sum;
}

}  // namespace kernel
