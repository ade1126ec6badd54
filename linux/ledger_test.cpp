// The ledger against a byte-by-byte model, and its law: the buckets add up to the RAM.
#include "linux/ledger.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace quarry::lnx {
namespace {

PhysRange range_of(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin}, PhysAddr{end}}; }

std::uint64_t sum_of(const Ledger& ledger) {
  std::uint64_t sum = 0;
  for (const LedgerLine& line : ledger.lines()) sum += line.bytes.raw;
  return sum;
}

TEST(Ledger, every_byte_has_one_owner_and_frees_give_back) {
  Ledger ledger{std::vector{range_of(0x1000, 0x3000), range_of(0x8000, 0x9000)}};
  using early::Action;
  ledger.apply({.action = Action::add, .range = range_of(0x1000, 0x3000)});
  ledger.apply({.action = Action::reserve, .range = range_of(0, 0x1800), .owner = "kernel"});
  ledger.apply({.action = Action::alloc, .range = range_of(0x2000, 0x2100), .owner = "tables"});
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x17ff}), "kernel");
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x1800}), Ledger::kFree);
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x8000}), Ledger::kNotAdded);
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x500}), "");
  ledger.apply({.action = Action::free, .range = range_of(0x2000, 0x2080)});
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x2000}), Ledger::kFree);
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x2080}), "tables");
  ledger.round_free(PageSize{12});
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x1800}), Ledger::kRounding);
  EXPECT_EQ(sum_of(ledger), 0x3000u);
  EXPECT_EQ(ledger.audit(), "");
}

TEST(Ledger, a_free_of_what_was_never_memory_makes_it_no_memory) {
  Ledger ledger{std::vector{range_of(0, 0x1000)}};
  ledger.apply({.action = early::Action::reserve, .range = range_of(0, 0x1000), .owner = "x"});
  ledger.apply({.action = early::Action::free, .range = range_of(0, 0x1000)});
  EXPECT_EQ(ledger.owner_of(PhysAddr{0}), Ledger::kNotAdded);
}

TEST(Ledger, an_owner_of_any_name_is_an_owner) {
  Ledger ledger{std::vector{range_of(0, 0x4000)}};
  using early::Action;
  ledger.apply({.action = Action::add, .range = range_of(0, 0x3000)});
  ledger.apply({.action = Action::reserve, .range = range_of(0, 0x1000), .owner = "free"});
  ledger.apply({.action = Action::reserve, .range = range_of(0x1000, 0x2000), .owner = "never taken in"});
  ledger.apply({.action = Action::add, .range = range_of(0, 0x3000)});
  ledger.apply({.action = Action::remove, .range = range_of(0, 0x1000)});
  EXPECT_EQ(ledger.owner_of(PhysAddr{0}), "free");
  EXPECT_EQ(ledger.owner_of(PhysAddr{0x1000}), "never taken in");
  const auto pieces = ledger.pieces();
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[0].fate, Fate::kept);
  EXPECT_EQ(pieces[2].fate, Fate::free);
  std::uint64_t free = 0;
  for (const LedgerLine& line : ledger.lines())
    if (is_managed(line.fate)) free += line.bytes.raw;
  EXPECT_EQ(free, 0x1000u);
}

