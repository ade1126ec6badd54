// Attribution by experiment, on machines whose outcome is a formula: what is added up, what is not, and what does not boot.
#include "cli/attribution.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "linux/describe.hpp"
#include "linux/tree_writer.hpp"

namespace quarry::cli {
namespace {

using lnx::MachineDescription;
using lnx::MachineMix;
using Words = std::set<std::string>;

// A machine whose differences are the words on its command line.
MachineDescription with(const std::string& words) { return *lnx::describe("pc-2g", {.command_line = words}); }

Words words_of(const MachineDescription& machine) {
  Words words;
  std::string word;
  for (const char c : machine.command_line + " ")
    if (c != ' ')
      word += c;
    else if (!word.empty())
      words.insert(std::exchange(word, {}));
  return words;
}

// An outcome of that many KiB and as many bytes in one bucket.
Figures kib(std::int64_t amount) {
  Figures figures;
  figures.mem_total = amount;
  figures.ram = amount;
  if (amount != 0) figures.ledger["free"] = amount;
  return figures;
}

// The first difference of an effect, by name.
std::string name_of(const MachineMix& mix, const Effect& effect) {
  return mix.differences()[effect.differences.front()].what;
}

Figures sum_of(const Attribution& found) {
  Figures sum = found.together + found.unexplained;
  for (const Effect& effect : found.effects) sum += effect.change;
  return sum;
}

TEST(Figures, what_two_have_in_common_is_the_smaller_of_one_sign) {
  EXPECT_EQ(common(kib(5), kib(3)), kib(3));
  EXPECT_EQ(common(kib(3), kib(5)), kib(3));
  EXPECT_EQ(common(kib(-5), kib(-3)), kib(-3));
  EXPECT_EQ(common(kib(-5), kib(3)), Figures{});
  EXPECT_EQ(common(kib(5), Figures{}), Figures{});
}

TEST(Attribution, what_adds_up_is_each_ones_own_and_the_largest_is_first) {
  const MachineMix mix{with("a b c"), with("c d e")};
  const Boot boot = [](const MachineDescription& machine) -> lnx::Expected<Figures> {
    const Words words = words_of(machine);
    return kib(1000 - 10 * words.contains("a") - 300 * words.contains("d") + 40 * words.contains("e"));
  };
  const auto found = attribute(mix, boot);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->effects.size(), 4u);
  EXPECT_EQ(name_of(mix, found->effects[0]), "d");
  EXPECT_EQ(found->effects[0].change, kib(-300));
  EXPECT_EQ(name_of(mix, found->effects[1]), "e");
  EXPECT_EQ(found->effects[1].change, kib(40));
  EXPECT_EQ(name_of(mix, found->effects[2]), "a");
  EXPECT_EQ(found->effects[2].change, kib(10));
  EXPECT_EQ(found->effects[3].change, Figures{});
  EXPECT_EQ(found->together, Figures{});
  EXPECT_EQ(found->unexplained, Figures{});
  for (const Effect& effect : found->effects) EXPECT_TRUE(effect.is_alone);
  EXPECT_LE(found->boots, 2 * mix.differences().size() + 2);
}

TEST(Attribution, what_only_two_do_together_is_said_to_be_of_both) {
  const MachineMix mix{with(""), with("x y z")};
  const Boot boot = [](const MachineDescription& machine) -> lnx::Expected<Figures> {
    const Words words = words_of(machine);
    return kib(100 - 5 * words.contains("x") - 64 * (words.contains("x") && words.contains("y")));
  };
  const auto found = attribute(mix, boot);
  ASSERT_TRUE(found);
  EXPECT_EQ(name_of(mix, found->effects[0]), "x");
  EXPECT_EQ(found->effects[0].change, kib(-5));
  EXPECT_EQ(found->together, kib(-64));
  EXPECT_EQ(found->unexplained, Figures{});
  for (const Effect& effect : found->effects)
    EXPECT_EQ(effect.is_alone, name_of(mix, effect) == "z") << name_of(mix, effect);
}

TEST(Attribution, differences_that_boot_only_together_are_one_cause) {
  const MachineMix mix{with(""), with("x y z")};
  const Boot boot = [](const MachineDescription& machine) -> lnx::Expected<Figures> {
    const Words words = words_of(machine);
    if (words.contains("x") != words.contains("y")) return lnx::Problem{lnx::ExitStatus::cannot_boot, "no"};
    return kib(100 + 7 * words.contains("x") + 3 * words.contains("z"));
  };
  const auto found = attribute(mix, boot);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->effects.size(), 2u);
  EXPECT_EQ(found->effects[0].differences, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(found->effects[0].change, kib(7));
  EXPECT_EQ(found->effects[1].change, kib(3));
  EXPECT_EQ(sum_of(*found), found->after - found->before);
}

TEST(Attribution, what_no_difference_accounts_for_is_unexplained) {
  MachineDescription to = with("x");
  to.source = "another";  // nothing that a mixed machine takes over
  const MachineMix mix{with(""), to};
  const Boot boot = [](const MachineDescription& machine) -> lnx::Expected<Figures> {
    return kib(100 - 10 * words_of(machine).contains("x") - 1 * (machine.source == "another"));
  };
  const auto found = attribute(mix, boot);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->effects[0].change, kib(-10));
  EXPECT_EQ(found->unexplained, kib(-1));
}

