#include "benchmarks/memblock_workloads.hpp"

#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "benchmarks/random.hpp"

namespace quarry::bench {
namespace {

constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB;

// The time this thread ran: what else runs on the core is not ours.
std::uint64_t now() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(at.tv_nsec);
}

// QUARRY_COUNT in the environment: a profiler that wants to see all of the program leaves it out.
bool counts_instructions() { return std::getenv("QUARRY_COUNT") != nullptr; }

struct Call {
  std::uint64_t base = 0, size = 0;
};

// The operations of M1, drawn before the clock runs; what is freed depends on the answers.
struct Boot {
  std::vector<Call> adds, reserves, allocs;  // of an allocation, `base` is the alignment
  explicit Boot(Random random) {
    std::uint64_t at = kMemoryBase;
    for (int i = 0; i < 12; ++i) {
      at += (1 + random.below(64)) * kMiB;
      adds.push_back({at, (128 + random.below(896)) * kMiB});
      at += adds.back().size;
    }
    for (int i = 0; i < 100; ++i) {
      const Call& region = adds[random.below(12)];
      const std::uint64_t base = region.base + 4 * kKiB * random.below(region.size / (4 * kKiB) - 64);
      reserves.push_back({base, (1 + random.below(64)) * 4 * kKiB});
    }
    for (int i = 0; i < 150; ++i) {
      const std::uint64_t size = 64ULL << random.below(11);
      allocs.push_back({64ULL << random.below(7), size});
    }
  }
};

void note(Outcome& outcome, const memblock_subject& subject, memblock_walk walk) {
  outcome.reserved_regions = subject.reserved_regions();
  outcome.free_ranges = walk.ranges;
  outcome.free_bytes = walk.bytes;
}

}  // namespace

void Stopwatch::begin() {
  if (counts_instructions()) {
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
  }
  began_ = now();
}

void Stopwatch::end(const char* name, std::uint64_t operations) {
  const std::uint64_t took = now() - began_;
  if (counts_instructions()) {
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT((std::string{name} + '/' + std::to_string(operations)).c_str());
  }
  const auto phase = std::ranges::find(phases_, name, &Phase::name);
  if (phase == phases_.end()) {
    phases_.push_back({name, operations, static_cast<double>(took)});
  } else {
    phase->operations += operations;
    phase->ns += static_cast<double>(took);
  }
}

Measured replay_boot(const memblock_subject& subject, unsigned times) {
  const Boot boot{Random{}};
  Measured measured;
  Outcome& outcome = measured.outcome;
  std::vector<std::uint64_t> answers(boot.allocs.size());
  for (unsigned time = 0; time < times; ++time) {
    memblock_walk walk{};
    int failures = 0;
    subject.reset();
    Stopwatch{measured.phases}.time("replay", 299, [&] {
      for (const Call& call : boot.adds) failures += subject.add(call.base, call.size);
      for (const Call& call : boot.reserves) failures += subject.reserve(call.base, call.size);
      for (std::size_t i = 0; i < answers.size(); ++i)
        answers[i] = subject.alloc(boot.allocs[i].size, boot.allocs[i].base);
      for (std::size_t i = 3; i < answers.size(); i += 4)
        failures += subject.free(answers[i], boot.allocs[i].size);
      walk = subject.walk();
    });
    outcome.addresses = 0;
    for (const std::uint64_t answer : answers) {
      outcome.addresses += answer;
      failures += answer == 0;
    }
    outcome.has_failed = outcome.has_failed || failures != 0;
    note(outcome, subject, walk);
  }
  return measured;
}

Measured scale(const memblock_subject& subject, std::uint64_t regions, std::uint64_t allocations,
               Sequence sequence) {
  std::vector<std::uint64_t> order(regions);
  for (std::uint64_t i = 0; i < regions; ++i)
    order[i] = sequence == Sequence::descending ? regions - 1 - i : i;
  Random random;
  if (sequence == Sequence::shuffled) shuffle(order, random);
  Measured measured;
  Outcome& outcome = measured.outcome;
  Stopwatch clock{measured.phases};
  std::vector<std::uint64_t> answers(allocations);
  memblock_walk walk{};
  int failures = 0;
  subject.reset();
  failures += subject.add(kMemoryBase, kMemorySize);
  clock.time("reserve", regions, [&] {
    for (const std::uint64_t i : order)
      failures += subject.reserve(kMemoryBase + i * 16 * kKiB + 4 * kKiB, 4 * kKiB);
  });
  clock.time("alloc", allocations, [&] {
    for (std::uint64_t i = 0; i < allocations; ++i)
      answers[i] = subject.alloc(4 * kKiB, std::min<std::uint64_t>(64ULL << (i % 16), 2 * kMiB));
  });
  // What a walk yields is known only after one.
  const std::uint64_t ranges = subject.walk().ranges;
  clock.time("walk", ranges, [&] { walk = subject.walk(); });
  note(outcome, subject, walk);
  clock.time("free", allocations, [&] {
    for (const std::uint64_t answer : answers) failures += subject.free(answer, 4 * kKiB);
  });
  for (const std::uint64_t answer : answers) {
    outcome.addresses += answer;
    failures += answer == 0;
  }
  outcome.has_failed = failures != 0;
  return measured;
}

}  // namespace quarry::bench
