// The arena beside a map of pages and an obvious search from the lowest address on: at random, and every sequence
// of a few moves in an arena of a few pages.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "quarry/port/one_core.hpp"
#include "quarry/vm/address_arena.hpp"

namespace quarry::vm {
namespace {

constexpr std::uint64_t kPage = 4096;

struct HeapRecords {
  AreaRecords hooks() {
    return {this,
            [](void* self) noexcept -> Result<void*> {
              Result<void*> made{::operator new(sizeof(Area))};
              ++static_cast<HeapRecords*>(self)->taken;
              return made;
            },
            [](void* self, void* record) noexcept {
              ::operator delete(record);
              --static_cast<HeapRecords*>(self)->taken;
            }};
  }
  std::uint64_t taken = 0;
};

// Pages by number; a page that is not free says which area has it.
class Model {
 public:
  Model(std::uint64_t base, std::uint64_t pages) : base_{base}, owners_(pages, 0) {}

  // The first address of the lowest fit; 0: there is none.
  std::uint64_t lowest_fit(std::uint64_t pages, std::uint64_t alignment, std::uint64_t low,
                           std::uint64_t high) const {
    std::uint64_t run = 0;  // free pages from a possible start on
    for (std::uint64_t at = 0; at < owners_.size(); ++at) {
      const std::uint64_t start = base_ + (at - run) * kPage;
      const bool is_free = owners_[at] == 0;
      if (run == 0 && (!is_free || base_ + at * kPage < low || (base_ + at * kPage) % alignment != 0))
        continue;
      if (!is_free) {
        run = 0;
        continue;
      }
      if (++run < pages) continue;
      return base_ + (at + 1) * kPage <= high ? start : 0;
    }
    return 0;
  }
  void set(std::uint64_t begin, std::uint64_t pages, std::uint64_t owner) {
    for (std::uint64_t i = 0; i < pages; ++i) {
      auto& page = owners_[(begin - base_) / kPage + i];
      ASSERT_TRUE(owner == 0 || page == 0) << "two areas overlap";
      page = owner;
    }
  }
  std::uint64_t owner(std::uint64_t at) const { return owners_[(at - base_) / kPage]; }

 private:
  std::uint64_t base_;
  std::vector<std::uint64_t> owners_;
};

struct Known {
  std::uint64_t pages, guard;
  AreaState state;
};

class Lockstep {
 public:
  Lockstep(std::uint64_t base, std::uint64_t pages)
      : base_{base},
        pages_{pages},
        model_{base, pages},
        arena_{cores_,
               {VirtAddr{base}, VirtAddr{base + pages * kPage}},
               PageSize{12},
               records_.hooks(),
               Bytes{8 * kPage}} {}

