#include "quarry/zones/hotplug.hpp"

#include "quarry/buddy/test_owners.hpp"
#include "tests/geometry_tests.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kUnmovable{.type = MigrateType::unmovable};
constexpr Request kMovable{.highest = ZoneType::movable, .type = MigrateType::movable};

constexpr PfnRange sections(std::uint64_t section, std::uint64_t begin, std::uint64_t end) {
  return {Pfn{begin * section}, Pfn{end * section}};
}

// One node: section 1 is there at boot, all of it Normal. Sections 0 to 7, and more if asked, may come.
template <Geometry G, class Policy = LinuxPolicy>
struct Plugged : TestMachine<G, NoObserver, Policy> {
  using M = TestMachine<G, NoObserver, Policy>;
  static constexpr std::uint64_t kSection = M::kBlock << (G.section_bits_ - G.page_shift_ - G.max_order_);
  static constexpr std::uint32_t kNormal = M::zone(0, ZoneType::normal);
  static constexpr std::uint32_t kMovableZone = M::zone(0, ZoneType::movable);

  explicit Plugged(HandOver hand_over = HandOver::at_once, std::uint64_t boot = 1, std::uint64_t far = 8) {
    this->add_pages(0, ZoneType::normal, sections(kSection, boot, boot + 1));
    expect(static_cast<bool>(this->start(
        {.hand_over = hand_over, .hotpluggable = sections(kSection, boot == 1 ? 0 : boot - 2, far)})));
    expect(static_cast<bool>(this->allocator.release(kNormal, sections(kSection, boot, boot + 1))));
  }
  // Adds a section and brings it online.
  bool plug(std::uint64_t section, std::uint32_t zone = kNormal) {
    const PfnRange pages = sections(kSection, section, section + 1);
    if (!this->map.add_sections(pages, NodeId::first, this->source())) return false;
    const auto lists = this->allocator.online(zone, pages);
    if (lists && lists.value() == Zonelists::outdated) this->rebuild_zonelists();
    return static_cast<bool>(lists);
  }
  const zones::Zone& normal() const { return this->layout.zones[kNormal]; }
  void expect_lawful() {
    expect_equal(this->allocator.audit().broken, Law::holds);
    std::uint64_t present = 0;
    for (const zones::Zone& zone : this->layout.zones) {
      present += zone.present.raw;
      expect(zone.managed <= zone.present && zone.present <= zone.spanned);
    }
    expect_equal(this->layout.nodes[0].present.raw, present);
  }
};

}  // namespace

TEST_ON_SPARSE(a_section_that_comes_online_grows_the_zone_and_serves) {
  Plugged<G> machine;
  const std::uint64_t section = machine.kSection;
  expect(machine.plug(3));
  expect_equal(machine.normal().start, Pfn{section});
  expect_equal(machine.normal().spanned.raw, 3 * section);
  expect_equal(machine.normal().present.raw, 2 * section);
  expect_equal(machine.normal().managed.raw, 2 * section);
  expect(machine.layout.nodes[0].span == sections(section, 1, 4));
  expect_equal(machine.allocator.free_pages_of(machine.kNormal).raw, 2 * section);
  // What was there first is handed out first: blocks that come go to the tail.
  expect(machine.allocator.alloc_pages(G.max_order(), kUnmovable).value() < Pfn{2 * section});
  std::uint64_t last = 0;
  while (const auto page = machine.allocator.alloc_pages(G.max_order(), kUnmovable)) last = page.value().raw;
  expect_equal(last, 4 * section - machine.kBlock);
  machine.expect_lawful();
}

TEST_ON_SPARSE(a_zone_grows_downward) {
  Plugged<G> machine;
  expect(machine.plug(0));
  expect_equal(machine.normal().start, Pfn{0});
  expect_equal(machine.normal().spanned.raw, 2 * machine.kSection);
  expect_equal(machine.allocator.free_pages_of(machine.kNormal).raw, 2 * machine.kSection);
  machine.expect_lawful();
}

