// benchmarks/measure_objects.cpp: the object workloads, on Quarry's caches and on general allocators, which take turns.
//
//   measure_objects [--rounds N] [--only SUBJECT] WORKLOAD...
//
// A line a value: "pair-64 quarry ns 1.91", the median of the rounds. Workloads: pairs, tenk, bulk, batch, cross, memory.
// Subjects: quarry (kmem_cache), kmalloc (Quarry's), hardened (kmem_cache with everything on), glibc, mimalloc, jemalloc, tcmalloc.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "benchmarks/measured.hpp"
#include "benchmarks/object_subjects.hpp"
#include "benchmarks/random.hpp"

namespace {

using namespace quarry::bench;

constexpr std::size_t kTenK = 10'000;
std::map<std::string, std::vector<double>> values;
std::vector<std::string> order_of_keys;
std::string only;

bool is_wanted(const std::string& subject) { return only.empty() || only == subject; }

void report(const std::string& key, double value) {
  auto& all = values[key];
  if (all.empty()) order_of_keys.push_back(key);
  all.push_back(value);
}
// Nothing moves across it, and who allocated may have written.
void barrier(void* object) { asm volatile("" : : "r"(object) : "memory"); }

// --- Subjects, with the size bound -----------------------------------------------------------------
template <class C>
struct OfCache {
  C& cache;
  [[gnu::always_inline]] void* take() {
    const auto object = cache.alloc();
    if (!object) std::exit(1);
    return object.value();
  }
  [[gnu::always_inline]] void give(void* object) {
    if (!cache.free(object)) std::exit(1);
  }
};
template <class K>
struct OfKmalloc {
  K& kmalloc;
  std::size_t size;
  [[gnu::always_inline]] void* take() {
    const auto object = kmalloc.kmalloc(size);
    if (!object) std::exit(1);
    return object.value();
  }
  [[gnu::always_inline]] void give(void* object) {
    if (!kmalloc.kfree(object)) std::exit(1);
  }
};
struct OfMalloc {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  std::size_t size;
  [[gnu::always_inline]] void* take() { return malloc(size); }
  [[gnu::always_inline]] void give(void* object) { free(object); }
};

// Objects that are always there, and go nowhere: what a workload costs without an allocator.
struct OfNothing {
  std::vector<std::byte>* memory;
  std::size_t size, at = 0;
  [[gnu::always_inline]] void* take() {
    at = at + size < memory->size() ? at + size : 0;
    return memory->data() + at;
  }
  [[gnu::always_inline]] void give(void*) {}
};

// Calls use(name, subject) for each that is wanted and there.
template <class Use>
void for_each_subject(std::size_t size, unsigned cores, Use&& use) {
  const auto bytes = static_cast<std::uint32_t>(size);
  if (is_wanted("quarry")) {
    ObjectMachine<> machine{cores};
    use("quarry", OfCache<ObjectMachine<>::Cache>{machine.cache(bytes)});
  }
  if (is_wanted("kmalloc")) {
    ObjectMachine<> machine{cores};
    auto& kmalloc = machine.kmalloc();
    use("kmalloc", OfKmalloc<std::remove_reference_t<decltype(kmalloc)>>{kmalloc, size});
  }
  if (only == "hardened") {
    using Machine = ObjectMachine<quarry::slab::kHardened>;
    Machine machine{cores};
    use("hardened", OfCache<Machine::Cache>{machine.cache(bytes)});
  }
  for (const char* const name : {"glibc", "mimalloc", "jemalloc", "tcmalloc"}) {
    if (!is_wanted(name)) continue;
    const Malloc peer = Malloc::open(name);
    if (peer.is_there()) use(name, OfMalloc{peer.take, peer.give, size});
  }
}

// --- Workloads -------------------------------------------------------------------------------------
template <class S>
[[gnu::noinline]] void run_pairs(S subject, std::size_t times) {
  for (; times != 0; --times) {
    void* const object = subject.take();
    barrier(object);
    subject.give(object);
  }
}
void pairs() {
  for (const std::size_t size : {16u, 64u, 96u, 256u, 1024u})
    for_each_subject(size, 1, [&](const std::string& name, auto subject) {
      const std::size_t times = is_counting() ? 100'000 : 2'000'000;
      run_pairs(subject, 200'000);
      const std::string key = "pair-" + std::to_string(size) + " " + name;
      report(key + " ns", measure(key, static_cast<double>(times), [&] { run_pairs(subject, times); }));
    });
}

template <class S>
[[gnu::noinline]] void take_all(S subject, std::vector<void*>& objects) {
  for (void*& object : objects) object = subject.take();
}
template <class S>
[[gnu::noinline]] void give_all(S subject, const std::vector<void*>& objects) {
  for (void* const object : objects) subject.give(object);
}
double median(std::vector<double>& all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}
void ten_thousand() {
  for (const std::size_t size : {64u, 1024u})
    for_each_subject(size, 1, [&](const std::string& name, auto subject) {
      const std::string key = "tenk-" + std::to_string(size);
      for (const char* const how : {"reverse", "same", "shuffled"}) {
        std::vector<void*> objects(kTenK);
        std::vector<double> taken, given;
        const unsigned times = is_counting() ? 2 : 31;
        for (unsigned i = 0; i < times; ++i) {
          // Under callgrind only the second time counts.
          const bool counts = !is_counting() || i == 1;
          const auto run = [&](const std::string& what, auto body) {
            if (counts) return measure(key + "-" + what + " " + name, kTenK, body);
            body();
            return 0.0;
          };
          taken.push_back(run(std::string{"alloc-"} + how, [&] { take_all(subject, objects); }));
          if (std::strcmp(how, "reverse") == 0) std::ranges::reverse(objects);
          Random random{42};
          if (std::strcmp(how, "shuffled") == 0)
            for (std::size_t at = kTenK - 1; at > 0; --at)
              std::swap(objects[at], objects[random.below(at + 1)]);
          given.push_back(run(std::string{"free-"} + how, [&] { give_all(subject, objects); }));
        }
        report(key + "-alloc-" + how + " " + name + " ns", median(taken));
        report(key + "-free-" + how + " " + name + " ns", median(given));
      }
    });
}

// Rows of 64, which only Quarry has.
void bulk() {
  ObjectMachine<> machine;
  auto& cache = machine.cache(64);
  void* row[64];
  const auto run = [&](unsigned times) {
    for (; times != 0; --times) {
      if (cache.alloc_bulk(row) != 64) std::exit(1);
      barrier(row);
      if (!cache.free_bulk(row)) std::exit(1);
    }
  };
  run(2000);
  const unsigned times = is_counting() ? 2000 : 40'000;
  report("bulk64 quarry ns", measure("bulk64 quarry", 64.0 * times, [&] { run(times); }));
}

// Two threads, each 100 objects out and in.
void batch() {
  for_each_subject(64, 2, [&](const std::string& name, auto subject) {
    double took[2] = {};
    std::atomic<unsigned> ready{0};
    const auto work = [&](unsigned core) {
      BenchCores::mine = core;
      auto mine = subject;
      void* objects[100];
      ++ready;
      while (ready.load() != 2) {
      }
      const double begin = now_ns();
      for (unsigned i = 0; i < 3000; ++i) {
        for (void*& object : objects) object = mine.take();
        for (void* const object : objects) mine.give(object);
      }
      took[core] = (now_ns() - begin) / 300'000;
    };
    std::thread other{work, 1};
    work(0);
    other.join();
    BenchCores::mine = 0;
    report("batch100 " + name + " ns", std::max(took[0], took[1]));
  });
}

// Core 0 allocates and writes a byte, core 1 frees: a ring of 1,024, told of each 32.
void cross() {
  const auto run = [&](const std::string& name, auto subject) {
    constexpr std::size_t kObjects = 1'500'000, kSlots = 1024, kBatch = 32;
    std::vector<void*> ring(kSlots);
    alignas(64) std::atomic<std::size_t> written{0};
    alignas(64) std::atomic<std::size_t> read{0};
    double took = 0;
    std::thread consumer{[&] {
      BenchCores::mine = 1;
      auto mine = subject;
      for (std::size_t at = 0; at < kObjects; at += kBatch) {
        while (written.load(std::memory_order_acquire) < at + kBatch) {
        }
        for (std::size_t i = 0; i < kBatch; ++i) mine.give(ring[(at + i) % kSlots]);
        read.store(at + kBatch, std::memory_order_release);
      }
    }};
    const double begin = now_ns(CLOCK_MONOTONIC);
    auto mine = subject;
    for (std::size_t at = 0; at < kObjects; at += kBatch) {
      while (at + kBatch - read.load(std::memory_order_acquire) > kSlots) {
      }
      for (std::size_t i = 0; i < kBatch; ++i) {
        void* const object = mine.take();
        *static_cast<unsigned char*>(object) = 1;
        ring[(at + i) % kSlots] = object;
      }
      written.store(at + kBatch, std::memory_order_release);
    }
    consumer.join();
    took = (now_ns(CLOCK_MONOTONIC) - begin) / kObjects;
    report("cross " + name + " ns", took);
  };
  std::vector<std::byte> memory(std::size_t{64} << 11);
  run("nothing", OfNothing{&memory, 64});
  for_each_subject(64, 2, run);
}

// --- Memory ----------------------------------------------------------------------------------------
double resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  long total = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%ld %ld", &total, &resident) != 2) std::exit(1);
  std::fclose(file);
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}
// A million objects, and then the tenth of them that a random choice leaves: what each costs beside its own size. Quarry's
// are the pages and descriptors that its caches have; others' the process's resident memory, in a process of their own.
template <class S, class Bytes, class GiveBack>
void measure_memory(const std::string& key, std::size_t size, S subject, Bytes bytes, GiveBack give_back) {
  constexpr std::size_t kObjects = 1'000'000;
  std::vector<void*> objects(kObjects);
  const double before = bytes();
  for (void*& object : objects) {
    object = subject.take();
    std::memset(object, 1, size);
  }
  report(key + " fresh", (bytes() - before) / kObjects - static_cast<double>(size));
  Random random{42};
  std::size_t live = kObjects;
  while (live > kObjects / 10) {
    const std::size_t at = random.below(live);
    subject.give(objects[at]);
    objects[at] = objects[--live];
  }
  give_back();
  report(key + " tenth", (bytes() - before) / static_cast<double>(live) - static_cast<double>(size));
}
void memory() {
  for (const std::size_t size : {16u, 64u, 96u, 256u, 1024u}) {
    const std::string key = "memory-" + std::to_string(size) + " ";
    if (is_wanted("quarry")) {
      ObjectMachine<> machine;
      auto& cache = machine.cache(static_cast<std::uint32_t>(size));
      measure_memory(
          key + "quarry", size, OfCache<ObjectMachine<>::Cache>{cache},
          [&] { return static_cast<double>(machine.used_pages()) * (4096 + 16); },
          [&] { machine.slabs().give_back(); });
    }
    for (const char* const name : {"glibc", "mimalloc", "jemalloc", "tcmalloc"}) {
      if (!is_wanted(name)) continue;
      std::fflush(stdout);
      int ends[2];
      if (pipe(ends) != 0) std::exit(1);
      const pid_t child = fork();
      if (child == 0) {
        values.clear();
        const Malloc peer = Malloc::open(name);
        if (peer.is_there())
          measure_memory(key + name, size, OfMalloc{peer.take, peer.give, size}, resident_bytes,
                         [&] { peer.give_back(); });
        double both[2] = {-1, -1};
        if (!values.empty())
          both[0] = values[key + name + " fresh"][0], both[1] = values[key + name + " tenth"][0];
        const bool is_told = write(ends[1], both, sizeof both) == sizeof both;
        _exit(is_told ? 0 : 1);
      }
      double both[2] = {-1, -1};
      const bool is_read = read(ends[0], both, sizeof both) == sizeof both;
      waitpid(child, nullptr, 0);
      close(ends[0]), close(ends[1]);
      if (!is_read || both[0] < 0) continue;
      report(key + name + " fresh", both[0]);
      report(key + name + " tenth", both[1]);
    }
  }
}

}  // namespace

int main(int count, char** words) {
  unsigned rounds = 5;
  const std::map<std::string, std::function<void()>> workloads = {{"pairs", pairs}, {"tenk", ten_thousand},
                                                                  {"bulk", bulk},   {"batch", batch},
                                                                  {"cross", cross}, {"memory", memory}};
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--rounds" && i + 1 < count) {
      rounds = static_cast<unsigned>(std::atoi(words[++i]));
    } else if (word == "--only" && i + 1 < count) {
      only = words[++i];
    } else if (const auto found = workloads.find(word); found != workloads.end()) {
      for (unsigned round = 0; round < rounds; ++round) found->second();
    } else {
      std::fprintf(stderr, "quarry: no workload is called %s\n", word.c_str());
      return 2;
    }
  }
  for (const std::string& key : order_of_keys) std::printf("%s %.2f\n", key.c_str(), median(values[key]));
}