  void take(std::uint64_t pages, std::uint64_t alignment, std::uint64_t guard, std::uint64_t low,
            std::uint64_t high) {
    const std::uint64_t want = model_.lowest_fit(pages + guard, alignment, low, high);
    const auto got = arena_.take({.size = Bytes{pages * kPage},
                                  .alignment = Bytes{alignment},
                                  .guard = Bytes{guard * kPage},
                                  .within = VirtRange{VirtAddr{low}, VirtAddr{high}}});
    ASSERT_EQ(bool{got}, want != 0);
    if (!got) {
      ASSERT_EQ(got.error(), Error::no_room);
      return;
    }
    ASSERT_EQ(got.value()->begin, want);
    arena_.publish(*got.value());
    model_.set(want, pages + guard, want);
    areas_[want] = {pages, guard, AreaState::live};
  }
  void retire(std::uint64_t begin) {
    const auto found = areas_.find(begin);
    const auto got = arena_.retire(VirtAddr{begin}, AreaKind::vmalloc);
    if (found == areas_.end()) {
      ASSERT_TRUE(!got && got.error() == Error::not_found);
      return;
    }
    ASSERT_EQ(bool{got}, found->second.state == AreaState::live);
    if (!got) {
      ASSERT_EQ(got.error(), Error::wrong_owner);
      return;
    }
    found->second.state = AreaState::retired;
    backlog_ += found->second.pages + found->second.guard;
    ASSERT_EQ(got.value() == Backlog::full, backlog_ > 8);
  }
  void purge() {
    std::uint64_t told = 0;
    const std::uint64_t gone = arena_.purge([&](Area& first) noexcept {
      for (const Area* area = &first; area != nullptr; area = area->next) ++told;
    });
    ASSERT_EQ(gone, told);
    for (auto area = areas_.begin(); area != areas_.end();) {
      if (area->second.state == AreaState::live) {
        ++area;
        continue;
      }
      model_.set(area->first, area->second.pages + area->second.guard, 0);
      area = areas_.erase(area);
      --told;
    }
    ASSERT_EQ(told, 0u);
    backlog_ = 0;
  }
  void look() const {
    const ArenaFinding found = arena_.audit();
    ASSERT_FALSE(found) << std::string(name_of(found.broken).data());
    ASSERT_EQ(records_.taken, areas_.size());
    ASSERT_EQ(arena_.stats().live + arena_.stats().retired, areas_.size());
    ASSERT_EQ(arena_.stats().backlog.raw, backlog_ * kPage);
  }
  void look_at(std::uint64_t at) const {
    const std::uint64_t owner = model_.owner(at);
    const auto got = arena_.find(VirtAddr{at});
    const bool is_live = owner != 0 && areas_.at(owner).state == AreaState::live &&
                         at < owner + areas_.at(owner).pages * kPage;
    ASSERT_EQ(bool{got}, is_live);
    if (!got) return;
    ASSERT_EQ(got.value().range.begin().raw, owner);
    ASSERT_EQ(got.value().range.size().raw, areas_.at(owner).pages * kPage);
  }
  std::uint64_t page(std::uint64_t number) const { return base_ + number * kPage; }
  std::uint64_t pages() const { return pages_; }
  const auto& areas() const { return areas_; }
  void empty() {
    for (const auto& area : areas_) {
      const bool was_live = bool{arena_.retire(VirtAddr{area.first}, AreaKind::vmalloc)};
      ASSERT_EQ(was_live, area.second.state == AreaState::live);
    }
    backlog_ = 0;
    arena_.purge([](Area&) noexcept {});
    ASSERT_EQ(records_.taken, 0u);
  }