// Links reach 2^31 frames: a part for what is below, one for what is above.
TEST_ON_SPARSE(a_zone_grows_across_the_reach_of_its_links) {
  using M = Plugged<G>;
  constexpr std::uint64_t cut = (std::uint64_t{1} << 31) / M::kSection;
  {
    M machine{HandOver::at_once, cut, cut + 4};
    expect(machine.plug(cut - 1));
    expect(machine.plug(cut - 2));
    expect_equal(machine.normal().spanned.raw, 3 * M::kSection);
    for (std::uint64_t i = 0; i < 3 * M::kSection; i += M::kBlock)
      expect(static_cast<bool>(machine.allocator.alloc_pages(G.max_order(), kMovable)));
    expect(!machine.allocator.alloc_pages(Order{0}, kMovable));
    machine.expect_lawful();
  }
  M machine{HandOver::at_once, cut - 1, cut + 4};
  expect(machine.plug(cut + 1));
  for (unsigned i = 0; i < 3; ++i) {
    const auto page = machine.allocator.alloc_pages(Order{i}, kUnmovable);
    expect(static_cast<bool>(page) &&
           static_cast<bool>(machine.allocator.free_pages(page.value(), Order{i})));
  }
  expect(static_cast<bool>(machine.allocator.offline(sections(M::kSection, cut - 1, cut))));
  expect_equal(machine.normal().start.raw, (cut + 1) * M::kSection);
  expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value().raw, (cut + 1) * M::kSection);
  machine.expect_lawful();
}

TEST_ON_SPARSE(an_empty_zone_gets_its_first_pages_and_loses_them) {
  using M = Plugged<G>;
  M machine;
  expect(static_cast<bool>(
      machine.map.add_sections(sections(M::kSection, 4, 6), NodeId::first, machine.source())));
  const auto lists = machine.allocator.online(M::kMovableZone, sections(M::kSection, 4, 6));
  expect(lists && lists.value() == Zonelists::outdated);
  machine.rebuild_zonelists();
  const auto page = machine.allocator.alloc_pages(Order{0}, kMovable);
  expect(page && sections(M::kSection, 4, 6).contains(page.value()));
  expect(machine.allocator.alloc_pages(Order{0}, kUnmovable).value() < Pfn{2 * M::kSection});
  expect(static_cast<bool>(machine.allocator.free_pages(page.value(), Order{0})));
  expect(machine.allocator.offline(sections(M::kSection, 4, 5)).value() == Zonelists::same);
  expect(machine.allocator.offline(sections(M::kSection, 5, 6)).value() == Zonelists::outdated);
  const zones::Zone& zone = machine.layout.zones[M::kMovableZone];
  expect(zone.start == Pfn{} && zone.spanned.raw == 0 && zone.present.raw == 0 && zone.managed.raw == 0);
  machine.rebuild_zonelists();
  expect(static_cast<bool>(machine.allocator.alloc_pages(Order{0}, kMovable)));
  machine.expect_lawful();
}

// Goal: add, online, fill, offline while pages are in use, remove, add again; nothing written is lost.
TEST_ON_SPARSE(pages_in_use_are_moved_before_a_section_goes) {
  using M = Plugged<G>;
  M machine;
  auto& allocator = machine.allocator;
  TestOwners owners{allocator};
  expect(machine.plug(2, M::kMovableZone));
  for (unsigned i = 0; i < 64; ++i) expect(owners.hold(Order{i & 3}, kMovable) != owners.kNobody);
  const PfnRange gone = sections(M::kSection, 2, 3);
  expect(gone.contains(owners.page_of(0)));
  for (std::uint32_t owner = 0; owner < 64; owner += 2) expect(owners.drop(owner));
  for (unsigned round = 0; round < 2; ++round) {
    expect(static_cast<bool>(allocator.offline(gone)));
    machine.rebuild_zonelists();
    for (std::uint32_t owner = 1; owner < 64; owner += 2) expect(!gone.contains(owners.page_of(owner)));
    expect(owners.all_is_there());
    machine.expect_lawful();
    expect(allocator.free_pages(gone.begin(), Order{0}).error() == Error::wrong_owner);
    expect_equal(allocator.last_misuse(), Misuse::reserved_page);
    expect(static_cast<bool>(machine.map.remove_sections(gone, machine.source())));
    expect(machine.map.find(gone.begin()) == nullptr);
    expect(!allocator.free_pages(gone.begin(), Order{0}));
    expect_equal(allocator.last_misuse(), Misuse::foreign_page);
    machine.expect_lawful();
    const std::uint64_t used = machine.used();
    expect(machine.plug(2, M::kMovableZone));
    expect_equal(machine.used(), used);  // what described it was kept
    expect_equal(allocator.free_pages_of(M::kMovableZone).raw, M::kSection);
  }
  expect_equal(owners.moves, 32u);
  for (std::uint32_t owner = 1; owner < 64; owner += 2) expect(owners.drop(owner));
  machine.expect_lawful();
  expect_equal(machine.allocator.free_pages_of(M::kNormal).raw, M::kSection);
}

