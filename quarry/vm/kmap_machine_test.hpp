// quarry/vm/kmap_machine_test.hpp: high memory, page tables, and cores that remember translations, for tests of kmap.
//
// Each core has what a TLB may hold: it goes on using what it remembers until it is told to forget. Whatever somebody does
// that no kernel may do is kept as the first thing that went wrong.
#pragma once

#include <array>
#include <cstddef>

#include "quarry/base/bits.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/vm/format_arm.hpp"
#include "quarry/vm/kmap_local.hpp"
#include "quarry/vm/page_table.hpp"

namespace quarry::vm {

// What went wrong first; null: nothing.
struct Wrong {
  const char* first = nullptr;
  void note(bool is_good, const char* what) noexcept {
    if (!is_good && first == nullptr) first = what;
  }
};

inline constexpr unsigned kKmapCores = 3;

// Cores of which one runs: which, the test says.
class TestCores {
 public:
  struct State {
    unsigned now = 0;
    unsigned depth[kKmapCores] = {};
  };
  class Guard {
   public:
    explicit Guard(const TestCores& cores) noexcept : state_{*cores.state_}, core_{state_.now} {
      ++state_.depth[core_];
    }
    ~Guard() { --state_.depth[core_]; }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    unsigned core() const noexcept { return core_; }

   private:
    State& state_;
    unsigned core_;
  };
  using Lock = NoLock;

  explicit TestCores(State& state) noexcept : state_{&state} {}
  static unsigned core_count() noexcept { return kKmapCores; }
  unsigned this_core() const noexcept { return state_->now; }
  bool is_guarded() const noexcept { return state_->depth[state_->now] != 0; }
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    const unsigned home = state_->now;
    state_->now = core;
    function(self, core);
    state_->now = home;
  }

 private:
  State* state_;
};
static_assert(port::Cores<TestCores>);

// Low memory: frames kFirst and on, in which tables lie. All other frames are high.
template <class C>
class LowFrames {
 public:
  static constexpr Geometry kGeometry = k4KFlatHuge;
  static constexpr std::uint64_t kFirst = 0x8'0000;
  static constexpr std::size_t kCount = 16;
  using Cores = C;
  struct alignas(4096) Frame {
    std::array<std::uint64_t, 512> words;
  };
  using Memory = std::array<Frame, kCount>;

  LowFrames(Memory& memory, const C& cores) noexcept : memory_{&memory}, cores_{cores} {}

  std::byte* map(PfnRange pages) const noexcept {
    const std::uint64_t at = pages.begin().raw - kFirst;
    if (at >= kCount || pages.size().raw > kCount - at) return nullptr;
    return reinterpret_cast<std::byte*>((*memory_)[static_cast<std::size_t>(at)].words.data());
  }
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto at =
        reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(memory_->data());
    if (at >= sizeof(Memory)) return Error::out_of_range;
    return Pfn{kFirst + (at >> 12)};
  }
  const C& cores() const noexcept { return cores_; }

  TablePages tables() noexcept {
    return {this, [](void* self) noexcept -> Result<Pfn> { return static_cast<LowFrames*>(self)->take(); },
            [](void* self, Pfn page) noexcept {
              auto& frames = *static_cast<LowFrames*>(self);
              frames.is_taken_[static_cast<std::size_t>(page.raw - kFirst)] = false;
              --frames.taken;
            }};
  }
  std::uint64_t word(std::uint64_t at) const noexcept {
    return (*memory_)[static_cast<std::size_t>((at >> 12) - kFirst)].words[at % 4096 / 8];
  }
  std::uint64_t may_take = UINT64_MAX;  // so many tables more
  std::uint64_t taken = 0;

 private:
  Result<Pfn> take() noexcept {
    if (may_take == 0) return Error::no_memory;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (is_taken_[i]) continue;
      is_taken_[i] = true;
      --may_take, ++taken;
      (*memory_)[i].words.fill(0xdead'beef'dead'beef);
      return Pfn{kFirst + i};
    }
    return Error::no_memory;
  }
  Memory* memory_;
  C cores_;
  std::array<bool, kCount> is_taken_{};
};

// What each core may remember.
class Tlbs {
 public:
  struct Known {
    VirtAddr virt;
    PhysAddr phys;
  };
  // Null: the core does not remember that page.
  const PhysAddr* find(unsigned core, VirtAddr page) const noexcept {
    for (std::size_t i = 0; i < counts_[core]; ++i)
      if (known_[core][i].virt == page) return &known_[core][i].phys;
    return nullptr;
  }
  void remember(unsigned core, VirtAddr page, PhysAddr phys) noexcept {
    check(counts_[core] < kMost, "a core of the tests remembers no more");
    known_[core][counts_[core]++] = {page, phys};
  }
  void forget(unsigned core, VirtRange range) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < counts_[core]; ++i)
      if (!range.contains(known_[core][i].virt)) known_[core][kept++] = known_[core][i];
    counts_[core] = kept;
  }

 private:
  static constexpr std::size_t kMost = 96;
  std::array<std::array<Known, kMost>, kKmapCores> known_{};
  std::array<std::size_t, kKmapCores> counts_{};
};

