#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

constexpr Bytes kOne{kPage};

TEST(the_highest_place_is_taken_or_the_lowest_but_never_the_first_page) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(0, 8), "ram"));
  expect_at(m.phys_alloc_range({.size = kOne, .alignment = kOne}, "x"), 7 * kPage);
  m.set_direction(Direction::bottom_up);
  expect_at(m.phys_alloc_range({.size = kOne, .alignment = kOne}, "x"), kPage);
  expect_error(m.phys_alloc_range({.size = kOne, .alignment = kOne, .max = PhysAddr{kPage}}, "x"),
               Error::no_memory);
  expect(!m.is_reserved(PhysAddr{0}));
}

TEST(requests_that_make_no_sense_are_refused_and_change_nothing) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 8), "ram"));
  expect_error(m.alloc(Bytes{0}, kOne, "x"), Error::bad_argument);
  expect_error(m.alloc(kOne, Bytes{24}, "x"), Error::bad_argument);
  expect_error(m.find_in_range({.size = Bytes{0}, .alignment = kOne}), Error::bad_argument);
  expect(m.reserved().empty());
  expect_at(m.alloc(Bytes{1}, Bytes{0}, "a cache line's alignment"), 8 * kPage - 64);
  expect_equal(world.ears.count(Action::fallback), 1u);
}

TEST(the_current_limit_bounds_who_names_no_maximum) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 8), "ram"));
  m.set_current_limit(PhysAddr{4 * kPage});
  expect_at(m.phys_alloc_range({.size = kOne, .alignment = kOne}, "x"), 3 * kPage);
  expect_at(m.phys_alloc_range({.size = kOne, .alignment = kOne, .max = kAnywhere}, "x"), 7 * kPage);
  expect_at(m.alloc_try_nid_raw({.size = kOne, .alignment = kOne, .max = kAnywhere}, "x"), 2 * kPage);
}

TEST(no_leak_trace_is_a_limit_and_tells_the_leak_detector_nothing) {
  World<> world;
  expect_done(world.memblock.add(pages(1, 8), "ram"));
  expect_at(world.memblock.phys_alloc_range({.size = kOne, .alignment = kOne, .max = kNoLeakTrace}, "pte"),
            7 * kPage);
  expect_equal(world.ears.back().leak, LeakTrace::untraced);
  expect_at(world.memblock.alloc(kOne, kOne, "x"), 6 * kPage);
  expect_equal(world.ears.back().leak, LeakTrace::traced);
}

TEST(the_node_comes_first_and_any_node_next_unless_it_is_exact) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 3), "ram", Flags::none, NodeId{0}));
  expect_done(m.add(pages(3, 8), "ram", Flags::none, NodeId{1}));
  const Request on_zero{.size = Bytes{2 * kPage}, .alignment = kOne, .node = NodeId{0}};
  expect_at(m.alloc_exact_nid_raw(on_zero, "x"), kPage);
  expect_error(m.alloc_exact_nid_raw(on_zero, "x"), Error::no_memory);
  expect_equal(world.ears.back().action, Action::alloc_failed);
  expect_at(m.alloc_try_nid_raw(on_zero, "x"), 6 * kPage);
  expect(world.ears.back().reason == TextView{"any node: the wanted one has no room"});
  expect_equal(world.ears.back(1).action, Action::fallback);
}

TEST(mirrored_memory_comes_first_and_its_end_is_told) {
  World<> world{{.kernelcore_mirror = KernelcoreMirror::on}};
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 8), "ram"));
  expect_done(m.mark_mirror(pages(2, 3)));
  expect_at(m.alloc(kOne, kOne, "x"), 2 * kPage);
  expect_equal(world.ears.count(Action::fallback), 0u);
  expect_at(m.alloc(kOne, kOne, "x"), 7 * kPage);
  expect_equal(world.ears.count(Action::fallback), 1u);
  expect(world.ears.back().reason == TextView{"unmirrored: no mirrored memory is left"});
  expect_at(m.find_in_range({.size = kOne, .alignment = kOne}), 6 * kPage);
}

TEST(the_minimum_is_dropped_by_who_may_and_by_nobody_else) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 8), "ram"));
  const Request high{.size = kOne, .alignment = kOne, .min = PhysAddr{8 * kPage}};
  expect_error(m.phys_alloc_range(high, "x"), Error::no_memory);
  expect_at(m.alloc_try_nid_raw(high, "x"), 7 * kPage);
  expect(world.ears.back().reason == TextView{"below the minimum, where there was no room"});
  expect_at(m.alloc_from(kOne, kOne, PhysAddr{6 * kPage}, "x"), 6 * kPage);
  expect_at(m.alloc_from(kOne, kOne, PhysAddr{6 * kPage}, "x"), 5 * kPage);
  expect_at(m.phys_alloc_try_nid(high, "x"), 4 * kPage);
}