TEST_ON_SPARSE(a_section_with_an_unmovable_page_stays_as_it_was) {
  using M = Plugged<G>;
  M machine;
  expect(machine.plug(2));
  auto& allocator = machine.allocator;
  TestOwners owners{allocator};
  const PfnRange pages = sections(M::kSection, 2, 3);
  for (std::uint64_t i = 0; i < M::kSection; i += M::kBlock)
    expect(allocator.alloc_pages(G.max_order(), kUnmovable).value() < pages.begin());
  const auto reclaimable = allocator.alloc_pages(Order{0}, {.type = MigrateType::reclaimable});
  expect(reclaimable && pages.contains(reclaimable.value()));
  expect(owners.hold(Order{1}, kMovable) != owners.kNobody);
  const ZoneStats before = allocator.stats(M::kNormal);
  expect(allocator.offline(pages).error() == Error::busy);
  const ZoneStats after = allocator.stats(M::kNormal);
  for (unsigned type = 0; type < page::kMigrateTypes; ++type)
    expect_equal(after.pageblocks[type], before.pageblocks[type]);
  expect(after.free == before.free && after.managed == before.managed && after.isolated_pageblocks == 0);
  expect_equal(machine.normal().spanned.raw, 2 * M::kSection);
  expect(owners.all_is_there());
  machine.expect_lawful();
}

// The mover gives up at every step in turn. Then pageblocks of every type are again what they were.
TEST_ON_SPARSE(a_section_whose_pages_cannot_all_be_moved_stays_as_it_was) {
  using M = Plugged<G>;
  for (std::uint32_t moves = 0; moves < 4; ++moves) {
    M machine;
    expect(machine.plug(2));
    auto& allocator = machine.allocator;
    TestOwners owners{allocator};
    owners.refuse_after = moves;
    for (unsigned i = 0; i < 4; ++i) expect(owners.hold(Order{2}, kMovable) != owners.kNobody);
    const std::uint64_t section = owners.page_of(0).raw / M::kSection;
    const PfnRange here = sections(M::kSection, section, section + 1);
    machine.map.set_pageblock_type(Pfn{here.end().raw - 1}, MigrateType::reclaimable);
    const ZoneStats before = allocator.stats(M::kNormal);
    expect(allocator.offline(here).error() == Error::busy);
    const ZoneStats after = allocator.stats(M::kNormal);
    for (unsigned type = 0; type < page::kMigrateTypes; ++type)
      expect_equal(after.pageblocks[type], before.pageblocks[type]);
    expect(after.free == before.free && after.isolated_pageblocks == 0);
    expect_equal(owners.moves, moves);
    expect(owners.all_is_there());
    machine.expect_lawful();
    owners.refuse_after = UINT32_MAX;
    expect(static_cast<bool>(allocator.offline(here)));
    expect(owners.all_is_there());
    machine.expect_lawful();
  }
}

TEST_ON_SPARSE(pages_on_a_core_leave_with_their_section) {
  using M = Plugged<G>;
  M machine;
  expect(machine.plug(2, M::kMovableZone));
  expect(static_cast<bool>(machine.allocator.start_cpu_lists(machine.source())));
  machine.allocator.set_watermarks(0);
  const auto page = machine.allocator.alloc_pages(Order{0}, kMovable);
  expect(page && page.value() >= Pfn{2 * M::kSection});
  expect(static_cast<bool>(machine.allocator.free_pages(page.value(), Order{0})));
  expect(machine.allocator.pages_on(M::kMovableZone, 0).raw != 0);
  expect(static_cast<bool>(machine.allocator.offline(sections(M::kSection, 2, 3))));
  expect_equal(machine.allocator.pages_on(M::kMovableZone, 0).raw, 0u);
  machine.expect_lawful();
}

