#include "quarry/vm/page_table.hpp"

#include "quarry/vm/format_arm.hpp"
#include "quarry/vm/format_x86_64.hpp"
#include "quarry/vm/table_machine_test.hpp"

namespace quarry::vm {
namespace {

constinit TestFrames memory{};

using Format = X86<4>;
using Tree = PageTable<Format, TestMap>;
constexpr Access kData{.write = true};
constexpr std::uint64_t kHigh = 0xffff'8880'0000'0000;

Bytes page_at(const Tree& tree, std::uint64_t at) { return tree.lookup(VirtAddr{at}).value().page; }
bool is_absent(const Tree& tree, std::uint64_t at) {
  const auto found = tree.lookup(VirtAddr{at});
  return !found && found.error() == Error::not_found;
}

TEST(a_range_is_mapped_by_the_largest_pages_that_alignment_allows) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  //    4 KiB | 2 MiB | 1 GiB | 2 MiB | 4 KiB
  const std::uint64_t small = kGigabyte - kTwoMegabytes - kPage;
  const std::uint64_t size = kPage + kTwoMegabytes + kGigabyte + kTwoMegabytes + kPage;
  expect(bool{tree.map(VirtAddr{kHigh + small}, phys(small, size), kData)});

  expect_equal(page_at(tree, kHigh + small), Bytes{kPage});
  expect_equal(page_at(tree, kHigh + small + kPage), Bytes{kTwoMegabytes});
  expect_equal(page_at(tree, kHigh + kGigabyte), Bytes{kGigabyte});
  expect_equal(page_at(tree, kHigh + 2 * kGigabyte), Bytes{kTwoMegabytes});
  expect_equal(page_at(tree, kHigh + 2 * kGigabyte + kTwoMegabytes), Bytes{kPage});
  expect(is_absent(tree, kHigh + small - 1));
  expect(is_absent(tree, kHigh + small + size));
  // The root, one table of gigabytes, and two each of 2 MiB and of pages.
  expect_equal(tree.tables(), 6u);
  expect_equal(machine.memory().taken(), 6u);

  const auto inside = tree.lookup(VirtAddr{kHigh + kGigabyte + 0x12'3456}).value();
  expect_equal(inside.at, PhysAddr{kGigabyte + 0x12'3456});
  expect(inside.access == kData);
  expect_equal(machine.made, 1u);
  expect(machine.last_made == virt(kHigh + small, size));
  expect(!tree.audit());
}

TEST(where_physical_and_virtual_addresses_are_misaligned_to_each_other_pages_are_small) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages()).value();
  expect(bool{tree.map(VirtAddr{kTwoMegabytes}, phys(kTwoMegabytes + kPage, kTwoMegabytes), kData)});
  expect_equal(page_at(tree, kTwoMegabytes), Bytes{kPage});
  expect_equal(tree.lookup(VirtAddr{2 * kTwoMegabytes - 1}).value().at,
               PhysAddr{2 * kTwoMegabytes + kPage - 1});
}

TEST(no_page_is_larger_than_the_processor_has) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), {}, {.largest_page = Bytes{kTwoMegabytes}}).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, kGigabyte), kData)});
  expect_equal(page_at(tree, kHigh), Bytes{kTwoMegabytes});
  auto small = Tree::make(machine.map(), machine.pages(), {}, {.largest_page = Bytes{0}}).value();
  expect(bool{small.map(VirtAddr{kHigh}, phys(0, kTwoMegabytes), kData)});
  expect_equal(page_at(small, kHigh), Bytes{kPage});
  expect(!tree.audit());
  expect(!small.audit());
}

TEST(a_processor_without_a_bit_never_sees_it) {
  TestMachine machine{memory};
  const Processor old{.lacks = Format::kNoExecute};
  auto tree = Tree::make(machine.map(), machine.pages(), {}, old).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, kGigabyte), kData)});
  expect(tree.lookup(VirtAddr{kHigh}).value().access.execute);
  expect(!tree.audit());
}

TEST(unmapping_a_part_splits_a_large_page_and_leaves_the_rest_as_it_was) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, kGigabyte), kData)});
  expect_equal(tree.tables(), 2u);
  const std::uint64_t hole = 7 * kTwoMegabytes + 5 * kPage;
  expect(bool{tree.unmap(virt(kHigh + hole, 3 * kPage))});

  expect_equal(tree.tables(), 4u);
  expect(is_absent(tree, kHigh + hole));
  expect(is_absent(tree, kHigh + hole + 3 * kPage - 1));
  expect_equal(page_at(tree, kHigh + hole - 1), Bytes{kPage});
  expect_equal(page_at(tree, kHigh), Bytes{kTwoMegabytes});
  const auto last = tree.lookup(VirtAddr{kHigh + kGigabyte - 1}).value();
  expect(last == Mapping{PhysAddr{kGigabyte - 1}, Bytes{kTwoMegabytes}, kData});
  // All that the large page translated is told, not only what went.
  expect_equal(machine.gone, 1u);
  expect(machine.last_gone == virt(kHigh, kGigabyte));
  expect(!tree.audit());
}

