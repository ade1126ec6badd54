// The page allocator in lockstep with an obvious one, and every short sequence on a tiny machine.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>
#include <map>
#include <set>
#include <vector>

#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_machine.hpp"
#include "quarry/page/flat_map_impl.hpp"

namespace quarry::buddy {

namespace {

using zones::ZoneType;

// Sixteen pages matter, so three orders do; a pageblock is half of the largest block.
constexpr Geometry kTiny{{.page_shift = 12, .max_order = 2, .pageblock_order = 1}};

// A flag for each page, and nothing else: free or not.
class Bitmap {
 public:
  explicit Bitmap(std::uint64_t pages) : free_(pages, false) {}
  bool is_free(std::uint64_t page, unsigned order) const {
    for (std::uint64_t at = page; at < page + (std::uint64_t{1} << order); ++at)
      if (at >= free_.size() || !free_[at]) return false;
    return true;
  }
  bool has(unsigned order) const {
    for (std::uint64_t page = 0; page < free_.size(); page += std::uint64_t{1} << order)
      if (is_free(page, order)) return true;
    return false;
  }
  void set(std::uint64_t page, std::uint64_t count, bool is_free) {
    for (std::uint64_t at = page; at < page + count; ++at) free_[at] = is_free;
  }
  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const bool free : free_) sum += free;
    return sum;
  }
  // Blocks of each order when whatever can be merged is merged.
  std::vector<std::uint64_t> merged(unsigned max_order) const {
    std::vector<std::uint64_t> blocks(max_order + 1, 0);
    for (std::uint64_t page = 0; page < free_.size();) {
      unsigned order = 0;
      if (!free_[page]) {
        ++page;
        continue;
      }
      while (order < max_order && (page & ((std::uint64_t{2} << order) - 1)) == 0 && is_free(page, order + 1))
        ++order;
      ++blocks[order];
      page += std::uint64_t{1} << order;
    }
    return blocks;
  }

 private:
  std::vector<bool> free_;
};

template <Geometry G>
class Lockstep {
 public:
  using M = TestMachine<G>;
  explicit Lockstep(std::uint64_t pages, PfnRange released, HandOver hand_over = HandOver::at_once)
      : model{pages} {
    machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{pages}});
    ok = static_cast<bool>(machine.start({.hand_over = hand_over})) &&
         static_cast<bool>(machine.allocator.release(released));
    model.set(released.begin().raw, released.size().raw, true);
  }

  // Each returns what is wrong, or an empty text.
  std::string alloc(unsigned order, MigrateType type) {
    const auto page = machine.allocator.alloc_pages(Order{order}, {.type = type});
    if (!page) return model.has(order) ? "failed though there is a block" : "";
    const std::uint64_t at = page.value().raw;
    if ((at & ((std::uint64_t{1} << order) - 1)) != 0) return "misaligned";
    if (!model.is_free(at, order)) return "handed out twice";
    model.set(at, std::uint64_t{1} << order, false);
    held.push_back({at, order});
    return "";
  }
  std::string free(std::size_t index) {
    const auto [at, order] = held[index];
    held[index] = held.back();
    held.pop_back();
    if (!machine.allocator.free_pages(Pfn{at}, Order{order})) return "refused";
    model.set(at, std::uint64_t{1} << order, true);
    return "";
  }
  // Frees what may not be freed; it must be refused.
  std::string misuse(std::uint64_t at, unsigned order) {
    for (const auto& [page, its] : held)
      if (page == at && its == order) return "";
    return machine.allocator.free_pages(Pfn{at}, Order{order}) ? "a misuse went through" : "";
  }
  std::string look() const {
    const Finding finding = machine.allocator.audit();
    if (finding)
      return std::string{name_of(finding.broken).data()} + " at " + std::to_string(finding.page.raw);
    const ZoneStats stats = machine.allocator.stats(M::zone(0, ZoneType::normal));
    if (stats.free.raw != model.count()) return "the free count differs";
    const auto blocks = model.merged(G.max_order_);
    for (unsigned order = 0; order <= G.max_order_; ++order) {
      std::uint64_t sum = 0;
      for (const std::uint64_t count : stats.free_blocks[order]) sum += count;
      if (sum != blocks[order]) return "blocks of order " + std::to_string(order) + " differ";
    }
    return "";
  }

  M machine;
  Bitmap model;
  std::vector<std::pair<std::uint64_t, unsigned>> held;
  bool ok = false;
};

constexpr MigrateType kTypes[] = {MigrateType::unmovable, MigrateType::movable, MigrateType::reclaimable};

