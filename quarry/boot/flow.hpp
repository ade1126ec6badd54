// quarry/boot/flow.hpp: from a description of a machine to a filled memblock, step by step.
//
// One table of steps an architecture, each named after the Linux function it stands for. Steps read and
// write one State and nothing else; they can be listed, stepped one by one, or run to the end. What differs
// between a simulated Linux and a kernel that lives here is what the hooks allocate, at Linux's moments.
//
//   machine -> | step | step | step | ... | step | -> memblock, nodes, zone limits, outcomes
//                        ^ page_tables  ^ node_data  ^ memmap        hooks, called from inside steps
#pragma once

#include <cstdint>
#include <span>

#include "quarry/base/arena.hpp"
#include "quarry/base/arena_list.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"
#include "quarry/boot/machine.hpp"
#include "quarry/boot/reserved_memory_event.hpp"
#include "quarry/early/bootmem_allocator.hpp"
#include "quarry/early/current_allocator.hpp"
#include "quarry/early/observer.hpp"
#include "quarry/early/region.hpp"
#include "quarry/numa/nodes.hpp"

namespace quarry::early {
class Memblock;
}
namespace quarry::map {
class E820Map;
}

namespace quarry::boot {

struct State;

// Where an embedder, or the model of Linux, allocates what it needs at that moment.
enum class HookPoint : std::uint8_t {
  page_tables,      // the direct map is about to be built (x86: init_mem_mapping; arm: paging_init)
  board_reserve,    // arm: the board's own reservations; it may steal memory, arm::steal()
  log_buffer,       // setup_log_buf: the direct map stands, nothing else was allocated yet
  numa_distance,    // the distance matrix was made: nodes.distance_count() squared bytes
  node_data,        // nodes are registered: one pg_data_t for each node with memory, by id
  unflatten,        // the device tree becomes a tree of structures
  memmap,           // page descriptors: sparse_init, free_area_init
  devices,          // x86: what ACPI says of timers and interrupts, acpi_boot_init and io_apic_init_mappings
  resources,        // x86: the map becomes resources, e820__reserve_resources
  command_line,     // copies of the command line, setup_command_line
  percpu,           // per-CPU areas
  late_log_buffer,  // options are parsed, processors counted: the second setup_log_buf
  hashes,           // hash tables that are sized by memory, vfs_caches_init_early
  late,             // the last moment of memblock: whatever else is allocated before the hand-over
};
TextView name_of(HookPoint point) noexcept;

struct Hooks {
  void* self = nullptr;
  Result<Done> (*at)(void* self, HookPoint point, State& state) noexcept = nullptr;

  // Errors    whatever the hook says; a hook that is absent succeeds.
  Result<Done> call(HookPoint point, State& state) const noexcept {
    return at == nullptr ? Result<Done>{Done{}} : at(self, point, state);
  }
};

// One past the last frame of each zone type that the flow decided on; 0: the machine has none of it.
struct ZoneLimits {
  Pfn dma;
  Pfn dma32;
  Pfn normal;   // x86_64, arm64, riscv64: max_pfn; arm: max_low_pfn
  Pfn highmem;  // arm: max_pfn
};

// How much memory shall stay unmovable, or become movable: kernelcore=, movablecore=, movable_node.
struct MovableRequest {
  Bytes kernelcore{0};
  Bytes movablecore{0};
  unsigned kernelcore_percent = 0;  // 0: `kernelcore` says
  unsigned movablecore_percent = 0;
  bool mirror = false;        // kernelcore=mirror
  bool movable_node = false;  // hot-pluggable nodes become movable as a whole
};

struct Initrd {
  PhysRange range;  // where it lies after the flow; empty: none
  bool is_valid = false;
  TextView why;  // of one that was given and is not used
};

// What became of one node of /reserved-memory.
struct ReservedMemory {
  TextView name;
  PhysRange range;  // what it has; when nothing was taken, what it asked for, if that is a place
  early::Flags flags = early::Flags::none;
  bool is_reusable = false;
  bool is_taken = false;  // memory was reserved for it, here or before
  TextView status;        // "reserved", or what the kernel says instead
  Bytes wanted{0};        // of a dynamic node that could not be placed: its size, and the largest free
  Bytes largest_hole{0};  // range there was in its windows
};

struct CmaArea {
  TextView name;
  PhysRange range;
  bool is_default = false;
  Order order_per_bit{0};  // what a bit of its bitmap stands for
};

// One `hugepages=` with the size that was in force, for any node or for one.
struct HugepagesRequest {
  Bytes page{0};  // 0: the architecture's default
  std::uint64_t count = 0;
  NodeId node = early::kAnyNode;
};

// Memory that comes back to the page allocator once the kernel runs.
struct GivenBack {
  enum class As : std::uint8_t {
    free,  // free pages
    used,  // pages that count as managed, and that their owner keeps (gigantic pages)
  };
  enum class When : std::uint8_t {
    before_areas,  // before contiguous areas are activated and watermarks computed
    with_initrd,
    at_the_end,  // after init memory
  };
  PhysRange range;
  TextView owner;
  As as = As::free;              // used pages count from right after the watermarks on
  When when = When::at_the_end;  // of free pages
};

// Something worth saying that no result shows. `printed` is what the kernel would print, in our words.
struct Note {
  enum class Kind : std::uint8_t { printed, warning, not_modelled, linux_bug } kind = Kind::printed;
  const char* step = "";
  TextView text;
  PhysRange range;          // what it is about; may be empty
  std::uint64_t value = 0;  // a number that belongs to the text; 0: none
};

// Why a flow stopped. The machine-readable half of "this machine cannot boot".
struct Failure {
  Error error = Error::no_memory;
  const char* step = "";  // name of the step that failed
  TextView what;          // one clause: what was wanted and why it cannot be
  Bytes needed{0};        // 0: it was not about a size
  Bytes largest_hole{0};  // the largest free range there was, when it was about a size
  PhysRange where{};      // the memory that it is about; may be empty
};

// Which allocator serves a boot once its nodes are known; until then it is memblock in any case.
enum class EarlyChoice : std::uint8_t { memblock, bootmem };

// What a flow that goes on with bootmem needs; the others do not look at it.
struct BootmemSetup {
  early::DirectMap direct_map{};  // at least where bitmaps may lie, which is all of low memory
  early::Observer observer{};     // of bootmem alone: its events are not memblock's
  early::BootmemContents contents = early::BootmemContents::zeroed;
};

// Whether the flow makes Linux's mistakes, too.
constexpr bool reproduces_bugs(const Machine& machine) noexcept {
  return machine.limits.known_bugs == KnownBugs::reproduced;
}

// One machine on its way from description to memory system. Nothing here is global; all lists live in `arena`.
struct State {
  const Machine& machine;
  Arena& arena;
  early::Memblock& memblock;
  map::E820Map& map;  // x86: the kernel's own e820 table; elsewhere unused
  early::Observer observer{};
  Hooks hooks{};
  EarlyChoice early = EarlyChoice::memblock;
  BootmemSetup bootmem{};
  // What hooks and the embedder's metadata ask for memory.
  early::CurrentAllocator allocator{memblock};

