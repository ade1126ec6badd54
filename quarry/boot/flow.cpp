#include "quarry/boot/flow.hpp"

#include "quarry/early/bootmem.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot {

TextView name_of(Arch arch) noexcept {
  switch (arch) {
    case Arch::x86_64: return "x86_64";
    case Arch::arm64: return "arm64";
    case Arch::arm: return "arm";
    case Arch::riscv64: return "riscv64";
  }
  return "";
}

TextView name_of(HookPoint point) noexcept {
  switch (point) {
    case HookPoint::page_tables: return "page_tables";
    case HookPoint::board_reserve: return "board_reserve";
    case HookPoint::log_buffer: return "log_buffer";
    case HookPoint::numa_distance: return "numa_distance";
    case HookPoint::node_data: return "node_data";
    case HookPoint::unflatten: return "unflatten";
    case HookPoint::memmap: return "memmap";
    case HookPoint::devices: return "devices";
    case HookPoint::resources: return "resources";
    case HookPoint::command_line: return "command_line";
    case HookPoint::percpu: return "percpu";
    case HookPoint::late_log_buffer: return "late_log_buffer";
    case HookPoint::hashes: return "hashes";
    case HookPoint::late: return "late";
  }
  return "";
}

namespace {

// Of an error that a step hands on: the step's name stands before it.
TextView words_of(Error error) noexcept {
  switch (error) {
    case Error::no_memory: return "no memory is left for what it allocates";
    case Error::no_room: return "a table of the embedder's is full";
    case Error::too_early: return "a table is full and may not grow yet";
    case Error::bad_table:
    case Error::truncated_table: return "what firmware left is malformed";
    case Error::overflow: return "an address or a size does not fit in 64 bits";
    default: return "what it needs is not there";
  }
}

}  // namespace

Error State::fail(Error error, TextView what, Bytes needed, Bytes largest_hole) noexcept {
  failure = {.error = error, .step = step, .what = what, .needed = needed, .largest_hole = largest_hole};
  return error;
}

Result<Done> State::note(Note::Kind kind, TextView text, PhysRange range, std::uint64_t value) noexcept {
  const auto pushed =
      notes.push(arena, {.kind = kind, .step = step, .text = text, .range = range, .value = value});
  if (!pushed) return pushed.error();
  return Done{};
}

Bytes largest_hole(const early::Memblock& memblock) noexcept {
  Bytes largest{0};
  for (const early::MemoryRange& free : memblock.free_ranges()) {
    const PhysAddr limit = memblock.current_limit();
    const PhysAddr end = free.range.end() < limit ? free.range.end() : limit;
    if (free.range.begin() < end && end - free.range.begin() > largest) largest = end - free.range.begin();
  }
  return largest;
}

Bytes largest_hole(const State& state) noexcept {
  const early::Bootmem* const bootmem = state.allocator.bootmem();
  return bootmem != nullptr ? bootmem->stats().largest_free : largest_hole(state.memblock);
}

std::span<const Step> steps_of(Arch arch, EarlyChoice early) noexcept {
  switch (arch) {
    case Arch::x86_64: return x86_64_steps(early);
    case Arch::arm64: return arm64_steps(early);
    case Arch::arm: return arm_steps(early);
    case Arch::riscv64: return riscv64_steps(early);
  }
  return {};
}

Result<Done> run_step(State& state, const Step& step, const StepObserver& observer) noexcept {
  state.step = step.name;
  state.failure = {};
  if (observer.before != nullptr) observer.before(observer.self, step, state);
  const auto done = step.run(state);
  // A step that hands an error of another room on has not said more about it.
  if (!done && (state.failure.error != done.error() || state.failure.step != step.name))
    state.fail(done.error(), words_of(done.error()));
  if (observer.after != nullptr) observer.after(observer.self, step, state);
  return done;
}

Result<Done> run(State& state, const StepObserver& observer) noexcept {
  const auto steps = steps_of(state.machine.arch, state.early);
  if (steps.empty()) return state.fail(Error::not_found, "there is no flow for this architecture");
  for (const Step& step : steps) {
    const auto done = run_step(state, step, observer);
    if (!done) return done;
  }
  return Done{};
}

}  // namespace quarry::boot