// Where its windows are: below the direct map of 3G/1G and in the fixmap, unless told otherwise.
struct KmapPlaces {
  VirtAddr pool{0xbfe0'0000}, local{0xffc8'0000};
};

// A page-table tree of `F`, a pool of `Windows`, and `Slots` local ones for each core.
template <class F = ArmLpae, std::uint32_t Windows = 4, std::uint32_t Slots = 3, class C = TestCores,
          Lock FlushLock = NoLock>
class KmapMachine {
 public:
  using Low = LowFrames<C>;
  using Tree = PageTable<F, Low>;
  using Pool = Kmap<Tree, Low, FlushLock>;
  using Local = LocalKmap<Tree, Low>;
  static constexpr std::uint64_t kPage = 4096;

  KmapMachine(typename Low::Memory& memory, const C& cores, KmapPlaces places = {},
              KmapWait wait = {}) noexcept
      : low{memory, cores},
        tree{Tree::make(low, low.tables(), walkers()).value()},
        pool_range{places.pool, places.pool + Bytes{Windows * kPage}},
        local_range{places.local, places.local + Bytes{kKmapCores * Slots * kPage}},
        pool{tree, flush_lock, low, {.range = pool_range, .slots = slots, .wait = wait}},
        local{tree, low, {.range = local_range, .depths = depths, .slots = Slots}} {}
  KmapMachine(const KmapMachine&) = delete;
  KmapMachine& operator=(const KmapMachine&) = delete;

  Result<Done> open() noexcept {
    if (auto done = pool.open(table_lock); !done) return done;
    return local.open(table_lock);
  }
  Walkers walkers() noexcept {
    return {this, [](void* self, VirtRange range) noexcept { static_cast<KmapMachine*>(self)->made(range); },
            [](void* self, VirtRange range) noexcept { static_cast<KmapMachine*>(self)->gone(range); },
            [](void* self) noexcept {
              static_cast<KmapMachine*>(self)->gone({VirtAddr{0}, VirtAddr{UINT64_MAX}});
            },
            [](void* self, VirtRange range) noexcept { static_cast<KmapMachine*>(self)->gone_here(range); }};
  }
  // Where a core reads when it reads there, which it remembers.
  PhysAddr reach(unsigned core, VirtAddr at) noexcept {
    const VirtAddr page{align_down(at.raw, kPage)};
    if (const PhysAddr* const known = tlbs.find(core, page)) return *known;
    const auto found = tree.lookup(page);
    wrong.note(bool{found}, "a core reads where nothing is mapped");
    if (!found) return PhysAddr{UINT64_MAX};
    tlbs.remember(core, page, found.value().at);
    return found.value().at;
  }
  bool is_sound() noexcept {
    wrong.note(!pool.audit(), "a law of the pool is broken");
    wrong.note(!local.audit(), "a law of the local windows is broken");
    wrong.note(!tree.audit(), "a law of the page tables is broken");
    return wrong.first == nullptr;
  }

  Wrong wrong;
  Tlbs tlbs;
  unsigned told = 0, told_here = 0;  // how often all cores had to forget, or one
  Low low;
  FlushLock flush_lock;
  NoLock table_lock;
  Tree tree;
  std::array<KmapSlot, Windows> slots{};
  std::array<LocalDepth, kKmapCores> depths{};
  VirtRange pool_range, local_range;
  Pool pool;
  Local local;

 private:
  // A page is shown whose address some core may still remember as another's.
  void made(VirtRange range) noexcept {
    if (range.size() != Bytes{kPage}) return;
    const auto now = tree.lookup(range.begin());
    for (unsigned core = 0; core < kKmapCores; ++core) {
      const PhysAddr* const known = tlbs.find(core, range.begin());
      wrong.note(known == nullptr || (now && now.value().at == *known),
                 "a window is used again while it is remembered");
    }
  }
  void gone(VirtRange range) noexcept {
    ++told;
    wrong.note(!low.cores().is_guarded(), "processors are told under a guard");
    struct Job {
      Tlbs& tlbs;
      VirtRange range;
    } job{tlbs, range};
    for (unsigned core = 0; core < kKmapCores; ++core)
      low.cores().run_on(
          core,
          [](void* self, unsigned there) noexcept {
            const Job& what = *static_cast<Job*>(self);
            what.tlbs.forget(there, what.range);
          },
          &job);
  }
  void gone_here(VirtRange range) noexcept {
    ++told_here;
    wrong.note(low.cores().is_guarded(), "a core forgets alone and may move meanwhile");
    tlbs.forget(low.cores().this_core(), range);
  }
};

}  // namespace quarry::vm
