// One zone in lockstep with a flag for each page, page for page.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "quarry/buddy/compact_zone_test_machine.hpp"
#include "quarry/page/flat_map_impl.hpp"

namespace quarry::buddy {

namespace {

constexpr Geometry kTiny{{.page_shift = 12, .max_order = 2, .pageblock_order = 1}};
constexpr MigrateType kTypes[] = {MigrateType::unmovable, MigrateType::movable, MigrateType::reclaimable};

template <Geometry G>
class ZoneLockstep {
 public:
  explicit ZoneLockstep(std::uint64_t pages, PfnRange released) : free_(pages, false) {
    ok = static_cast<bool>(machine.start({Pfn{0}, Pfn{pages}}));
    machine.release(released);
    set(released.begin().raw, released.size().raw, true);
  }

  // Each returns what is wrong, or an empty text.
  std::string take(unsigned order, MigrateType type) {
    const auto blocks = merged();
    const FreeBlock* const wanted = expected(blocks, order, type);
    auto page = machine.zone.take(Order{order}, type, type, machine.watcher, machine.tally);
    if (static_cast<bool>(page) != (wanted != nullptr)) return "take() does not find what there is";
    if (page && page.value() != wanted->page)
      return "took " + std::to_string(page.value().raw) + " and not " + std::to_string(wanted->page.raw);
    if (!page) page = machine.zone.take_other({Order{order}, type}, machine.watcher, machine.tally);
    if (!page) {
      for (const FreeBlock& block : blocks)
        if (block.order.raw() >= order && is_ordinary_at(block.page)) return "failed though there is a block";
      return "";
    }
    return hold(page.value(), order, type);
  }
  std::string take_bulk(unsigned order, MigrateType type, std::size_t count) {
    std::vector<Pfn> pages(count);
    const std::size_t took = machine.take_bulk(order, type, type, pages);
    for (std::size_t i = 0; i < took; ++i)
      if (const std::string wrong = hold(pages[i], order, type); !wrong.empty()) return wrong;
    return took < count && expected(merged(), order, type) != nullptr ? "took too few" : "";
  }
  std::string give(std::size_t index) {
    const auto [at, order] = held[index];
    held[index] = held.back();
    held.pop_back();
    machine.give(Pfn{at}, order);
    set(at, std::uint64_t{1} << order, true);
    return "";
  }
  // All single frames of a span that are held, lowest first.
  std::string give_bulk(std::uint64_t begin, std::uint64_t end) {
    std::vector<Pfn> pages;
    std::erase_if(held, [&](const auto& one) {
      const bool is_in = one.second == 0 && begin <= one.first && one.first < end;
      if (is_in) pages.push_back(Pfn{one.first});
      return is_in;
    });
    for (std::span<const Pfn> left{pages}; !left.empty();) {
      const auto some = left.first(std::min<std::size_t>(left.size(), 200));
      std::uint64_t isolated = 0;
      for (const Pfn page : some)
        if (machine.map.pageblock_type(page) == MigrateType::isolate) ++isolated;
      if (machine.give_bulk(some).free != some.size() - isolated)
        return "gave more or less than it was given";
      for (const Pfn page : some) set(page.raw, 1, true);
      left = left.subspan(some.size());
    }
    return "";
  }
  std::string retype(std::uint64_t page, MigrateType to) {
    const std::uint64_t start = page & ~(machine.kFrames - 1);
    // A block in use that is larger than the pageblock comes back as one, under one type.
    for (const auto& [at, order] : held)
      if (order > G.pageblock_order_ && at >> order == page >> order) return "";
    std::uint64_t count = 0;
    for (std::uint64_t at = start; at < start + machine.kFrames && at < free_.size(); ++at)
      count += free_[at];
    machine.map.set_pageblock_type(Pfn{page}, to);
    return machine.zone.retype(Pfn{page}, to).free == count ? "" : "retyped another number of pages";
  }
  std::string pull(std::uint64_t page, unsigned order) {
    const auto block = machine.zone.block_of(Pfn{page});
    if (static_cast<bool>(block) != free_[page]) return "block_of() does not say what is free";
    if (!block || block.value().order.raw() < order) return "";
    const Pfn start{page >> order << order};
    machine.zone.pull({start, Order{order}});
    machine.map.at(start).become_allocated(Order{order}, 0, MigrateType::movable);
    return hold(start, order, MigrateType::movable);
  }
  std::string look() const {
    if (const Finding finding = machine.zone.audit())
      return std::string{name_of(finding.broken).data()} + " at " + std::to_string(finding.page.raw);
    std::vector<std::uint64_t> counts(G.max_order_ + 1, 0);
    for (const FreeBlock& block : merged()) {
      ++counts[block.order.raw()];
      const auto found = machine.zone.block_of(block.page + PageCount{block.order.pages().raw - 1});
      if (!found || found.value() != block) return "block_of() differs";
    }
    for (unsigned order = 0; order <= G.max_order_; ++order) {
      std::uint64_t sum = 0;
      for (unsigned type = 0; type < page::kMigrateTypes; ++type) {
        const std::uint64_t blocks = machine.zone.blocks(Order{order}, static_cast<MigrateType>(type));
        const bool is_marked = (machine.zone.orders(static_cast<MigrateType>(type)) >> order & 1) != 0;
        if (blocks != 0 && !is_marked) return "orders() lacks one of blocks()";
        sum += blocks;
      }
      if (sum != counts[order]) return "blocks of order " + std::to_string(order) + " differ";
    }
    return "";
  }

