// tests/vmalloc_machine.hpp: frames and page tables on scheduled cores, each of which remembers what it used until it is told.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "quarry/base/geometries.hpp"
#include "quarry/vm/format_x86_64.hpp"
#include "quarry/vm/vmalloc.hpp"
#include "tests/page_table_walker.hpp"
#include "tests/schedules.hpp"

namespace quarry::vm {

using quarry::testing::ScheduledCores;
using quarry::testing::ScheduledLock;

inline constexpr unsigned kCores = 3;
inline constexpr std::uint64_t kPage = 4096, kBase = 0xffff'c900'0000'0000;

// What is wrong with the run; the first thing said stays.
struct Complaint {
  std::string what;
  void unless(bool holds, const char* is_wrong) {
    if (!holds && what.empty()) what = is_wrong;
  }
};

// The memory that a core reaches, as its processor remembers it.
struct Remembered {
  struct Way {
    std::uint64_t frame;
    std::vector<std::uint64_t> tables;  // by frame, the root's not among them
  };
  std::map<std::uint64_t, Way> known;  // by page of addresses

  void forget(VirtRange range) {
    known.erase(known.lower_bound(range.begin().raw / kPage), known.lower_bound(range.end().raw / kPage));
  }
  bool remembers(std::uint64_t frame) const {
    for (const auto& entry : known) {
      if (entry.second.frame == frame) return true;
      for (const std::uint64_t table : entry.second.tables)
        if (table == frame) return true;
    }
    return false;
  }
};

// Frames 1 to kMost, each with its words, in a heap that any core may ask.
class Frames {
 public:
  static constexpr Geometry kGeometry = k4KSparse;
  static constexpr std::size_t kMost = 40;
  using Cores = ScheduledCores;

  explicit Frames(Complaint& complaint) : complaint_{complaint} {}
  Result<Pfn> alloc_pages(Order order, const buddy::Request&) noexcept {
    check(!cores_.is_guarded(), "frames are asked for under a guard");
    quarry::testing::schedules->point();
    if (order.raw() != 0) return Error::no_memory;
    for (std::size_t i = 0; i < most; ++i) {
      if (is_taken_[i]) continue;
      is_taken_[i] = true;
      for (const Remembered& processor : processors)
        complaint_.unless(!processor.remembers(i + 1), "a frame has a new owner that a core remembers");
      words_[i].fill(0xdead'beef'dead'beee);
      return Pfn{i + 1};
    }
    return Error::no_memory;
  }
  Result<Done> free_pages(Pfn at, Order) noexcept {
    quarry::testing::schedules->point();
    bool& is_taken = is_taken_[at.raw - 1];
    if (!is_taken) return Error::wrong_owner;
    is_taken = false;
    return Done{};
  }
  std::byte* map(PfnRange pages) noexcept {
    return pages.begin().raw == 0 || pages.begin().raw > kMost
               ? nullptr
               : reinterpret_cast<std::byte*>(words_[pages.begin().raw - 1].data());
  }
  std::uint64_t& word(std::uint64_t physical) { return words_[physical / kPage - 1][physical % kPage / 8]; }
  NodeId node_of(Pfn) const noexcept { return NodeId{0}; }
  NodeId home_of(unsigned) const noexcept { return NodeId{0}; }
  const Cores& cores() const noexcept { return cores_; }
  std::size_t taken() const {
    std::size_t count = 0;
    for (const bool is_taken : is_taken_) count += is_taken;
    return count;
  }

  std::size_t most = kMost;  // of them there are
  std::array<Remembered, kCores> processors;

 private:
  Complaint& complaint_;
  ScheduledCores::Depths depths_;
  ScheduledCores cores_{kCores, depths_};
  std::array<bool, kMost> is_taken_{};
  std::array<std::array<std::uint64_t, 512>, kMost> words_{};
};

struct Map {
  Frames* frames;
  std::byte* map(PfnRange pages) const noexcept { return frames->map(pages); }
};
using Tree = PageTable<X86<4>, Map>;

// What a scene's machine has.
struct Setting {
  std::size_t frames = Frames::kMost;
  std::uint64_t pages = 64;    // of addresses
  std::uint64_t backlog = 64;  // in pages
};

struct Machine {
  Machine(const Setting& setting, Complaint& complaint)
      : frames{complaint},
        tree{Tree::make(Map{&frames}, pages_of(frames), walkers_of(frames)).value()},
        vm{tree,
           lock,
           frames,
           {.range = {VirtAddr{kBase}, VirtAddr{kBase + setting.pages * kPage}},
            .records = {nullptr, [](void*) noexcept -> Result<void*> { return ::operator new(sizeof(Area)); },
                        [](void*, void* record) noexcept { ::operator delete(record); }},
            .backlog = Bytes{setting.backlog * kPage}}} {
    frames.most = setting.frames;
  }
  static TablePages pages_of(Frames& frames) {
    return {&frames,
            [](void* self) noexcept { return static_cast<Frames*>(self)->alloc_pages(Order{0}, {}); },
            [](void* self, Pfn page) noexcept {
              check(bool{static_cast<Frames*>(self)->free_pages(page, Order{0})}, "a table's page");
            }};
  }
  // One core after the other is interrupted.
  static Walkers walkers_of(Frames& frames) {
    return {
        &frames, [](void*, VirtRange) noexcept {},
        [](void* self, VirtRange range) noexcept { tell(*static_cast<Frames*>(self), range); },
        [](void* self) noexcept { tell(*static_cast<Frames*>(self), {VirtAddr{0}, VirtAddr{UINT64_MAX}}); }};
  }
  static void tell(Frames& frames, VirtRange range) noexcept {
    struct Call {
      Frames& frames;
      VirtRange range;
    } call{frames, range};
    for (unsigned core = 0; core < kCores; ++core)
      frames.cores().run_on(
          core,
          [](void* self, unsigned on) noexcept {
            auto& asked = *static_cast<Call*>(self);
            asked.frames.processors[on].forget(asked.range);
          },
          &call);
  }

  Frames frames;
  ScheduledLock lock;
  Tree tree;
  Vmalloc<Tree, Frames, ScheduledLock> vm;
};

}  // namespace quarry::vm
