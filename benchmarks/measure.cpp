// benchmarks/measure.cpp: runs workloads on Quarry and its peers, in turn, and prints what each took.
//
//   measure [--peer FILE.so] [--only quarry|peer] [--rounds N] WORKLOAD...
//
// A line a phase: workload, phase, subject, nanoseconds an operation (the median of the rounds). Workloads:
// boot, and scale-N, scale-N-ascending, scale-N-descending. Exit status 1: the subjects disagree.
#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "benchmarks/memblock_quarry.hpp"
#include "benchmarks/memblock_workloads.hpp"

namespace {

using namespace quarry::bench;

struct Subject {
  const char* name;
  const memblock_subject* calls;
};

constexpr std::uint64_t kMostAllocations = 3000;

Measured run(const std::string& workload, const memblock_subject& subject, unsigned times) {
  if (workload == "boot") return replay_boot(subject, times);
  const std::uint64_t regions = std::strtoull(workload.c_str() + std::strlen("scale-"), nullptr, 10);
  const Sequence sequence = workload.ends_with("-ascending")    ? Sequence::ascending
                            : workload.ends_with("-descending") ? Sequence::descending
                                                                : Sequence::shuffled;
  return scale(subject, regions, std::min(regions, kMostAllocations), sequence);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// Rounds are interleaved: each subject once, then each again.
bool measure(const std::string& workload, const std::vector<Subject>& subjects, unsigned rounds,
             unsigned times) {
  std::map<std::string, std::map<std::string, std::vector<double>>> took;
  std::vector<std::string> phases;
  bool agree = true;
  for (unsigned round = 0; round < rounds; ++round) {
    std::vector<Outcome> outcomes;
    for (const Subject& subject : subjects) {
      const Measured measured = run(workload, *subject.calls, times);
      outcomes.push_back(measured.outcome);
      for (const Phase& phase : measured.phases) {
        if (took.find(phase.name) == took.end()) phases.push_back(phase.name);
        took[phase.name][subject.name].push_back(phase.ns / static_cast<double>(phase.operations));
      }
      if (round == 0)
        std::printf("# %s %s: %llu reserved regions, %llu free ranges, addresses %llx%s\n", workload.c_str(),
                    subject.name, static_cast<unsigned long long>(measured.outcome.reserved_regions),
                    static_cast<unsigned long long>(measured.outcome.free_ranges),
                    static_cast<unsigned long long>(measured.outcome.addresses),
                    measured.outcome.has_failed ? ", FAILED" : "");
      agree = agree && !measured.outcome.has_failed;
    }
    for (const Outcome& outcome : outcomes) agree = agree && outcome == outcomes.front();
  }
  for (const std::string& phase : phases)
    for (const Subject& subject : subjects)
      std::printf("%s %s %s %.2f\n", workload.c_str(), phase.c_str(), subject.name,
                  median(took[phase][subject.name]));
  std::fflush(stdout);
  return agree;
}

const memblock_subject* open_peer(const char* file) {
  void* const library = dlopen(file, RTLD_NOW);
  void* const found = library == nullptr ? nullptr : dlsym(library, "linux_memblock");
  if (found == nullptr) std::fprintf(stderr, "measure: %s\n", dlerror());
  return static_cast<const memblock_subject*>(found);
}

}  // namespace

int main(int argc, char** argv) {
  const char* peer = nullptr;
  std::string only;
  unsigned rounds = 5, times = 200;
  std::vector<std::string> workloads;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--peer" && has_value) {
      peer = argv[++i];
    } else if (word == "--only" && has_value) {
      only = argv[++i];
    } else if (word == "--rounds" && has_value) {
      rounds = static_cast<unsigned>(std::atoi(argv[++i]));
    } else if (word == "--times" && has_value) {
      times = static_cast<unsigned>(std::atoi(argv[++i]));
    } else if (word == "boot" || word.starts_with("scale-")) {
      workloads.push_back(word);
    } else {
      std::fprintf(stderr, "measure: what is %s?\n", word.c_str());
      return 2;
    }
  }
  void* const at = reinterpret_cast<void*>(kMemoryBase);
  if (mmap(at, kMemorySize, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != at) {
    std::perror("measure: mapping the memory");
    return 3;
  }
  std::vector<Subject> subjects;
  if (only != "peer") subjects.push_back({"quarry", &quarry_memblock});
  if (peer != nullptr && only != "quarry") {
    const memblock_subject* const calls = open_peer(peer);
    if (calls == nullptr) return 3;
    subjects.push_back({"linux-6.1", calls});
  }
  bool agree = true;
  for (const std::string& workload : workloads)
    agree = measure(workload, subjects, std::max(rounds, 1U), times) && agree;
  if (!agree) std::fprintf(stderr, "measure: the subjects disagree\n");
  return agree ? 0 : 1;
}