  ZoneMachine<G> machine;
  std::vector<std::pair<std::uint64_t, unsigned>> held;
  bool ok = false;

 private:
  bool is_free(std::uint64_t page, unsigned order) const {
    for (std::uint64_t at = page; at < page + (std::uint64_t{1} << order); ++at)
      if (at >= free_.size() || !free_[at]) return false;
    return true;
  }
  void set(std::uint64_t page, std::uint64_t count, bool is_free) {
    for (std::uint64_t at = page; at < page + count; ++at) free_[at] = is_free;
  }
  bool is_ordinary_at(Pfn page) const { return page::is_ordinary(machine.map.pageblock_type(page)); }
  bool is_one(std::uint64_t page, unsigned order) const {
    if (!is_free(page, order)) return false;
    for (std::uint64_t at = page; at < page + (std::uint64_t{1} << order); at += machine.kFrames)
      if (is_ordinary_at(Pfn{at}) != is_ordinary_at(Pfn{page})) return false;
    return true;
  }
  // What is free when whatever can be merged is merged, lowest first. One special type at most.
  std::vector<FreeBlock> merged() const {
    std::vector<FreeBlock> blocks;
    for (std::uint64_t page = 0; page < free_.size();) {
      if (!free_[page]) {
        ++page;
        continue;
      }
      unsigned order = 0;
      while (order < G.max_order_ && (page & ((std::uint64_t{2} << order) - 1)) == 0 &&
             is_one(page, order + 1))
        ++order;
      blocks.push_back({Pfn{page}, Order{order}});
      page += std::uint64_t{1} << order;
    }
    return blocks;
  }
  // The block that take() must cut: of single frames any of the lowest pageblock that is free in part, the smallest there.
  const FreeBlock* expected(const std::vector<FreeBlock>& blocks, unsigned order, MigrateType type) const {
    const FreeBlock* best = nullptr;
    for (const FreeBlock& block : blocks) {
      const bool is_partial = block.order < G.pageblock_order();
      if (block.order.raw() < order || machine.zone.listed_as(block.page) != type) continue;
      if (best == nullptr) {
        best = &block;
        continue;
      }
      const bool best_is_partial = best->order < G.pageblock_order();
      const bool is_beside = best->page.raw >> G.pageblock_order_ == block.page.raw >> G.pageblock_order_;
      if (is_partial != best_is_partial ? is_partial
          : is_partial && order == 0    ? is_beside && block.order < best->order
                                        : block.order < best->order)
        best = &block;
    }
    return best;
  }
  std::string hold(Pfn page, unsigned order, MigrateType type) {
    if ((page.raw & ((std::uint64_t{1} << order) - 1)) != 0) return "misaligned";
    if (!is_free(page.raw, order)) return "handed out twice";
    const page::Descriptor& head = machine.map.at(page);
    if (!head.is_allocated(Order{order}) || head.list() != type) return "the descriptor says something else";
    set(page.raw, std::uint64_t{1} << order, false);
    held.push_back({page.raw, order});
    return "";
  }