 private:
  std::uint64_t base_, pages_;
  port::OneCore cores_;
  HeapRecords records_;
  Model model_;
  AddressArena<port::OneCore> arena_;
  std::map<std::uint64_t, Known> areas_;
  std::uint64_t backlog_ = 0;
};

void random_step(Lockstep& lockstep) {
  const auto page = [&] { return lockstep.page(*rc::gen::inRange<std::uint64_t>(0, lockstep.pages())); };
  switch (*rc::gen::weightedElement<int>({{6, 0}, {4, 1}, {1, 2}, {1, 3}})) {
    case 0: {
      const bool is_anywhere = *rc::gen::inRange(0, 3) != 0;
      const std::uint64_t a = is_anywhere ? 0 : page(), b = is_anywhere ? UINT64_MAX : page();
      const unsigned shift = *rc::gen::weightedElement<unsigned>(
          {{6, 12}, {1, 13}, {1, 14}, {2, 16}, {1, 17}, {1, 20}, {2, 21}, {1, 22}});
      lockstep.take(*rc::gen::weightedOneOf<std::uint64_t>({{6, rc::gen::inRange<std::uint64_t>(1, 9)},
                                                            {1, rc::gen::inRange<std::uint64_t>(9, 600)}}),
                    std::uint64_t{1} << shift, *rc::gen::inRange<std::uint64_t>(0, 3), std::min(a, b),
                    std::max(a, b));
      break;
    }
    case 1: {
      if (lockstep.areas().empty()) return;
      auto area = lockstep.areas().begin();
      std::advance(area, *rc::gen::inRange<std::size_t>(0, lockstep.areas().size()));
      lockstep.retire(area->first);
      break;
    }
    case 2: lockstep.retire(page()); break;
    default: lockstep.purge();
  }
  lockstep.look_at(page());
}

TEST(ArenaModel, hands_out_what_the_obvious_search_finds) {
  EXPECT_TRUE(rc::check("random moves", [] {
    // Addresses that are aligned to nothing large, and the last ones there are.
    const bool is_top = *rc::gen::inRange(0, 4) == 0;
    Lockstep lockstep{is_top ? UINT64_MAX - 3000 * kPage + 1 : 0xffff'c900'000f'3000, is_top ? 2999u : 3000u};
    const int steps = *rc::gen::inRange(1, 150);
    for (int i = 0; i < steps; ++i) {
      random_step(lockstep);
      lockstep.look();
      RC_ASSERT(!::testing::Test::HasFatalFailure());
    }
    lockstep.empty();
  }));
}

// Many areas, so that the tree is deep and turns in every way.
TEST(ArenaModel, keeps_its_balance_among_many) {
  EXPECT_TRUE(rc::check("many areas", [] {
    Lockstep lockstep{0x10'0000, 2000};
    const int steps = *rc::gen::inRange(300, 900);
    for (int i = 0; i < steps; ++i) {
      if (*rc::gen::inRange(0, 5) < 3) {
        lockstep.take(*rc::gen::inRange<std::uint64_t>(1, 4), kPage, 0, 0, UINT64_MAX);
      } else if (!lockstep.areas().empty()) {
        auto area = lockstep.areas().begin();
        std::advance(area, *rc::gen::inRange<std::size_t>(0, lockstep.areas().size()));
        lockstep.retire(area->first);
      }
      if (i % 7 == 0) lockstep.purge();
      lockstep.look();
      RC_ASSERT(!::testing::Test::HasFatalFailure());
    }
    lockstep.empty();
  }));
}

// Every sequence of kMoves moves in an arena of kPages pages that starts at an odd one.
class Universe {
 public:
  static constexpr unsigned kPages = 5, kMoves = 5;
  void explore(std::vector<unsigned>& moves) {
    run(moves);
    ++sequences;
    if (moves.size() == kMoves || ::testing::Test::HasFatalFailure()) return;
    for (unsigned move = 0; move < kCount; ++move) {
      moves.push_back(move);
      explore(moves);
      moves.pop_back();
    }
  }
  std::uint64_t sequences = 0;

 private:
  // 1, 2 or 3 pages; 1 or 2 aligned to two; 1 with a guard; 2 from the second page on; retire each page; purge.
  static constexpr unsigned kCount = 7 + kPages + 1;
  static void run(const std::vector<unsigned>& moves) {
    Lockstep lockstep{0x7000, kPages};
    for (const unsigned move : moves) {
      const std::uint64_t low = move == 6 ? lockstep.page(1) : 0,
                          high = move == 6 ? lockstep.page(4) : UINT64_MAX;
      constexpr std::uint64_t kPagesOf[] = {1, 2, 3, 1, 2, 1, 2};
      if (move < 7)
        lockstep.take(kPagesOf[move], move == 3 || move == 4 ? 2 * kPage : kPage, move == 5 ? 1 : 0, low,
                      high);
      else if (move < 7 + kPages)
        lockstep.retire(lockstep.page(move - 7));
      else
        lockstep.purge();
    }
    lockstep.look();
    for (unsigned page = 0; page < kPages; ++page) lockstep.look_at(lockstep.page(page));
    lockstep.empty();
  }
};

TEST(ArenaModel, agrees_after_every_sequence_of_five_moves_in_five_pages) {
  Universe universe;
  std::vector<unsigned> moves;
  universe.explore(moves);
  EXPECT_EQ(universe.sequences,
            1u + 13 + 13 * 13 + 13 * 13 * 13 + 13 * 13 * 13 * 13 + 13 * 13 * 13 * 13 * 13);
}

}  // namespace
}  // namespace quarry::vm
