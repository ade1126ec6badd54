// benchmarks/memblock_workloads.hpp: M1..M4, on any subject: what is done, and what each phase of it took.
#pragma once

#include <string>
#include <vector>

#include "benchmarks/memblock_subject.h"

namespace quarry::bench {

// Where the workloads' memory lies: mapped, without pages behind it until a table grows there.
inline constexpr std::uint64_t kMemoryBase = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kMemorySize = std::uint64_t{500} << 30;

// One phase of a workload: `operations` calls that took `ns` in all.
struct Phase {
  std::string name;
  std::uint64_t operations = 0;
  double ns = 0;
};

// What a workload left behind, by which two subjects can be compared.
struct Outcome {
  std::uint64_t reserved_regions = 0;
  std::uint64_t free_ranges = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t addresses = 0;  // the sum of all answers
  bool has_failed = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Measured {
  std::vector<Phase> phases;
  Outcome outcome;
};

// Begins and ends what is measured. Under callgrind each phase's instructions are dumped under its name.
class Stopwatch {
 public:
  explicit Stopwatch(std::vector<Phase>& phases) : phases_{phases} {}
  template <class Body>
  void time(const char* name, std::uint64_t operations, Body body) {
    begin();
    body();
    end(name, operations);
  }

 private:
  void begin();
  void end(const char* name, std::uint64_t operations);

  std::vector<Phase>& phases_;
  std::uint64_t began_ = 0;
};

// M1: 299 operations of a boot, `times` over, each time afresh. One phase: replay.
Measured replay_boot(const memblock_subject& subject, unsigned times);

enum class Sequence { ascending, descending, shuffled };

// M2, M3, M4: `regions` reservations of 4 KiB, then `allocations`, a walk and the frees. Four phases:
// reserve, alloc, walk (an operation is a range), free.
Measured scale(const memblock_subject& subject, std::uint64_t regions, std::uint64_t allocations,
               Sequence sequence);

}  // namespace quarry::bench
