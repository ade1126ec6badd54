#include "kernel/calls.hpp"

#include "kernel/cores.hpp"
#include "quarry/base/atomic.hpp"

namespace kernel {
namespace {

constexpr unsigned kCallsOfEach = 400;

struct Calls {
  unsigned cores = 0;
  quarry::Atomic<std::uint64_t> run{};
  quarry::Atomic<std::uint64_t> astray{};  // on another core than was asked for, or not once
};

struct OneCall {
  Calls* all;
  unsigned to;
  unsigned times = 0;
};

void count(void* self, unsigned core) noexcept {
  OneCall& call = *static_cast<OneCall*>(self);
  ++call.times;
  call.all->run.fetch_add_relaxed(1);
  if (core != call.to || arch::this_core() != call.to) call.all->astray.fetch_add_relaxed(1);
}

void call_others(void* self, unsigned core) noexcept {
  Calls& all = *static_cast<Calls*>(self);
  for (unsigned i = 0; i < kCallsOfEach; ++i) {
    OneCall call{.all = &all, .to = (core + i) % all.cores};
    Platform{}.run_on(call.to, &count, &call);
    if (call.times != 1) all.astray.fetch_add_relaxed(1);
  }
}

}  // namespace

quarry::memory::Exercise exercise_calls() noexcept {
  Calls all{.cores = running_cores()};
  run_on_cores(all.cores, &call_others, &all);
  quarry::memory::Exercise done{.what = "calls between cores", .operations = all.run.load_acquire()};
  if (done.operations != std::uint64_t{kCallsOfEach} * all.cores)
    done.complaint = "calls were lost, or run twice";
  if (all.astray.load_acquire() != 0)
    done.complaint = "calls were run elsewhere, or not before they returned";
  return done;
}

}  // namespace kernel