TEST(an_emptied_table_goes_back_and_the_walkers_are_told_before) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, 2 * kPage), kData)});
  expect_equal(tree.tables(), 4u);
  expect(bool{tree.unmap(virt(kHigh, kPage))});
  expect_equal(tree.tables(), 4u);
  expect_equal(machine.given_back, 0u);
  expect(bool{tree.unmap(virt(kHigh + kPage, kPage))});
  expect_equal(tree.tables(), 1u);
  expect_equal(machine.given_back, 3u);
  expect_equal(machine.told_at_first_return, 2u);
  expect(machine.last_gone == virt(kHigh + kPage, kPage));
  expect_equal(machine.memory().taken(), 1u);
  expect(!tree.audit());
}

TEST(ranges_that_end_together_are_told_together_and_only_then_given_back) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, 2 * kPage), kData)});
  expect(bool{tree.map(VirtAddr{kHigh + kGigabyte}, phys(0, kTwoMegabytes), kData)});
  Tree::Ended ended;
  expect(bool{tree.begin_unmap(virt(kHigh + kGigabyte, kTwoMegabytes), ended)});
  expect(bool{tree.begin_unmap(virt(kHigh, 2 * kPage), ended)});
  const auto again = tree.begin_unmap(virt(kHigh, 2 * kPage), ended);
  expect(!again && again.error() == Error::not_found);
  expect(is_absent(tree, kHigh) && is_absent(tree, kHigh + kGigabyte));
  expect(machine.gone == 0 && machine.given_back == 0);

  tree.finish_unmap(ended);
  expect_equal(machine.gone, 1u);
  expect(machine.last_gone == virt(kHigh, kGigabyte + kTwoMegabytes));
  expect_equal(tree.tables(), 1u);
  expect_equal(machine.told_at_first_return, 1u);
  tree.finish_unmap(ended);  // nothing is left to tell
  expect_equal(machine.gone, 1u);
  expect(!tree.audit());
}

TEST(what_is_mapped_stays_and_says_busy) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kTwoMegabytes + kPage}, phys(0, kPage), kData)});
  const std::uint64_t before = memory.sum();
  // A page in the middle of what would be many, of one large page, and of the very same.
  for (const PhysRange to : {phys(kPage, 2 * kTwoMegabytes), phys(kTwoMegabytes, kTwoMegabytes)}) {
    const auto refused = tree.map(VirtAddr{kTwoMegabytes}, to, kData);
    expect(!refused && refused.error() == Error::busy);
  }
  expect(!tree.map(VirtAddr{kTwoMegabytes + kPage}, phys(0, kPage), kData));
  expect_equal(memory.sum(), before);
  expect_equal(machine.made, 1u);
  // A page inside a large one.
  expect(bool{tree.map(VirtAddr{kGigabyte}, phys(0, kGigabyte), kData)});
  const auto inside = tree.map(VirtAddr{kGigabyte + kPage}, phys(0, kPage), kData);
  expect(!inside && inside.error() == Error::busy);
}

TEST(what_is_not_mapped_cannot_end_or_change) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, 4 * kPage), kData)});
  const std::uint64_t before = memory.sum();
  const auto beyond = tree.unmap(virt(kHigh, 5 * kPage));
  expect(!beyond && beyond.error() == Error::not_found);
  const auto other = tree.protect(virt(kHigh - kTwoMegabytes, kTwoMegabytes + kPage), Access{});
  expect(!other && other.error() == Error::not_found);
  expect_equal(memory.sum(), before);
  expect_equal(machine.gone, 0u);
}

