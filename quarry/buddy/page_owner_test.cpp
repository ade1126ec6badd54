// Two ways to know more of a page than its descriptor says: fields beside every descriptor, and a page extension.
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_machine.hpp"
#include "quarry/page/extension.hpp"
#include "quarry/page/flat_map_impl.hpp"
#include "quarry/page/sparse_hotplug_impl.hpp"
#include "quarry/page/sparse_map_impl.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};

// Who got a block last, and whether he still has it. The example of a page extension: Linux's page_owner.
struct PageOwner {
  std::uint32_t who = 0;  // 0: nobody ever had it
  std::uint8_t order = 0;
  bool is_held = false;
};

// An observer that writes it down. Nothing is written until the extension is there.
template <Geometry G>
struct OwnerTracker : NoObserver {
  page::Extensions<page::MemoryMap<G>>* extensions = nullptr;
  page::ExtensionId id{};
  const std::uint32_t* current = nullptr;  // who runs now

  void allocated(Pfn page, Order order, MigrateType) noexcept {
    if (PageOwner* const owner = find(page); owner != nullptr)
      *owner = {*current, static_cast<std::uint8_t>(order.raw()), true};
  }
  void freed(Pfn page, Order) noexcept {
    if (PageOwner* const owner = find(page); owner != nullptr) owner->is_held = false;
  }
  PageOwner* find(Pfn page) noexcept {
    return extensions == nullptr ? nullptr : extensions->template of<PageOwner>(id, page);
  }
};

// An embedder's own fields.
struct Colour {
  std::uint16_t hue = 0;
  std::uint64_t seen = 0;
};
using Coloured = LinuxPolicyWith<Colour>;

}  // namespace

template <Geometry G>
static void an_extension_remembers_who_has_a_page() {
  using Tracker = OwnerTracker<G>;
  TestMachine<G, Tracker> machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  page::Extension room[1];
  page::Extensions<page::MemoryMap<G>> extensions{room};
  std::uint32_t current = 7;
  Tracker& tracker = machine.allocator.observer();
  tracker.id = extensions.add({.name = "page_owner", .size = Bytes{sizeof(PageOwner)}}).value();
  expect(static_cast<bool>(extensions.start(machine.layout, machine.map, machine.source())));
  tracker.extensions = &extensions;
  tracker.current = &current;
  expect(static_cast<bool>(machine.allocator.release(machine.blocks(0, 1))));

  const Pfn first = machine.allocator.alloc_pages(Order{2}, kMovable).value();
  current = 8;
  const Pfn second = machine.allocator.alloc_pages(Order{0}, kMovable).value();
  expect(tracker.find(first)->who == 7 && tracker.find(first)->order == 2 && tracker.find(first)->is_held);
  expect(tracker.find(second)->who == 8 && tracker.find(second)->is_held);
  expect(static_cast<bool>(machine.allocator.free_pages(first, Order{2})));
  expect(tracker.find(first)->who == 7 && !tracker.find(first)->is_held);
  expect_equal(tracker.find(Pfn{machine.kBlock - 1})->who, 0u);
  // A leak report: whoever holds something.
  std::uint32_t held = 0, holder = 0;
  for (std::uint64_t at = 0; at < machine.kBlock; ++at)
    if (tracker.find(Pfn{at})->is_held) ++held, holder = tracker.find(Pfn{at})->who;
  expect(held == 1 && holder == 8);
}

TEST(an_extension_remembers_in_a_sparse_map) { an_extension_remembers_who_has_a_page<k4KSparse>(); }
TEST(an_extension_remembers_in_a_flat_map) { an_extension_remembers_who_has_a_page<k4KFlat>(); }

TEST(without_extra_fields_a_descriptor_has_sixteen_bytes) {
  expect_equal(sizeof(page::MemoryMap<k4KSparse>::Descriptor), 16u);
  expect_equal(sizeof(page::MemoryMap<k4KFlat, Colour>::Descriptor), 32u);
}

template <Geometry G>
static void extra_fields_stay_whatever_becomes_of_the_page() {
  TestMachine<G, NoObserver, Coloured> machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release(machine.blocks(0, 2))));
  auto& map = machine.map;
  for (std::uint64_t at = 0; at < 2 * machine.kBlock; ++at) {
    expect(map.at(Pfn{at}).extra.hue == 0 && map.at(Pfn{at}).extra.seen == 0);
    map.at(Pfn{at}).extra = {static_cast<std::uint16_t>(at), at * at};
    expect_equal(map.pfn_of(map.at(Pfn{at})), Pfn{at});
  }
  // Splits, merges, single pages and large ones: the distance between descriptors is right everywhere.
  Pfn pages[3][40];
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < 40; ++i)
      pages[round][i] = machine.allocator.alloc_pages(Order{round}, kMovable).value();
    expect_equal(machine.allocator.audit().broken, Law::holds);
  }
  for (unsigned i = 0; i < 40; ++i)
    for (unsigned round = 0; round < 3; ++round)
      expect(static_cast<bool>(machine.allocator.free_pages(pages[round][39 - i], Order{round})));
  expect_equal(machine.allocator.audit().broken, Law::holds);
  for (unsigned i = 0; i < 2; ++i)
    expect(static_cast<bool>(machine.allocator.alloc_pages(G.max_order(), kMovable)));
  for (std::uint64_t at = 0; at < 2 * machine.kBlock; ++at)
    expect(map.at(Pfn{at}).extra.hue == static_cast<std::uint16_t>(at) &&
           map.at(Pfn{at}).extra.seen == at * at);
}

TEST(extra_fields_stay_in_a_sparse_map) { extra_fields_stay_whatever_becomes_of_the_page<k4KSparse>(); }
TEST(extra_fields_stay_in_a_flat_map) { extra_fields_stay_whatever_becomes_of_the_page<k4KFlat>(); }

TEST(extra_fields_begin_as_zero_when_a_section_comes_again) {
  TestMachine<k16KSparse, NoObserver, Coloured> machine;
  const std::uint64_t section = 4 * machine.kBlock;
  const PfnRange added{Pfn{section}, Pfn{2 * section}};
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start({.hotpluggable = added})));
  for (unsigned round = 0; round < 2; ++round) {
    expect(static_cast<bool>(machine.map.add_sections(added, NodeId::first, machine.source())));
    expect_equal(machine.map.at(added.begin()).extra.seen, 0u);
    machine.map.at(added.begin()).extra.seen = 9;
    expect(static_cast<bool>(machine.allocator.online(2, added)));
    expect(static_cast<bool>(machine.allocator.alloc_pages(Order{0}, kMovable)));
    expect(static_cast<bool>(machine.allocator.free_pages(added.begin(), Order{0})));
    expect(static_cast<bool>(machine.allocator.offline(added)));
    expect_equal(machine.map.at(added.begin()).extra.seen, 9u);
    expect(static_cast<bool>(machine.map.remove_sections(added, machine.source())));
  }
}

}  // namespace quarry::buddy
