// benchmarks/early_allocators.cpp: boots the same machines with memblock and with bootmem, and counts what each costs.
//
//   early_allocators [--rounds N] MACHINE...
//
// A line a quantity: machine, allocator, name, value. Times are medians of the rounds, in nanoseconds of this thread.
// With QUARRY_COUNT in the environment, under callgrind, it dumps the instructions of each timed section instead.
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "host/early_memory.hpp"
#include "host/paged_host.hpp"
#include "host/virtual_arena.hpp"
#include "linux/describe.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/boot/bootmem.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/early/nobootmem.hpp"
#include "quarry/memory/metadata.hpp"
#include "quarry/memory/page_system.hpp"

namespace {

using namespace quarry;
using boot::EarlyChoice;

constexpr EarlyChoice kBoth[] = {EarlyChoice::memblock, EarlyChoice::bootmem};

const char* name_of(EarlyChoice choice) { return choice == EarlyChoice::bootmem ? "bootmem" : "memblock"; }

std::string short_name(std::string_view machine) {
  return std::string{machine.substr(machine.find_last_of('/') + 1)};
}

// What one machine's lines begin with.
struct Printer {
  std::string machine;
  EarlyChoice choice;
  void operator()(const char* name, double value) const {
    std::printf("%s %s %s %.0f\n", machine.c_str(), name_of(choice), name, value);
  }
};

// --- Time -------------------------------------------------------------------------------------------------

bool counts_instructions() { return std::getenv("QUARRY_COUNT") != nullptr; }

std::uint64_t now() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(at.tv_nsec);
}