TEST(addresses_that_nobody_translates_are_refused) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), {}, {.phys_bits = 40}).value();
  const auto error_of = [&](std::uint64_t at, PhysRange to) {
    const auto done = tree.map(VirtAddr{at}, to, kData);
    return done ? Error::wrong_owner : done.error();
  };
  expect_equal(error_of(kHigh + 1, phys(0, kPage)), Error::bad_argument);
  expect_equal(error_of(kHigh, phys(1, kPage)), Error::bad_argument);
  expect_equal(error_of(kHigh, phys(0, kPage - 1)), Error::bad_argument);
  expect_equal(error_of(kHigh, phys(kPage, 0)), Error::bad_argument);
  expect_equal(error_of(0x8000'0000'0000, phys(0, kPage)), Error::out_of_range);
  expect_equal(error_of(0x7fff'ffff'f000, phys(0, 2 * kPage)), Error::out_of_range);
  expect_equal(error_of(UINT64_MAX - kPage + 1, phys(0, kPage)), Error::out_of_range);
  expect_equal(error_of(kHigh, phys(std::uint64_t{1} << 40, kPage)), Error::out_of_range);
  expect_equal(error_of(kHigh, phys((std::uint64_t{1} << 40) - kPage, 2 * kPage)), Error::out_of_range);
  expect_equal(tree.lookup(VirtAddr{0x8000'0000'0000}).error(), Error::out_of_range);
  // Both ends are translated, what lies between them is not.
  const VirtRange hole{VirtAddr{0x7fff'ffff'f000}, VirtAddr{0xffff'8000'0000'1000}};
  expect_equal(tree.unmap(hole).error(), Error::out_of_range);
  expect_equal(tree.tables(), 1u);
  expect(bool{tree.map(VirtAddr{0x7fff'ffff'f000}, phys((std::uint64_t{1} << 40) - kPage, kPage), kData)});
}

TEST(what_is_allowed_changes_where_it_is_asked_and_nowhere_else) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kHigh}, phys(0, 2 * kTwoMegabytes), kData)});
  // What is allowed already needs no split, no table and no flush.
  expect(bool{tree.protect(virt(kHigh + kPage, kPage), kData)});
  expect_equal(machine.gone, 0u);
  expect_equal(page_at(tree, kHigh), Bytes{kTwoMegabytes});
  // A whole large page changes as one.
  expect(bool{tree.protect(virt(kHigh + kTwoMegabytes, kTwoMegabytes), Access{})});
  expect_equal(page_at(tree, kHigh + kTwoMegabytes), Bytes{kTwoMegabytes});
  expect(tree.lookup(VirtAddr{kHigh + kTwoMegabytes}).value().access == Access{});
  // A part is split off, and stays with the same memory behind it.
  constexpr Access code{.execute = true};
  expect(bool{tree.protect(virt(kHigh + kPage, kPage), code)});
  expect(tree.lookup(VirtAddr{kHigh + kPage}).value() == Mapping{PhysAddr{kPage}, Bytes{kPage}, code});
  expect(tree.lookup(VirtAddr{kHigh}).value().access == kData);
  expect(tree.lookup(VirtAddr{kHigh + 2 * kPage}).value().access == kData);
  expect_equal(machine.gone, 2u);
  expect(!tree.audit());
}

// However many table pages there are, what fails has changed nothing and lost none.
template <class Try>
unsigned failures_of(TestMachine& machine, const Tree& tree, Try attempt) {
  const std::uint64_t before = memory.sum(), tables = tree.tables();
  const unsigned told = machine.made + machine.gone;
  for (unsigned allowed = 0;; ++allowed) {
    machine.may_take = allowed;
    const Result<Done> done = attempt();
    machine.may_take = UINT64_MAX;
    if (done) return allowed;
    expect_equal(done.error(), Error::no_memory);
    expect_equal(memory.sum(), before);
    expect_equal(tree.tables(), tables);
    expect_equal(memory.taken(), tables);
    expect_equal(machine.made + machine.gone, told);
    expect(!tree.audit());
  }
}

TEST(without_table_pages_a_change_fails_and_nothing_happened) {
  TestMachine machine{memory};
  machine.may_take = 0;
  expect_equal(Tree::make(machine.map(), machine.pages()).error(), Error::no_memory);
  machine.may_take = UINT64_MAX;
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  const std::uint64_t at = kHigh + kGigabyte - kPage;
  expect_equal(
      failures_of(
          machine, tree,
          [&] { return tree.map(VirtAddr{at}, phys(kGigabyte - kPage, 2 * kPage + kGigabyte), kData); }),
      5u);
  // A gigabyte is cut at one of its pages: a table of 2 MiB, and one of pages.
  expect_equal(
      failures_of(machine, tree, [&] { return tree.unmap(virt(kHigh + kGigabyte + 3 * kPage, kPage)); }), 2u);
  // 2 MiB on either side of a border are cut.
  expect_equal(failures_of(machine, tree,
                           [&] {
                             return tree.protect(
                                 virt(kHigh + kGigabyte + 5 * kTwoMegabytes - kPage, 2 * kPage), Access{});
                           }),
               2u);
}

TEST(a_table_outside_the_direct_map_is_not_used) {
  TestMachine machine{memory};
  TablePages elsewhere = machine.pages();
  unsigned returns = 0;
  elsewhere.self = &returns;
  elsewhere.take = [](void*) noexcept -> Result<Pfn> { return Pfn{7}; };
  elsewhere.give_back = [](void* self, Pfn page) noexcept {
    expect_equal(page, Pfn{7});
    ++*static_cast<unsigned*>(self);
  };
  expect_equal(Tree::make(machine.map(), elsewhere).error(), Error::out_of_range);
  expect_equal(returns, 1u);
}

