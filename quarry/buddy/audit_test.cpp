#include "quarry/buddy/test_state.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr std::uint32_t kZone = 2;
using M = TestMachine<k4KSparse>;

// All pages in use, one by one.
struct Busy : M {
  Busy() {
    add_zone(0, ZoneType::normal, 0, 1);
    expect(static_cast<bool>(start()));
    expect(static_cast<bool>(allocator.release(blocks(0, 1))));
    while (allocator.alloc_pages(Order{0}, {.type = MigrateType::movable})) {
    }
    expect(!allocator.audit());
  }
  void push(std::uint64_t page, unsigned order) {
    Saboteur::part(allocator).push_front(map.at(Pfn{page}), Pfn{page}, Order{order}, MigrateType::movable);
    Saboteur::zone(allocator, kZone).free += std::uint64_t{1} << order;
  }
  void expect_broken(Law law) { expect_equal(allocator.audit().broken, law); }
};

}  // namespace

TEST(audit_names_links_that_disagree) {
  Busy machine;
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{8}, Order{0})));
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{16}, Order{0})));
  machine.map.at(Pfn{8}).set_previous(page::Link::none);
  const Finding finding = machine.allocator.audit();
  expect_equal(finding.broken, Law::list_ends_where_it_says);
  expect_equal(finding.page, Pfn{8});
}

TEST(audit_names_a_list_whose_end_is_lost) {
  Busy machine;
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{8}, Order{0})));
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{16}, Order{0})));
  machine.map.at(Pfn{16}).set_next(page::Link::none);
  machine.expect_broken(Law::list_ends_where_it_says);
}

TEST(audit_names_a_circular_list_and_comes_back) {
  Busy machine;
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{8}, Order{0})));
  machine.map.at(Pfn{8}).set_next(Saboteur::part(machine.allocator).link_to(Pfn{8}));
  machine.expect_broken(Law::count_equals_list);
}

TEST(audit_names_a_listed_block_in_use) {
  Busy machine;
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{8}, Order{0})));
  machine.map.at(Pfn{8}).become_allocated(Order{0}, 0, MigrateType::movable);
  machine.expect_broken(Law::state_is_free);
}

TEST(audit_names_a_misaligned_block) {
  Busy machine;
  machine.push(1, 1);
  machine.expect_broken(Law::block_is_aligned);
}

TEST(audit_names_a_block_outside_its_zone) {
  Busy machine;
  machine.push(2048, 0);
  machine.expect_broken(Law::block_is_in_its_zone);
}

TEST(audit_names_overlapping_blocks) {
  Busy machine;
  machine.push(4, 1);
  const Finding finding = machine.allocator.audit();
  expect_equal(finding.broken, Law::blocks_are_disjoint);
  expect_equal(finding.page, Pfn{5});
}

TEST(audit_names_unmerged_buddies) {
  Busy machine;
  machine.push(4, 0);
  machine.push(5, 0);
  machine.expect_broken(Law::buddies_are_merged);
}

TEST(audit_names_a_wrong_mask) {
  Busy machine;
  Saboteur::set_mask(Saboteur::part(machine.allocator), MigrateType::movable, 1u << 3);
  machine.expect_broken(Law::mask_equals_lists);
  Saboteur::set_mask(Saboteur::part(machine.allocator), MigrateType::movable, 0);
  machine.expect_broken(Law::holds);
}

TEST(audit_names_a_wrong_count_of_free_pages) {
  Busy machine;
  Saboteur::zone(machine.allocator, kZone).free = 1;
  machine.expect_broken(Law::free_pages_equal_lists);
}

TEST(audit_names_a_wrong_count_of_free_cma_pages) {
  Busy machine;
  Saboteur::zone(machine.allocator, kZone).free_cma = 1;
  machine.expect_broken(Law::free_pages_equal_lists);
}

TEST(audit_names_marks_that_do_not_follow_what_is_kept) {
  for (const unsigned which : {0u, 1u}) {
    Busy machine;
    Saboteur::zone(machine.allocator, kZone).comfortable[2][which] += 1;
    machine.expect_broken(Law::marks_follow_counts);
  }
}

TEST(audit_names_more_free_than_managed) {
  Busy machine;
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{8}, Order{0})));
  machine.layout.zones[kZone].managed = PageCount{0};
  machine.expect_broken(Law::free_is_managed);
}

TEST(audit_names_more_managed_than_present) {
  Busy machine;
  machine.layout.zones[kZone].present = PageCount{5};
  machine.expect_broken(Law::free_is_managed);
}

TEST(audit_names_a_free_block_on_no_list) {
  Busy machine;
  machine.map.at(Pfn{8}).become_free(Order{0}, 0, MigrateType::movable, page::Link::none, page::Link::none);
  machine.expect_broken(Law::free_is_listed);
}

TEST(audit_names_a_lost_page) {
  Busy machine;
  machine.map.at(Pfn{8}).become_nothing();
  machine.expect_broken(Law::pages_are_accounted);
}

TEST(audit_names_a_block_in_use_that_is_misaligned) {
  Busy machine;
  machine.map.at(Pfn{9}).become_allocated(Order{1}, 0, MigrateType::movable);
  machine.expect_broken(Law::block_is_aligned);
}

}  // namespace quarry::buddy