TEST(Ledger, a_piece_keeps_its_rule_until_it_gets_another) {
  Ledger ledger{std::vector{range_of(0, 0x4000)}};
  using early::Action;
  ledger.set_free_rule("all");
  ledger.apply({.action = Action::add, .range = range_of(0, 0x3000)});
  ledger.apply({.action = Action::reserve, .range = range_of(0, 0x2000)}, {"image", "reserve"});
  ledger.own(range_of(0, 0x1000), "init", {}, Fate::given_back);
  ledger.explain(range_of(0, 0x4000), {"never, mem=", "mem="});
  const std::vector<LedgerLine> expected = {{"free", Bytes{0x1000}, "all", Fate::free},
                                            {"image", Bytes{0x1000}, "reserve", Fate::kept},
                                            {"init", Bytes{0x1000}, "reserve", Fate::given_back},
                                            {"never, mem=", Bytes{0x1000}, "mem=", Fate::kept}};
  EXPECT_EQ(ledger.lines(), expected);
  const auto inside = ledger.pieces_in(range_of(0xc00, 0x1400));
  ASSERT_EQ(inside.size(), 2u);
  EXPECT_EQ(inside[0].range, range_of(0xc00, 0x1000));
  EXPECT_EQ(inside[1].range, range_of(0x1000, 0x1400));
  ledger.apply({.action = Action::free, .range = range_of(0, 0x3000)});
  EXPECT_EQ(ledger.lines()[0], (LedgerLine{"free", Bytes{0x3000}, "all", Fate::free}));
}

// What one byte is, by the rules of Ledger::apply.
struct Byte {
  std::string owner{Ledger::kNotAdded};
  bool is_ram = false, is_added = false;
  void apply(early::Action action, std::string_view by) {
    using early::Action;
    if (action == Action::add) {
      if (owner == Ledger::kNotAdded || owner == Ledger::kRemoved) owner = Ledger::kFree;
      is_added = true;
    } else if (action == Action::remove) {
      if (owner == Ledger::kFree) owner = Ledger::kRemoved;
      is_added = false;
    } else if (action == Action::free) {
      owner = is_added ? Ledger::kFree : Ledger::kNotAdded;
    } else if (action != Action::alloc_failed && action != Action::set_node) {
      owner = by;
    }
  }
};

RC_GTEST_PROP(Ledger, any_sequence_of_events_adds_up_to_the_ram, ()) {
  using early::Action;
  constexpr std::uint64_t universe = 96;
  const auto piece = [] {
    const auto begin = *rc::gen::inRange<std::uint64_t>(0, universe);
    return range_of(begin, *rc::gen::inRange<std::uint64_t>(begin, universe + 1));
  };
  std::vector<PhysRange> ram;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) ram.push_back(piece());
  std::vector<Byte> model(universe);
  std::uint64_t bytes = 0;
  for (std::uint64_t at = 0; at < universe; ++at) {
    for (const PhysRange range : ram) model[at].is_ram = model[at].is_ram || range.contains(PhysAddr{at});
    bytes += model[at].is_ram ? 1u : 0u;
  }
  Ledger ledger{ram};
  RC_ASSERT(ledger.ram().raw == bytes);
  constexpr Action actions[] = {Action::add,   Action::remove, Action::reserve,      Action::free,
                                Action::alloc, Action::grow,   Action::alloc_failed, Action::set_node};
  for (int i = *rc::gen::inRange(0, 40); i > 0; --i) {
    const auto action = *rc::gen::elementOf(std::vector<Action>{std::begin(actions), std::end(actions)});
    const auto owner = *rc::gen::element("a", "b", "c");
    const PhysRange range = piece();
    ledger.apply({.action = action, .range = range, .owner = owner});
    for (std::uint64_t at = range.begin().raw; at < range.end().raw; ++at) model[at].apply(action, owner);
    RC_ASSERT(ledger.audit().empty());
    RC_ASSERT(sum_of(ledger) == bytes);
  }
  for (std::uint64_t at = 0; at < universe; ++at)
    RC_ASSERT(ledger.owner_of(PhysAddr{at}) == (model[at].is_ram ? model[at].owner : std::string{}));
  const auto pieces = ledger.pieces();
  for (std::size_t i = 1; i < pieces.size(); ++i)
    RC_ASSERT(pieces[i - 1].range.end() != pieces[i].range.begin() || pieces[i - 1].owner != pieces[i].owner);
  ledger.round_free(PageSize{12});
  RC_ASSERT(sum_of(ledger) == bytes);
}

}  // namespace
}  // namespace quarry::lnx