// Goal: no page twice, every count right, no failure while a block is there, everything merged in the end.
template <Geometry G>
void runs_in_lockstep(HandOver hand_over) {
  constexpr std::uint64_t section = G.is_flat() ? 0 : std::uint64_t{1} << (G.section_bits_ - G.page_shift_);
  const std::uint64_t block = std::uint64_t{1} << G.max_order_;
  const std::uint64_t pages = hand_over == HandOver::deferred ? 2 * section : 3 * block;
  const std::uint64_t begin = *rc::gen::inRange<std::uint64_t>(0, block);
  const std::uint64_t end = pages - *rc::gen::inRange<std::uint64_t>(0, block);
  Lockstep<G> run{pages, {Pfn{begin}, Pfn{end}}, hand_over};
  RC_ASSERT(run.ok);
  const auto steps =
      *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 0xffffffff));
  for (const std::uint32_t step : steps) {
    const unsigned order = (step >> 8) % (G.max_order_ + 1);
    std::string wrong;
    if (step % 8 == 0)
      wrong = run.misuse((step >> 12) % (pages + 8), order);
    else if (step % 8 < 5 || run.held.empty())
      wrong = run.alloc(order, kTypes[(step >> 4) % 3]);
    else
      wrong = run.free((step >> 12) % run.held.size());
    if (wrong.empty()) wrong = run.look();
    if (!wrong.empty()) RC_FAIL(wrong);
  }
  while (!run.held.empty()) RC_ASSERT(run.free(run.held.size() - 1).empty());
  RC_ASSERT(run.look() == "");
}

// Every sequence of `depth` steps after `prefix`; an alphabet of allocations by order and type, and of frees
// by place. Each sequence is played from the start and looked at after its last step.
struct Universe {
  std::uint64_t pages;
  PfnRange released;
  unsigned depth;
  std::uint64_t sequences = 0;
  std::string wrong;
};

void play(Universe& universe, std::vector<unsigned>& sequence) {
  if (!universe.wrong.empty()) return;
  Lockstep<kTiny> run{universe.pages, universe.released};
  std::string wrong;
  for (const unsigned step : sequence) {
    if (!wrong.empty()) break;
    if (step < 6)
      wrong = run.alloc(step % 3, kTypes[step / 3]);
    else
      wrong = run.free(step - 6);
  }
  if (wrong.empty()) wrong = run.look();
  for (std::uint64_t page = 0; wrong.empty() && page < universe.pages; ++page)
    for (unsigned order = 0; order < 3 && wrong.empty(); ++order) wrong = run.misuse(page, order);
  if (wrong.empty()) wrong = run.look();
  ++universe.sequences;
  if (!wrong.empty()) {
    universe.wrong = wrong + " after";
    for (const unsigned step : sequence) universe.wrong += " " + std::to_string(step);
    return;
  }
  if (sequence.size() == universe.depth) return;
  const auto alphabet = static_cast<unsigned>(6 + run.held.size());
  for (unsigned step = 0; step < alphabet; ++step) {
    sequence.push_back(step);
    play(universe, sequence);
    sequence.pop_back();
  }
}

}  // namespace

template class PageAllocator<kTiny>;

RC_GTEST_PROP(PageAllocatorModel, SparseRunsInLockstep, ()) {
  runs_in_lockstep<k4KSparse>(HandOver::at_once);
}
RC_GTEST_PROP(PageAllocatorModel, FlatRunsInLockstep, ()) { runs_in_lockstep<k4KFlat>(HandOver::at_once); }
RC_GTEST_PROP(PageAllocatorModel, FlatWithHugePagesRunsInLockstep, ()) {
  runs_in_lockstep<k4KFlatHuge>(HandOver::at_once);
}
RC_GTEST_PROP(PageAllocatorModel, LargePagesRunInLockstep, ()) {
  runs_in_lockstep<k64KSparse>(HandOver::deferred);
}
RC_GTEST_PROP(PageAllocatorModel, TinyRunsInLockstep, ()) { runs_in_lockstep<kTiny>(HandOver::at_once); }

TEST(PageAllocatorModel, EveryShortSequenceOnSixteenPagesKeepsTheLaws) {
  Universe universe{16, {Pfn{0}, Pfn{16}}, 5, 0, {}};
  std::vector<unsigned> sequence;
  play(universe, sequence);
  EXPECT_EQ(universe.wrong, "");
  EXPECT_GT(universe.sequences, 7776u);  // 6^5: more, for the frees
}

// Little room, so that requests fail, fall back and take over half pageblocks.
TEST(PageAllocatorModel, EverySequenceOnARaggedZoneKeepsTheLaws) {
  Universe universe{7, {Pfn{1}, Pfn{6}}, 6, 0, {}};
  std::vector<unsigned> sequence;
  play(universe, sequence);
  EXPECT_EQ(universe.wrong, "");
}

}  // namespace quarry::buddy
