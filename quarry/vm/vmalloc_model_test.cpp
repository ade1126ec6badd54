// Areas beside an obvious list of them, walkers that know the manuals only, and a processor that remembers every
// translation until it is told: nobody but an area's owner is ever reached.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <map>
#include <vector>

#include "quarry/base/geometries.hpp"
#include "quarry/port/one_core.hpp"
#include "quarry/vm/vmalloc.hpp"
#include "tests/walked_formats.hpp"

namespace quarry::vm {
namespace {

constexpr std::uint64_t kPage = 4096;

struct FourLevels : walker::WalkedX86<4> {
  static constexpr std::uint64_t kBase = 0xffff'c900'0000'0000;
};
struct ArmPages : walker::WalkedArm64<48> {
  static constexpr std::uint64_t kBase = 0xffff'8000'0800'0000;
};
struct Lpae : walker::WalkedLpae {
  static constexpr std::uint64_t kBase = 0xf080'0000;
};
struct Sv39 : walker::WalkedRiscv64<39> {
  static constexpr std::uint64_t kBase = 0xffff'ffc8'0000'0000;
};

// Frames from 0x1'0000 on, of which some have an owner. Nobody is given one that the processor remembers.
class Frames {
 public:
  static constexpr Geometry kGeometry = k4KSparse;
  using Cores = port::OneCore;
  Result<Pfn> alloc_pages(Order order, const buddy::Request&) noexcept {
    if (left == 0) return Error::no_memory;
    --left;
    const std::uint64_t pages = order.pages().raw;
    // Every other time the neighbour of what went before, so that runs arise, and gaps in them.
    std::uint64_t at = (cursor_ += (cursor_ & 3) == 0 ? pages + 1 : 1);
    at = (at + pages - 1) & ~(pages - 1);
    while (taken_in(at, at + pages)) at += pages;
    taken[at] = pages;
    cursor_ = at + pages - 1;
    if (cursor_ > kFirst + 20'000) cursor_ = kFirst;
    return Pfn{at};
  }
  Result<Done> free_pages(Pfn at, Order order) noexcept {
    const auto found = taken.find(at.raw);
    if (found == taken.end() || found->second != order.pages().raw) return Error::wrong_owner;
    for (const auto& known : remembered) {
      const std::uint64_t frame = known.second.at >> 12;
      was_freed_too_early |= at.raw <= frame && frame < at.raw + order.pages().raw;
      for (const std::uint64_t table : known.second.tables) was_freed_too_early |= table >> 12 == at.raw;
    }
    for (std::uint64_t i = 0; i < found->second; ++i) memory_.erase(at.raw + i);
    taken.erase(found);
    return Done{};
  }
  std::byte* map(PfnRange pages) noexcept {
    auto& words = memory_[pages.begin().raw];
    if (words.empty()) words.assign(512, 0xdead'beef'dead'beee);
    return reinterpret_cast<std::byte*>(words.data());
  }
  std::uint64_t word(std::uint64_t at) const { return memory_.at(at >> 12)[at % kPage / 8]; }
  NodeId node_of(Pfn) const noexcept { return NodeId{0}; }
  NodeId home_of(unsigned) const noexcept { return NodeId{0}; }
  const Cores& cores() const noexcept { return cores_; }

  std::uint64_t left = UINT64_MAX;  // so many more calls find something
  std::map<std::uint64_t, std::uint64_t> taken;
  std::map<std::uint64_t, walker::Translation> remembered;
  bool was_freed_too_early = false;

 private:
  static constexpr std::uint64_t kFirst = 0x1'0000;
  bool taken_in(std::uint64_t begin, std::uint64_t end) const {
    const auto behind = taken.lower_bound(end);
    return behind != taken.begin() && std::prev(behind)->first + std::prev(behind)->second > begin;
  }
  std::map<std::uint64_t, std::vector<std::uint64_t>> memory_;
  std::uint64_t cursor_ = kFirst;
  Cores cores_;
};

struct Map {
  Frames* frames;
  std::byte* map(PfnRange pages) const noexcept { return frames->map(pages); }
};

template <class F>
class World {
 public:
  // 12 MiB, so that addresses run out as well.
  static constexpr std::uint64_t kPages = 3072;
  struct Known {
    std::uint64_t pages;
    AreaKind kind;
    std::vector<std::uint64_t> at;  // where each page leads; empty: to frames of its own
  };

  void step() {
    const bool is_starved = *rc::gen::inRange(0, 3) == 0;
    frames_.left = is_starved ? *rc::gen::inRange<std::uint64_t>(0, 20) : UINT64_MAX;
    switch (*rc::gen::weightedElement<int>({{4, 0}, {2, 1}, {2, 2}, {6, 3}, {1, 4}})) {
      case 0: allocate(); break;
      case 1: show(); break;
      case 2: show_device(); break;
      case 3: free(); break;
      default: vm_.purge();
    }
    frames_.left = UINT64_MAX;
    look();
  }
  void end() {
    while (!areas_.empty()) RC_ASSERT(free_area(areas_.begin()->first));
    vm_.purge();
    RC_ASSERT(frames_.taken.size() == 1u);  // the root
    RC_ASSERT(records_ == 0u);
    RC_ASSERT(vm_.stats().frames == PageCount{0});
    RC_ASSERT(!frames_.was_freed_too_early);
  }

 private:
  void allocate() {
    const auto pages = *rc::gen::weightedOneOf<std::uint64_t>(
        {{6, rc::gen::inRange<std::uint64_t>(1, 12)}, {1, rc::gen::inRange<std::uint64_t>(500, 1100)}});
    const auto huge = *rc::gen::element(HugeBlocks::allowed, HugeBlocks::never);
    remember_area(vm_.vmalloc({.size = Bytes{pages * kPage - *rc::gen::inRange<std::uint64_t>(0, kPage)},
                               .huge = huge,
                               .alignment = Bytes{*rc::gen::element<std::uint64_t>(0, 0, kPage, 1 << 14)}}),
                  {pages, AreaKind::vmalloc, {}});
  }
  void show() {
    const auto frames = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 64)));
    std::vector<Pfn> pfns;
    Known known{frames.size(), AreaKind::vmap, {}};
    for (const std::uint64_t frame : frames) {
      pfns.emplace_back(frame);
      known.at.push_back(frame * kPage);
    }
    remember_area(vm_.vmap(pfns, Access{}), known);
  }
  void show_device() {
    const auto first = *rc::gen::inRange<std::uint64_t>(0, 600);
    const auto pages = *rc::gen::element<std::uint64_t>(1, 2, 5, 64, 512, 600);
    Known known{pages, AreaKind::ioremap, {}};
    for (std::uint64_t i = 0; i < pages; ++i) known.at.push_back(0x8000'0000 + (first + i) * kPage);
    const auto got = vm_.ioremap(PhysRange::sized(PhysAddr{known.at[0] + 24}, Bytes{pages * kPage - 24}));
    if (got) RC_ASSERT(got.value().raw % kPage == 24u);
    remember_area(got ? Result<VirtAddr>{VirtAddr{got.value().raw - 24}} : got, known);
  }
  void remember_area(const Result<VirtAddr>& got, const Known& known) {
    if (!got) {
      const bool is_expected = got.error() == Error::no_memory || got.error() == Error::no_room;
      RC_ASSERT(is_expected);
      // Neither is said while anything waits in the backlog.
      RC_ASSERT(vm_.stats().areas.retired == 0u);
      return;
    }
    const std::uint64_t at = got.value().raw;
    const auto behind = areas_.lower_bound(at);
    if (behind != areas_.end()) RC_ASSERT(at + (known.pages + 1) * kPage <= behind->first);
    if (behind != areas_.begin())
      RC_ASSERT(std::prev(behind)->first + (std::prev(behind)->second.pages + 1) * kPage <= at);
    const auto stale = frames_.remembered.lower_bound(at);
    if (stale != frames_.remembered.end()) RC_ASSERT(at + known.pages * kPage <= stale->first);
    areas_[at] = known;
  }
  void free() {
    if (areas_.empty()) return;
    auto area = areas_.begin();
    std::advance(area, *rc::gen::inRange<std::size_t>(0, areas_.size()));
    RC_ASSERT(free_area(area->first));
  }
  bool free_area(std::uint64_t at) {
    const AreaKind kind = areas_.at(at).kind;
    areas_.erase(at);
    if (kind == AreaKind::vmalloc) return bool{vm_.vfree(VirtAddr{at})};
    return bool{kind == AreaKind::vmap ? vm_.vunmap(VirtAddr{at}) : vm_.iounmap(VirtAddr{at + 24})};
  }
  auto walk(std::uint64_t virt) const {
    return F::walk(tree_.root().raw, virt, [&](std::uint64_t at) { return frames_.word(at); });
  }
  // Every page of every area leads where it should, to no frame twice; every other page is mapped only if it waits.
  void look() {
    RC_ASSERT(!vm_.audit());
    RC_ASSERT(!tree_.audit());
    RC_ASSERT(!frames_.was_freed_too_early);
    std::map<std::uint64_t, std::uint64_t> owned;
    std::uint64_t mapped = 0, expected = 0, waiting = 0;
    for (const auto& [at, known] : areas_) expected += known.pages;
    for (std::uint64_t page = 0; page < kPages; ++page) {
      const std::uint64_t virt = F::kBase + page * kPage;
      const auto found = walk(virt);
      const auto behind = areas_.upper_bound(virt);
      const bool is_in = behind != areas_.begin() &&
                         virt < std::prev(behind)->first + std::prev(behind)->second.pages * kPage;
      if (!is_in) {
        waiting += found ? 1u : 0u;
        continue;
      }
      RC_ASSERT(found.has_value());
      ++mapped;
      const auto& area = *std::prev(behind);
      if (area.second.at.empty())
        RC_ASSERT(++owned[found->at] == 1u);
      else
        RC_ASSERT(found->at == area.second.at[(virt - area.first) / kPage]);
      frames_.remembered.insert_or_assign(virt, *found);
    }
    RC_ASSERT(mapped == expected);
    const ArenaStats stats = vm_.stats().areas;
    RC_ASSERT(stats.live == areas_.size());
    RC_ASSERT(waiting == stats.backlog.raw / kPage - stats.retired);
    RC_ASSERT(stats.backlog.raw <= kBacklog);
    RC_ASSERT(records_ == stats.live + stats.retired);
  }

  static constexpr std::uint64_t kBacklog = 200 * kPage;
  Frames frames_;
  std::uint64_t records_ = 0;
  NoLock lock_;
  PageTable<F, Map> tree_ =
      PageTable<F, Map>::make(
          Map{&frames_},
          TablePages{
              &frames_,
              [](void* self) noexcept { return static_cast<Frames*>(self)->alloc_pages(Order{0}, {}); },
              [](void* self, Pfn page) noexcept {
                if (!static_cast<Frames*>(self)->free_pages(page, Order{0})) std::abort();
              }},
          Walkers{&frames_, [](void*, VirtRange) noexcept {},
                  [](void* self, VirtRange range) noexcept {
                    auto& known = static_cast<Frames*>(self)->remembered;
                    known.erase(known.lower_bound(range.begin().raw), known.lower_bound(range.end().raw));
                  },
                  [](void* self) noexcept { static_cast<Frames*>(self)->remembered.clear(); }})
          .value();
  Vmalloc<PageTable<F, Map>, Frames, NoLock> vm_{
      tree_,
      lock_,
      frames_,
      {.range = {VirtAddr{F::kBase}, VirtAddr{F::kBase + kPages * kPage}},
       .records = {&records_,
                   [](void* self) noexcept -> Result<void*> {
                     ++*static_cast<std::uint64_t*>(self);
                     return ::operator new(sizeof(Area));
                   },
                   [](void* self, void* record) noexcept {
                     --*static_cast<std::uint64_t*>(self);
                     ::operator delete(record);
                   }},
       .backlog = Bytes{kBacklog}}};
  std::map<std::uint64_t, Known> areas_;
};

template <class F>
class VmallocModel : public ::testing::Test {};
using Formats = ::testing::Types<FourLevels, ArmPages, Lpae, Sv39>;
TYPED_TEST_SUITE(VmallocModel, Formats);

TYPED_TEST(VmallocModel, leads_each_owner_to_what_is_its_own) {
  EXPECT_TRUE(rc::check("random moves", [] {
    World<TypeParam> world;
    const int steps = *rc::gen::inRange(1, 40);
    for (int i = 0; i < steps; ++i) world.step();
    world.end();
  }));
}

}  // namespace
}  // namespace quarry::vm