// What cores have at hand of the zone that came first must not be served before the one that is nearest now.
TEST(zonelists_that_were_built_anew_are_heeded_by_cores_with_lists) {
  using M = Plugged<k4KSparse, CompactPolicy>;
  M machine;
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.start_cpu_lists(machine.source())));
  allocator.set_watermarks(0);
  const auto before = allocator.alloc_pages(Order{0}, kMovable);
  expect(before && before.value() < Pfn{2 * M::kSection});
  expect(machine.plug(2, M::kMovableZone));
  allocator.set_watermarks(0);
  const auto after = allocator.alloc_pages(Order{0}, kMovable);
  expect(after && after.value() >= Pfn{2 * M::kSection});
  expect(static_cast<bool>(allocator.free_pages(before.value(), Order{0})));
  expect(static_cast<bool>(allocator.free_pages(after.value(), Order{0})));
  allocator.drain_all();
  machine.expect_lawful();
}

TEST_ON_SPARSE(a_deferred_section_comes_and_goes_untouched) {
  using M = Plugged<G>;
  M machine{HandOver::deferred};
  expect(machine.plug(2));
  expect(machine.plug(3));
  expect_equal(machine.allocator.stats(M::kNormal).deferred.raw, 3 * M::kSection);
  expect(static_cast<bool>(machine.allocator.offline(sections(M::kSection, 3, 4))));
  expect_equal(machine.allocator.free_pages_of(M::kNormal).raw, 2 * M::kSection);
  expect_equal(machine.normal().spanned.raw, 2 * M::kSection);
  machine.expect_lawful();
  expect(static_cast<bool>(machine.allocator.online(M::kNormal, sections(M::kSection, 3, 4))));
  expect_equal(machine.allocator.stats(M::kNormal).deferred.raw, 3 * M::kSection);
  for (std::uint64_t i = 0; i < 3 * M::kSection; i += M::kBlock)
    expect(static_cast<bool>(machine.allocator.alloc_pages(G.max_order(), kMovable)));
  machine.expect_lawful();
}

// Memory of the boot can go and come back, to another zone.
TEST_ON_SPARSE(a_section_of_the_boot_changes_its_zone) {
  using M = Plugged<G>;
  M machine;
  const PfnRange boot = sections(M::kSection, 1, 2);
  expect(machine.plug(2));
  expect(static_cast<bool>(machine.allocator.offline(boot)));
  expect_equal(machine.normal().start, Pfn{2 * M::kSection});
  expect(machine.allocator.isolate(boot).error() == Error::bad_argument);
  expect(machine.allocator.online(M::kMovableZone, boot).value() == Zonelists::outdated);
  machine.rebuild_zonelists();
  expect(boot.contains(machine.allocator.alloc_pages(Order{0}, kMovable).value()));
  expect(!boot.contains(machine.allocator.alloc_pages(Order{0}, kUnmovable).value()));
  expect_equal(machine.allocator.stats(M::kMovableZone).pageblocks[page::index_of(MigrateType::movable)],
               M::kSection >> G.pageblock_order_);
  machine.expect_lawful();
}

// Movable lies between two pieces of Normal, which spans it; each keeps to its own.
TEST_ON_SPARSE(zones_whose_spans_overlap_keep_apart) {
  using M = Plugged<G>;
  M machine;
  expect(machine.plug(2, M::kMovableZone));
  expect(machine.plug(3));
  expect_equal(machine.normal().spanned.raw, 3 * M::kSection);
  TestOwners owners{machine.allocator};
  expect(owners.hold(Order{0}, kMovable) != owners.kNobody);
  expect_equal(owners.page_of(0).raw / M::kSection, 2u);
  machine.expect_lawful();
  expect_equal(machine.allocator.stats(M::kNormal).pageblocks[page::index_of(MigrateType::movable)],
               2 * M::kSection >> G.pageblock_order_);
  expect(machine.allocator.offline(sections(M::kSection, 1, 3)).error() == Error::bad_argument);
  expect(static_cast<bool>(machine.allocator.offline(sections(M::kSection, 2, 3))));
  expect_equal(machine.normal().spanned.raw, 3 * M::kSection);
  expect_equal(machine.normal().present.raw, 2 * M::kSection);
  // What leaves at an end takes the hole beside it along.
  expect(static_cast<bool>(machine.allocator.offline(sections(M::kSection, 3, 4))));
  expect_equal(machine.normal().spanned.raw, M::kSection);
  expect(owners.all_is_there());
  machine.expect_lawful();
}