TEST(a_tree_that_ends_gives_back_every_table_after_all_is_forgotten) {
  TestMachine machine{memory};
  auto tree = Tree::make(machine.map(), machine.pages(), machine.walkers()).value();
  expect(bool{tree.map(VirtAddr{kHigh - kPage}, phys(0, 3 * kPage), kData)});
  expect(bool{tree.map(VirtAddr{0}, phys(0, 3 * kPage), kData)});
  const auto tables = tree.tables();
  tree.release();
  expect_equal(machine.given_back, tables);
  expect_equal(machine.told_at_first_return, 1u);
  expect_equal(machine.all, 1u);
  expect_equal(memory.taken(), 0u);
}

// Of the first page of `range`, while the walkers are told.
struct Seen {
  const PageTable<Arm64<39, Half::upper>, TestMap>* tree;
  VirtAddr at;
  unsigned absent = 0, present = 0;
};

TEST(where_the_format_says_so_an_entry_is_absent_and_forgotten_before_another_takes_its_place) {
  TestMachine machine{memory};
  auto tree =
      PageTable<Arm64<39, Half::upper>, TestMap>::make(machine.map(), machine.pages(), machine.walkers())
          .value();
  constexpr std::uint64_t base = 0xffff'ff80'0000'0000;
  expect(bool{tree.map(VirtAddr{base}, phys(kGigabyte, kGigabyte), kData)});
  Seen seen{&tree, VirtAddr{base + kGigabyte - 1}};
  machine.watched = &seen;
  machine.on_gone = [](TestMachine& told, VirtRange range) noexcept {
    auto& s = *static_cast<Seen*>(told.watched);
    expect(range.contains(s.at));
    ++(s.tree->lookup(s.at) ? s.present : s.absent);
  };
  expect(bool{tree.unmap(virt(base, kTwoMegabytes))});
  expect_equal(seen.absent, 1u);   // in between
  expect_equal(seen.present, 1u);  // at the end
  expect_equal(tree.lookup(seen.at).value().page, Bytes{kTwoMegabytes});
  // Another memory type is another translation.
  seen.at = VirtAddr{base + kTwoMegabytes};
  expect(bool{tree.protect(virt(seen.at.raw, kTwoMegabytes), Access{.type = MemoryType::device})});
  expect_equal(seen.absent, 2u);
  // Less is allowed: it changes in place.
  expect(bool{
      tree.protect(virt(seen.at.raw, kTwoMegabytes), Access{.write = true, .type = MemoryType::device})});
  expect_equal(seen.absent, 2u);
  expect_equal(seen.present, 3u);
}

TEST(each_half_of_arm64_is_a_tree_of_its_own) {
  TestMachine machine{memory};
  auto lower = PageTable<Arm64<48, Half::lower>, TestMap>::make(machine.map(), machine.pages()).value();
  auto upper = PageTable<Arm64<48, Half::upper>, TestMap>::make(machine.map(), machine.pages()).value();
  expect(bool{lower.map(VirtAddr{0xffff'ffff'f000}, phys(0, kPage), kData)});
  expect(bool{upper.map(VirtAddr{0xffff'0000'0000'0000}, phys(0, kPage), kData)});
  expect_equal(lower.map(VirtAddr{0xffff'0000'0000'0000}, phys(0, kPage), kData).error(),
               Error::out_of_range);
  expect_equal(upper.map(VirtAddr{0}, phys(0, kPage), kData).error(), Error::out_of_range);
  expect_equal(lower.map(VirtAddr{0x1'0000'0000'0000}, phys(0, kPage), kData).error(), Error::out_of_range);
}

TEST(arm_translates_four_gigabytes_by_four_entries) {
  TestMachine machine{memory};
  auto tree = PageTable<ArmLpae, TestMap>::make(machine.map(), machine.pages()).value();
  constexpr std::uint64_t high = 0xff'c000'0000;
  expect(bool{tree.map(VirtAddr{0xc000'0000}, phys(high, kGigabyte), kData)});
  expect(tree.lookup(VirtAddr{0xffff'ffff}).value() ==
         Mapping{PhysAddr{high + kGigabyte - 1}, Bytes{kGigabyte}, kData});
  expect_equal(memory.entries_at(tree.root())[4], 0u);
  expect_equal(tree.map(VirtAddr{0x1'0000'0000}, phys(0, kPage), kData).error(), Error::out_of_range);
  expect_equal(tree.map(VirtAddr{0}, phys(std::uint64_t{1} << 40, kPage), kData).error(),
               Error::out_of_range);
  expect(bool{tree.unmap(virt(0xffff'f000, kPage))});
  expect(!tree.audit());
}

}  // namespace
}  // namespace quarry::vm