// Runs `section` once. Returns its nanoseconds.
template <class Section>
double timed(const std::string& name, Section section) {
  if (counts_instructions()) {
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
  }
  const std::uint64_t begin = now();
  section();
  const std::uint64_t took = now() - begin;
  if (counts_instructions()) {
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(name.c_str());
  }
  return static_cast<double>(took);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// --- A machine up to where its allocators differ ------------------------------------------------------------

// What a boot asked for once its nodes were known.
struct Recorder {
  std::vector<early::Request> requests;
  bool is_on = false;

  early::Observer observer() {
    return {this, [](void* self, const early::Event& event) noexcept {
              auto& me = *static_cast<Recorder*>(self);
              if (me.is_on && event.action == early::Action::alloc)
                me.requests.push_back({.size = event.size, .alignment = event.alignment, .node = event.node});
            }};
  }
  boot::StepObserver steps() {
    return {this, [](void* self, const boot::Step& step, const boot::State&) noexcept {
              static_cast<Recorder*>(self)->is_on = step.asks == boot::Asks::allocator;
            }};
  }
};

// All that lives as long as one boot of one machine.
struct World {
  const lnx::MachineDescription& description;
  boot::Machine machine = description.machine();
  hosted::VirtualArena arena{std::size_t{1} << 32};
  hosted::PagedRam ram{std::span{&hosted::kEverything, 1}, machine.geometry.page_size()};
  lnx::LinuxAllocations allocations{description.kernel};
  memory::EarlySystem* early = nullptr;

  World(const lnx::MachineDescription& from, EarlyChoice choice, Recorder* recorder = nullptr)
      : description{from} {
    memory::EarlyConfig config{.spare = hosted::spare_of(arena.arena()),
                               .hooks = allocations.hooks(),
                               .early = choice,
                               .bitmap_map = hosted::direct_map_of(ram)};
    if (recorder != nullptr) config.observer = recorder->observer(), config.steps = recorder->steps();
    if (auto made = memory::EarlySystem::make(machine, arena.arena(), config)) early = made.value();
  }
};

std::vector<early::Request> record(const lnx::MachineDescription& description) {
  Recorder recorder;
  World world{description, EarlyChoice::memblock, &recorder};
  if (world.early == nullptr || !world.early->run_flow()) return {};
  return recorder.requests;
}

// --- The cost of each part ----------------------------------------------------------------------------------

struct Costs {
  std::vector<double> setup, allocations, hand_over;
  std::uint64_t told = 0;  // blocks of the hand-over
};

void count(void* self, const early::ReleasedBlock&) noexcept { ++*static_cast<std::uint64_t*>(self); }

// One round: the steps that ask memblock by name, then what the boot asked for, then the hand-over to a counter.
bool run_round(const lnx::MachineDescription& description, const std::vector<early::Request>& requests,
               const Printer& print, Costs& costs) {
  World world{description, print.choice};
  boot::State& state = world.early->state();
  const std::string prefix = print.machine + ' ' + name_of(print.choice) + ' ';
  for (const boot::Step& step : boot::steps_of(world.machine.arch, EarlyChoice::bootmem)) {
    if (step.asks == boot::Asks::allocator) break;
    const bool is_setup = step.run == &boot::setup_bootmem;
    if (is_setup && print.choice == EarlyChoice::memblock) continue;
    bool done = false;
    const double took = is_setup ? timed(prefix + "setup", [&] { done = bool{boot::run_step(state, step)}; })
                                 : (done = bool{boot::run_step(state, step)}, 0.0);
    if (!done) return false;
    if (is_setup) costs.setup.push_back(took);
  }
  unsigned failures = 0;
  costs.allocations.push_back(timed(prefix + "alloc", [&] {
    for (const early::Request& request : requests)
      failures += state.allocator.alloc_try_nid_raw(request, "replayed") ? 0u : 1u;
  }));
  std::uint64_t blocks = 0;
  early::Nobootmem on_memblock{{.max_order = world.machine.geometry.max_order()}, state.memblock};
  costs.hand_over.push_back(timed(prefix + "hand_over", [&] {
    const auto all = world.early->bootmem() != nullptr ? world.early->bootmem()->free_all({&blocks, &count})
                                                       : on_memblock.free_all({&blocks, &count});
    failures += all ? 0u : 1u;
  }));
  costs.told = blocks;
  return failures == 0 && blocks != 0;
}

// --- What is left when the page allocator has it -------------------------------------------------------------

// Runs of free pages as they are released, one after the other.
struct Runs {
  std::vector<PfnRange> runs;
  void add(PfnRange pages) {
    if (!runs.empty() && runs.back().end() == pages.begin())
      runs.back() = {runs.back().begin(), pages.end()};
    else
      runs.push_back(pages);
  }
};
struct Listener : buddy::NoObserver {
  Runs* runs;
  explicit Listener(Runs* to) noexcept : runs{to} {}
  void released(PfnRange pages) noexcept { runs->add(pages); }
};

std::uint64_t table_bytes(const memory::EarlySystem& early) {
  const early::Memblock& memblock = early.memblock();
  return (memblock.memory().view().size() + memblock.reserved().view().size()) *
         memblock.config().region_bytes.raw;
}

template <Geometry G>
bool print_hand_over(const lnx::MachineDescription& description, const Printer& print) {
  World world{description, print.choice};
  if (!world.early->run_flow() || !world.early->cut_zones()) return false;
  Runs runs;
  memory::PageSystem<G, hosted::PagedHost, Listener> system{*world.early,
                                                            hosted::PagedHost{world.ram},
                                                            memory::metadata_outside(world.arena.arena()),
                                                            {},
                                                            Listener{&runs}};
  if (!system.describe_pages()) return false;
  std::uint64_t bitmap_bytes = 0;
  if (world.early->bootmem() != nullptr)
    for (const auto& node : world.early->bootmem()->nodes()) bitmap_bytes += node.map.words().size_bytes();
  if (!system.hand_over()) return false;
  const memory::HandOverCounts& counts = system.counts();
  print("region_bytes", static_cast<double>(table_bytes(*world.early)));
  print("bitmap_bytes", static_cast<double>(bitmap_bytes));
  print("free_pages", static_cast<double>(counts.from_memblock.raw + counts.from_bootmem.counts.pages.raw));
  print("lost_pages", static_cast<double>(counts.from_bootmem.counts.lost.raw));
  std::uint64_t largest = 0, blocks = 0, largest_blocks = 0;
  for (const PfnRange run : runs.runs) largest = std::max(largest, run.size().raw);
  for (std::uint32_t zone = 0; zone < world.early->layout().zones.size(); ++zone) {
    const buddy::ZoneStats stats = system.allocator().stats(zone);
    for (unsigned order = 0; order <= G.max_order().raw(); ++order)
      for (const std::uint64_t some : stats.free_blocks[order]) {
        blocks += some;
        if (order == G.max_order().raw()) largest_blocks += some;
      }
  }
  print("runs", static_cast<double>(runs.runs.size()));
  print("largest_run", static_cast<double>(largest));
  print("blocks", static_cast<double>(blocks));
  print("largest_blocks", static_cast<double>(largest_blocks));
  return true;
}

bool measure(const std::string& machine, unsigned rounds) {
  const auto description = lnx::describe(machine);
  if (!description) return false;
  const std::vector<early::Request> requests = record(*description);
  if (requests.empty()) return false;
  Costs costs[2];
  for (unsigned round = 0; round < rounds; ++round)
    for (const EarlyChoice choice : kBoth)
      if (!run_round(*description, requests, {short_name(machine), choice}, costs[choice == kBoth[1]]))
        return false;
  if (counts_instructions()) return true;
  for (const EarlyChoice choice : kBoth) {
    const Printer print{short_name(machine), choice};
    const Costs& cost = costs[choice == kBoth[1]];
    print("allocations", static_cast<double>(requests.size()));
    print("setup_ns", cost.setup.empty() ? 0 : median(cost.setup));
    print("alloc_ns", median(cost.allocations));
    print("hand_over_ns", median(cost.hand_over));
    print("told_blocks", static_cast<double>(cost.told));
    bool done = false;
    with_geometry(description->kernel.geometry,
                  [&]<Geometry G>() { done = print_hand_over<G>(*description, print); });
    if (!done) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned rounds = 9;
  std::vector<std::string> machines;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view{argv[i]} == "--rounds" && i + 1 < argc)
      rounds = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
    else
      machines.emplace_back(argv[i]);
  }
  for (const std::string& machine : machines) {
    if (measure(machine, rounds)) continue;
    std::fprintf(stderr, "early_allocators: %s does not boot with both\n", machine.c_str());
    return 1;
  }
  return 0;
}