TEST_ON_SPARSE(what_cannot_come_online_or_go_is_refused) {
  using M = Plugged<G>;
  M machine;
  auto& allocator = machine.allocator;
  const PfnRange boot = sections(M::kSection, 1, 2), next = sections(M::kSection, 2, 3);
  expect(allocator.online(M::kNormal, next).error() == Error::bad_argument);  // absent
  expect(static_cast<bool>(machine.map.add_sections(next, NodeId::first, machine.source())));
  expect(allocator.online(M::kNormal, {next.begin(), next.begin() + PageCount{1}}).error() ==
         Error::bad_argument);
  expect(allocator.online(M::kNormal, {}).error() == Error::bad_argument);
  expect(allocator.online(99, next).error() == Error::bad_argument);
  expect(allocator.online(M::kNormal, boot).error() == Error::busy);
  expect(allocator.offline(next).error() == Error::bad_argument);
  expect(allocator.offline({boot.begin() + PageCount{1}, boot.end()}).error() == Error::bad_argument);
  // DMA has no room to grow, and nobody beyond what was said.
  expect(allocator.online(M::zone(0, ZoneType::dma), next).error() == Error::out_of_range);
  const PfnRange far = sections(M::kSection, 8, 9);
  expect(static_cast<bool>(machine.map.add_sections(far, NodeId::first, machine.source())));
  expect(allocator.online(M::kNormal, far).error() == Error::out_of_range);
  expect(machine.normal().present.raw == M::kSection && !machine.map.is_online(next.begin()));
  machine.expect_lawful();
}

// A contiguous area stays where it is.
TEST_ON_SPARSE(a_section_with_a_contiguous_area_stays) {
  using M = Plugged<G>;
  M machine;
  expect(machine.plug(2));
  const PfnRange area{Pfn{2 * M::kSection}, Pfn{2 * M::kSection} + G.pageblock_order().pages()};
  expect(static_cast<bool>(machine.allocator.alloc_range(area, MigrateType::cma)));
  expect(static_cast<bool>(machine.allocator.free_range(area)));
  expect(machine.allocator.offline(sections(M::kSection, 2, 3)).error() == Error::busy);
  machine.expect_lawful();
}

// Who has a section that was only in part given to the allocator? Nobody knows: it stays.
TEST_ON_SPARSE(a_section_that_was_handed_over_in_part_stays) {
  using M = TestMachine<G>;
  M machine;
  const std::uint64_t section = Plugged<G>::kSection;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{section}});
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release({Pfn{1}, Pfn{section}})));
  expect(machine.allocator.offline({Pfn{0}, Pfn{section}}).error() == Error::busy);
  expect_equal(machine.allocator.audit().broken, Law::holds);
}

TEST(a_flat_map_has_no_sections_to_plug) {
  TestMachine<k4KFlat> machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  expect(machine.allocator.online(2, machine.blocks(0, 1)).error() == Error::bad_argument);
  expect(machine.allocator.offline(machine.blocks(0, 1)).error() == Error::bad_argument);
}

TEST(memory_comes_online_to_the_zone_around_it) {
  Plugged<k4KSparse> machine;
  const auto zone = [&](std::uint64_t section, zones::OnlineTo to) {
    return zones::zone_for(machine.layout, machine.layout.nodes[0],
                           sections(machine.kSection, section, section + 1), to);
  };
  using To = zones::OnlineTo;
  expect_equal(zone(2, To::either), machine.kNormal);
  expect_equal(zone(2, To::kernel), machine.kNormal);
  expect_equal(zone(2, To::movable), machine.kMovableZone);
  expect(machine.plug(4, machine.kMovableZone) && machine.plug(6, machine.kMovableZone));
  expect_equal(zone(5, To::either), machine.kMovableZone);
  expect_equal(zone(7, To::either), machine.kNormal);
  expect_equal(zone(5, To::kernel), machine.kNormal);
  expect(machine.plug(7));
  expect_equal(zone(5, To::either), machine.kNormal);  // both span it
  // A zone for older devices that spans the place has it.
  machine.layout.zones[machine.zone(0, ZoneType::dma32)].spanned = PageCount{machine.kSection};
  expect_equal(zone(0, To::either), machine.zone(0, ZoneType::dma32));
}

}  // namespace quarry::buddy