// Bottom-up with room everywhere, so that each thing that is not looked at shows.
TEST(each_form_looks_at_what_it_names_and_at_nothing_else) {
  World<> world{{.low_limit = PhysAddr{4 * kPage}, .direction = Direction::bottom_up}};
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 16), "ram", Flags::none, NodeId{0}));
  expect_done(m.add(pages(16, 32), "ram", Flags::none, NodeId{1}));
  const Request all{.size = kOne,
                    .alignment = kOne,
                    .min = PhysAddr{4 * kPage},
                    .max = PhysAddr{30 * kPage},
                    .node = NodeId{1}};
  expect_at(m.find_in_range(all), 4 * kPage);
  expect_at(m.find_in_range_node(all, Flags::none), 16 * kPage);
  expect_at(m.phys_alloc_range(all, "any node"), 4 * kPage);
  expect_at(m.phys_alloc_try_nid(all, "the node, anywhere"), 16 * kPage);
  expect_at(m.alloc_from(kOne, kOne, PhysAddr{8 * kPage}, "x"), 8 * kPage);
  expect_at(m.alloc_node(kOne, kOne, NodeId{1}, "x"), 17 * kPage);
  expect_at(m.alloc(kOne, kOne, "x"), kPage);
  m.set_direction(Direction::top_down);
  expect_at(m.alloc_low(kOne, kOne, "x"), 3 * kPage);
  expect_at(m.phys_alloc_try_nid({.size = kOne, .alignment = kOne, .max = PhysAddr{20 * kPage}}, "x"),
            31 * kPage);
  expect_at(m.phys_alloc_try_nid({.size = kOne, .alignment = kOne, .min = PhysAddr{31 * kPage}}, "x"),
            30 * kPage);
}

TEST(unmapped_driver_managed_and_avoided_memory_is_never_taken) {
  World<> world{{.movable_node = MovableNode::on}};
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 2), "ram"));
  expect_done(m.add(pages(2, 3), "nomap", Flags::nomap));
  expect_done(m.add(pages(3, 4), "driver", Flags::driver_managed));
  expect_done(m.add(pages(4, 5), "hotplug", Flags::hotplug));
  expect_at(m.find_in_range_node({.size = kOne, .alignment = kOne}, Flags::nomap), 2 * kPage);
  expect_at(m.find_in_range_node({.size = kOne, .alignment = kOne}, Flags::driver_managed), 3 * kPage);
  expect_at(m.find_in_range_node({.size = kOne, .alignment = kOne}, Flags::hotplug), 4 * kPage);
  expect_at(m.alloc(kOne, kOne, "x"), kPage);
  expect_error(m.alloc(kOne, kOne, "x"), Error::no_memory);
  m.set_movable_node(MovableNode::off);
  expect_at(m.alloc(kOne, kOne, "x"), 4 * kPage);
}

TEST(an_allocation_lies_in_one_region) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 3), "ram"));
  expect_done(m.add(pages(3, 5), "other", Flags::hotplug));
  expect_error(m.alloc(Bytes{3 * kPage}, kOne, "x"), Error::no_memory);
  expect_at(m.alloc(Bytes{2 * kPage}, kOne, "x"), 3 * kPage);
}

TEST(alloc_zeroes_and_raw_does_not) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 8), "ram"));
  for (std::byte& byte : mapped_memory) byte = std::byte{0xa5};
  expect_at(m.alloc(kOne, kOne, "x"), 7 * kPage);
  expect(*world.at(7 * kPage) == std::byte{0} && *world.at(8 * kPage - 1) == std::byte{0});
  expect(*world.at(7 * kPage - 1) == std::byte{0xa5});
  expect_at(m.alloc_try_nid_raw({.size = kOne, .alignment = kOne}, "x"), 6 * kPage);
  expect(*world.at(6 * kPage) == std::byte{0xa5});
}

TEST(memory_that_cannot_be_zeroed_is_given_back) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 40), "ram"));
  expect_done(m.reserve(pages(38, 39), "r"));
  expect_error(m.alloc(kOne, kOne, "x"), Error::out_of_range);
  expect_equal(m.reserved().count(), 1u);
  expect_equal(m.reserved_size().raw, kPage);
  expect_equal(world.ears.back().action, Action::alloc_failed);
}

TEST(low_and_stolen_memory) {
  World<> world{{.low_limit = PhysAddr{4 * kPage}}};
  Memblock& m = world.memblock;
  m.set_current_limit(kAnywhere);
  expect_done(m.add(pages(2, 8), "ram"));
  expect_at(m.phys_alloc_range({.size = kOne, .alignment = kOne, .max = m.config().low_limit}, "x"),
            3 * kPage);
  expect_at(m.steal(kOne, kOne, "framebuffer"), 7 * kPage);
  expect(!m.is_memory(PhysAddr{7 * kPage}) && !m.is_reserved(PhysAddr{7 * kPage}));
  expect_equal(world.ears.back().action, Action::remove);
  expect_error(m.steal(Bytes{7 * kPage}, kOne, "too much"), Error::no_memory);
}

TEST(a_leak_detector_is_an_observer) {
  struct Leaks {
    std::uint64_t tracked = 0;
    static void hear(void* self, const Event& event) noexcept {
      Leaks& leaks = *static_cast<Leaks*>(self);
      if (event.action == Action::alloc && event.leak == LeakTrace::traced)
        leaks.tracked += event.range.size().raw;
      if (event.action == Action::free) leaks.tracked -= event.range.size().raw;
    }
  } leaks;
  Region memory[4], reserved[4];
  Memblock m{{}, {memory, reserved}, {}, {&leaks, &Leaks::hear}};
  expect_done(m.add(pages(1, 9), "ram"));
  expect_at(m.alloc(kOne, kOne, "x"), 8 * kPage);
  expect_at(m.phys_alloc_range({.size = kOne, .alignment = kOne, .max = kNoLeakTrace}, "pte"), 7 * kPage);
  expect_equal(leaks.tracked, kPage);
  expect_done(m.free(pages(8, 9), "x"));
  expect_equal(leaks.tracked, 0u);
}

}  // namespace
}  // namespace quarry::early