TEST(Attribution, a_side_that_does_not_boot_is_named) {
  const MachineMix mix{with(""), with("broken")};
  const Boot boot = [](const MachineDescription& machine) -> lnx::Expected<Figures> {
    if (machine.command_line == "broken") return lnx::Problem{lnx::ExitStatus::cannot_boot, "it does not"};
    return kib(1);
  };
  const auto found = attribute(mix, boot);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.problem().exit_status, lnx::ExitStatus::cannot_boot);
  EXPECT_EQ(found.problem().text, fmt::format("{}: it does not", mix.to().source));
}

// Whatever machines come to, and whichever of those between do not boot, the shares add up to the change.
RC_GTEST_PROP(Attribution, shares_add_up_to_the_change, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  const auto failing = *rc::gen::inRange<std::uint32_t>(0, 6);
  const MachineMix mix{with("a b"), with("b c d e")};
  const Boot boot = [&](const MachineDescription& machine) -> lnx::Expected<Figures> {
    std::uint32_t hash = seed;
    for (const char c : machine.command_line) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    const bool is_end = machine.command_line == "a b" || machine.command_line == "b c d e";
    if (!is_end && hash % 10 < failing) return lnx::Problem{lnx::ExitStatus::cannot_boot, "no"};
    Figures figures = kib(hash % 4096);
    figures.cma_total = hash % 7;
    figures.ledger["other"] = hash % 13;
    return figures;
  };
  const auto found = attribute(mix, boot);
  RC_ASSERT(static_cast<bool>(found));
  RC_ASSERT(sum_of(*found) == found->after - found->before);
  RC_ASSERT(found->unexplained.is_zero());
  std::set<std::size_t> named;
  for (const Effect& effect : found->effects)
    for (const std::size_t index : effect.differences) RC_ASSERT(named.insert(index).second);
  RC_ASSERT(named.size() == mix.differences().size());
}

// --- Real boots --------------------------------------------------------------------------------------------

TEST(Attribution, a_crash_kernels_memory_is_taken_by_its_word) {
  MachineDescription from = *lnx::describe("pc-2g"), to = from;
  to.command_line += " crashkernel=256M quiet";
  const MachineMix mix{from, to};
  const auto found = attribute(mix);
  ASSERT_TRUE(found);
  EXPECT_EQ(name_of(mix, found->effects[0]), "crashkernel=256M");
  EXPECT_EQ(found->effects[0].change.mem_total, -256 * 1024);
  EXPECT_EQ(found->effects[0].change.ledger.at("crashkernel"), 256 << 20);
  EXPECT_EQ(found->unexplained, Figures{});
}

// Each bucket's change is some other's: of each cause that is nobody else's, the ledger's sum is the change of RAM.
TEST(Attribution, the_ledger_of_a_cause_adds_up_to_its_ram) {
  const char* const pairs[][2] = {
      {"pc-2g", "numa-8n"}, {"arm64-virt-8g", "arm64-reserved"}, {"pc-2g", "arm64-virt-8g"}};
  for (const auto& [a, b] : pairs) {
    const MachineMix mix{*lnx::describe(a), *lnx::describe(b)};
    const auto found = attribute(mix);
    ASSERT_TRUE(found) << found.problem().text;
    const auto ledger_sum = [](const Figures& figures) {
      std::int64_t sum = 0;
      for (const auto& [owner, bytes] : figures.ledger) sum += bytes;
      return sum;
    };
    EXPECT_EQ(ledger_sum(found->before), found->before.ram);
    EXPECT_EQ(ledger_sum(found->after), found->after.ram);
    for (const Effect& effect : found->effects) {
      if (!effect.is_alone) continue;
      EXPECT_EQ(ledger_sum(effect.change), effect.change.ram) << name_of(mix, effect);
    }
    EXPECT_EQ(sum_of(*found), found->after - found->before);
    EXPECT_EQ(found->unexplained, Figures{}) << a << " and " << b;
  }
}

// A tree may keep an area where the board has no memory: Linux counts its pages, and nobody else stumbles.
TEST(Attribution, an_area_where_no_memory_is_stops_no_boot) {
  const PhysRange ram{PhysAddr{1u << 30}, PhysAddr{2u << 30}};
  const PhysRange nowhere{PhysAddr{std::uint64_t{64} << 30},
                          PhysAddr{(std::uint64_t{64} << 30) + (64u << 20)}};
  lnx::TreeWriter tree;
  tree.number("#address-cells", 2).number("#size-cells", 2);
  tree.begin("memory@40000000").text("device_type", "memory").ranges("reg", std::span{&ram, 1}).end();
  tree.begin("reserved-memory").number("#address-cells", 2).number("#size-cells", 2).flag("ranges");
  tree.begin("pool@1000000000").text("compatible", "shared-dma-pool").flag("reusable");
  tree.ranges("reg", std::span{&nowhere, 1}).end().end();
  MachineDescription machine = *lnx::describe("arm64-virt-8g");
  machine.tree = tree.finish();
  const auto figures = boot_for_figures(machine);
  ASSERT_TRUE(figures) << figures.problem().text;
  EXPECT_GT(figures->mem_total, 0);
  EXPECT_LT(figures->mem_total, 1 << 20);
}

}  // namespace
}  // namespace quarry::cli