  std::vector<bool> free_;
};

// Goal: the page that the rule says, every count right, no failure while a block is there, everything merged in the end.
template <Geometry G>
void runs_in_lockstep() {
  const std::uint64_t block = std::uint64_t{1} << G.max_order_;
  const std::uint64_t pages = (G.max_order_ > 12 ? 2 : 3) * block;
  const std::uint64_t begin = *rc::gen::inRange<std::uint64_t>(0, block);
  const std::uint64_t end = pages - *rc::gen::inRange<std::uint64_t>(0, block);
  ZoneLockstep<G> run{pages, {Pfn{begin}, Pfn{end}}};
  RC_ASSERT(run.ok);
  const auto steps =
      *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 0xffffffff));
  for (const std::uint32_t step : steps) {
    const unsigned order = (step >> 8) % (G.max_order_ + 1);
    const std::uint64_t page = (step >> 12) % pages;
    const MigrateType type = kTypes[(step >> 4) % 3];
    std::string wrong;
    switch (step % 16) {
      case 0: wrong = run.pull(page, order); break;
      case 1: wrong = run.retype(page, (step >> 5) % 4 != 0 ? type : MigrateType::cma); break;
      case 2: wrong = run.take_bulk(0, type, (step >> 12) % 300); break;
      case 3: wrong = run.take_bulk(order, type, (step >> 12) % 9); break;
      case 4:
      case 5: wrong = run.give_bulk(page, page + 400); break;
      case 6:
      case 7: wrong = run.take(0, type); break;
      case 8:
      case 9:
      case 10: wrong = run.take(order, type); break;
      default:
        if (!run.held.empty()) wrong = run.give((step >> 12) % run.held.size());
    }
    if (wrong.empty()) wrong = run.look();
    if (!wrong.empty()) RC_FAIL(wrong);
  }
  while (!run.held.empty()) RC_ASSERT(run.give(run.held.size() - 1).empty());
  RC_ASSERT(run.look() == "");
}

struct Universe {
  std::uint64_t pages;
  PfnRange released;
  unsigned depth;
  std::uint64_t sequences = 0;
  std::string wrong;
};

// Every sequence of allocations by order and type, and of frees by place.
void play(Universe& universe, std::vector<unsigned>& sequence) {
  if (!universe.wrong.empty()) return;
  ZoneLockstep<kTiny> run{universe.pages, universe.released};
  std::string wrong;
  for (const unsigned step : sequence) {
    if (!wrong.empty()) break;
    wrong = step < 6 ? run.take(step % 3, kTypes[step / 3]) : run.give(step - 6);
  }
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

RC_GTEST_PROP(CompactZoneModel, SparseRunsInLockstep, ()) { runs_in_lockstep<k4KSparse>(); }
RC_GTEST_PROP(CompactZoneModel, FlatRunsInLockstep, ()) { runs_in_lockstep<k4KFlat>(); }
RC_GTEST_PROP(CompactZoneModel, FlatWithHugePagesRunsInLockstep, ()) { runs_in_lockstep<k4KFlatHuge>(); }
RC_GTEST_PROP(CompactZoneModel, LargePagesRunInLockstep, ()) { runs_in_lockstep<k64KSparse>(); }
RC_GTEST_PROP(CompactZoneModel, TinyRunsInLockstep, ()) { runs_in_lockstep<kTiny>(); }

TEST(CompactZoneModel, EveryShortSequenceOnSixteenPagesKeepsTheLaws) {
  Universe universe{16, {Pfn{0}, Pfn{16}}, 5, 0, {}};
  std::vector<unsigned> sequence;
  play(universe, sequence);
  EXPECT_EQ(universe.wrong, "");
  EXPECT_GT(universe.sequences, 7776u);
}

TEST(CompactZoneModel, EverySequenceOnARaggedZoneKeepsTheLaws) {
  Universe universe{7, {Pfn{1}, Pfn{6}}, 6, 0, {}};
  std::vector<unsigned> sequence;
  play(universe, sequence);
  EXPECT_EQ(universe.wrong, "");
}

}  // namespace quarry::buddy