  numa::Nodes nodes{
      arena, numa::Config{.max_nodes = machine.limits.max_nodes, .page = machine.geometry.page_size()}};

  // --- Results --------------------------------------------------------------------------------------
  Pfn min_low_pfn{};
  Pfn max_low_pfn{};
  Pfn max_pfn{};                      // one past the last frame of RAM
  Pfn max_possible_pfn{};             // the same with memory that may be plugged later
  PhysAddr dma_limit{UINT64_MAX};     // one past the last address of ZONE_DMA; UINT64_MAX: no limit
  PhysAddr dma32_limit{UINT64_MAX};   // likewise of ZONE_DMA32
  PhysAddr lowmem_limit{UINT64_MAX};  // arm: one past the last directly mapped address
  Bytes memory_limit{UINT64_MAX};     // mem=; UINT64_MAX: none
  ZoneLimits zone_limits{};
  bool has_user_map = false;  // x86: mem= or memmap= made the map the user's
  MovableRequest movable{};
  Initrd initrd{};
  PhysRange real_mode{};      // x86: the trampoline under 1M
  PhysRange numa_distance{};  // where a numa_distance hook put the matrix; given back if nodes are refused
  PhysRange crashkernel{};
  PhysRange crashkernel_low{};
  PhysRange elfcorehdr{};
  Bytes hugetlb_cma{0};
  ArenaList<ReservedMemory> reserved_memory{};
  ArenaList<ReservedMemoryEvent> reserved_memory_events{};  // what is said about them, in order
  ArenaList<CmaArea> cma{};
  ArenaList<HugepagesRequest> hugepages{};
  ArenaList<GivenBack> given_back{};  // beside initrd and init memory, in the order in which they come back
  ArenaList<Note> notes{};
  Failure failure{};      // meaningful once a step has failed
  const char* step = "";  // name of the running step

  // Ends the running step: fills `failure` and hands `error` back, so that `return state.fail(…)` reads well.
  Error fail(Error error, TextView what, Bytes needed = Bytes{0}, Bytes largest_hole = Bytes{0}) noexcept;
  // Errors    no_room: the arena is used up.
  Result<Done> note(Note::Kind kind, TextView text, PhysRange range = {}, std::uint64_t value = 0) noexcept;
};

// The largest run of memory below the current limit that is not reserved: what a failure names.
//
// Cost      O(regions).
Bytes largest_hole(const early::Memblock& memblock) noexcept;
// The same of the allocator that is in use.
Bytes largest_hole(const State& state) noexcept;

// Whom a step asks for memory: memblock by name, or State::allocator, which may be bootmem by then.
enum class Asks : std::uint8_t { memblock, allocator };

// One stage of a flow.
struct Step {
  const char* name;   // the Linux function it stands for
  const char* about;  // one clause for people
  Result<Done> (*run)(State& state) noexcept;
  Asks asks = Asks::memblock;
};

// The flow of an architecture in order; empty for one that has no flow.
std::span<const Step> steps_of(Arch arch, EarlyChoice early = EarlyChoice::memblock) noexcept;
std::span<const Step> x86_64_steps(EarlyChoice early) noexcept;   // boot/x86_64.cpp
std::span<const Step> arm64_steps(EarlyChoice early) noexcept;    // boot/arm64.cpp
std::span<const Step> arm_steps(EarlyChoice early) noexcept;      // boot/arm.cpp
std::span<const Step> riscv64_steps(EarlyChoice early) noexcept;  // boot/riscv64.cpp

// Told before and after every step; either may be absent.
struct StepObserver {
  void* self = nullptr;
  void (*before)(void* self, const Step& step, const State& state) noexcept = nullptr;
  void (*after)(void* self, const Step& step, const State& state) noexcept = nullptr;
};

// Runs one step and names it in `state.failure` if it fails.
//
// Errors    what the step says; out of range never.
Result<Done> run_step(State& state, const Step& step, const StepObserver& observer = {}) noexcept;

// Runs the machine's whole flow, up to the first step that fails.
//
// Errors    what that step says, and `state.failure` says why; not_found: the architecture has no flow.
Result<Done> run(State& state, const StepObserver& observer = {}) noexcept;

}  // namespace quarry::boot
