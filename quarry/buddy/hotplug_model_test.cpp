// Sections come and go at random beside allocations, in lockstep with a flag for each page.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "quarry/buddy/compact_zone_impl.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_owners.hpp"
#include "quarry/page/sparse_hotplug_impl.hpp"
#include "quarry/page/sparse_map_impl.hpp"

namespace quarry::buddy {

namespace {

using zones::ZoneType;

// Thirty-two pages a section, so that much happens at the edges.
constexpr Geometry kTiny{{.page_shift = 12, .max_order = 3, .pageblock_order = 2, .section_bits = 17}};
constexpr std::uint64_t kSections = 8;

template <Geometry G, class Policy>
class Run {
 public:
  using M = TestMachine<G, NoObserver, Policy>;
  static constexpr std::uint64_t kSection = std::uint64_t{1} << (G.section_bits_ - G.page_shift_);
  enum class State { absent, offline, online };
  struct Held {
    std::uint64_t page;
    unsigned order;
  };

  // Section 2 is there from the start, in Normal.
  explicit Run(HandOver hand_over) : owners{machine.allocator} {
    machine.add_pages(0, ZoneType::normal, section(2));
    ok = static_cast<bool>(
             machine.start({.hand_over = hand_over, .hotpluggable = {Pfn{0}, Pfn{kSections * kSection}}})) &&
         static_cast<bool>(machine.allocator.release(kNormal, section(2)));
    states.assign(kSections, State::absent);
    zone_of.assign(kSections, kNormal);
    states[2] = State::online;
    used.assign(kSections * kSection, false);
  }
  static PfnRange section(std::uint64_t at) { return {Pfn{at * kSection}, Pfn{(at + 1) * kSection}}; }

  // Each returns what is wrong, or an empty text.
  std::string plug(std::uint64_t at, bool movable) {
    const bool was = states[at] == State::absent;
    if (static_cast<bool>(machine.map.add_sections(section(at), NodeId::first, machine.source())) != was)
      return "add";
    if (was) states[at] = State::offline;
    const bool may = states[at] == State::offline;
    const std::uint32_t zone = movable ? kMovable : kNormal;
    if (static_cast<bool>(machine.allocator.online(zone, section(at))) != may) return "online";
    if (may) states[at] = State::online, zone_of[at] = zone;
    machine.rebuild_zonelists();
    return "";
  }
  std::string unplug(std::uint64_t at, bool remove) {
    if (states[at] == State::online) {
      bool must_fail = false, must_pass = true;
      for (const Held& block : fixed) must_fail = must_fail || block.page / kSection == at;
      for (std::uint64_t i = 0; i < kSection; ++i) must_pass = must_pass && !used[at * kSection + i];
      forget_movable();
      const bool done = static_cast<bool>(machine.allocator.offline(section(at)));
      remember_movable();
      if (done ? must_fail : must_pass) return "offline";
      if (done) states[at] = State::offline;
      machine.rebuild_zonelists();
    }
    const bool may = states[at] == State::offline;
    if (!remove) return "";
    if (static_cast<bool>(machine.map.remove_sections(section(at), machine.source())) != may) return "remove";
    if (may) states[at] = State::absent;
    return "";
  }
  std::string alloc_movable(unsigned order) {
    const std::uint32_t owner =
        owners.hold(Order{order}, {.highest = ZoneType::movable, .type = MigrateType::movable});
    if (owner == owners.kNobody) return has(order, true) ? "failed though there is a block" : "";
    movers.push_back(owner);
    return take(owners.page_of(owner).raw, order, true);
  }
  std::string alloc_fixed(unsigned order, MigrateType type) {
    const auto page = machine.allocator.alloc_pages(Order{order}, {.type = type});
    if (!page) return has(order, false) ? "failed though there is a block" : "";
    fixed.push_back({page.value().raw, order});
    return take(page.value().raw, order, false);
  }
  std::string free(std::uint64_t number) {
    const std::uint64_t count = movers.size() + fixed.size();
    if (count == 0) return "";
    number %= count;
    if (number < movers.size()) {
      const std::uint32_t owner = movers[number];
      mark(owners.page_of(owner).raw, order_of(owner), false);
      movers[number] = movers.back();
      movers.pop_back();
      return owners.drop(owner) ? "" : "refused";
    }
    const Held block = fixed[number - movers.size()];
    fixed[number - movers.size()] = fixed.back();
    fixed.pop_back();
    mark(block.page, block.order, false);
    return machine.allocator.free_pages(Pfn{block.page}, Order{block.order}) ? "" : "refused";
  }
  std::string look() {
    const Finding finding = machine.allocator.audit();
    if (finding)
      return std::string{name_of(finding.broken).data()} + " at " + std::to_string(finding.page.raw);
    if (!owners.all_is_there()) return "what was written is lost";
    std::uint64_t free[2] = {0, 0}, present[2] = {0, 0};
    for (std::uint64_t at = 0; at < kSections; ++at) {
      if ((machine.map.find(Pfn{at * kSection}) != nullptr) != (states[at] != State::absent))
        return "presence";
      if (states[at] != State::online) continue;
      const std::size_t zone = zone_of[at] == kMovable ? 1 : 0;
      present[zone] += kSection;
      for (std::uint64_t i = 0; i < kSection; ++i)
        if (!used[at * kSection + i]) ++free[zone];
      const zones::Zone& its = machine.layout.zones[zone_of[at]];
      if (its.span().begin() > section(at).begin() || its.span().end() < section(at).end()) return "span";
    }
    const std::uint32_t index[2] = {kNormal, kMovable};
    for (unsigned i = 0; i < 2; ++i) {
      const zones::Zone& zone = machine.layout.zones[index[i]];
      if (zone.present.raw != present[i] || zone.managed.raw != present[i]) return "present";
      if (machine.allocator.free_pages_of(index[i]).raw != free[i]) return "free";
      if (present[i] == 0 && (zone.spanned.raw != 0 || zone.start.raw != 0))
        return "an empty zone spans something";
      if (present[i] == 0) continue;
      const auto is_there = [&](std::uint64_t page) {
        return states[page / kSection] == State::online && zone_of[page / kSection] == index[i];
      };
      if (!is_there(zone.start.raw) || !is_there(zone.span().end().raw - 1)) return "a zone ends in a hole";
    }
    return "";
  }

  M machine;
  TestOwners<decltype(M::allocator)> owners;
  bool ok = false;

 private:
  static constexpr std::uint32_t kNormal = M::zone(0, ZoneType::normal),
                                 kMovable = M::zone(0, ZoneType::movable);

  static unsigned order_of(std::uint32_t owner) { return test_blocks[owner].order.raw(); }
  void mark(std::uint64_t page, unsigned order, bool is_used) {
    for (std::uint64_t at = page; at < page + (std::uint64_t{1} << order); ++at) used[at] = is_used;
  }
  // Movable pages change their places while a section goes.
  void forget_movable() {
    for (const std::uint32_t owner : movers) mark(owners.page_of(owner).raw, order_of(owner), false);
  }
  void remember_movable() {
    for (const std::uint32_t owner : movers) mark(owners.page_of(owner).raw, order_of(owner), true);
  }
  std::string take(std::uint64_t page, unsigned order, bool movable_zone_too) {
    for (std::uint64_t at = page; at < page + (std::uint64_t{1} << order); ++at) {
      if (states[at / kSection] != State::online) return "a page of no online section";
      if (zone_of[at / kSection] == kMovable && !movable_zone_too) return "unmovable in Movable";
      if (used[at]) return "handed out twice";
    }
    mark(page, order, true);
    return "";
  }
  bool has(unsigned order, bool movable_zone_too) const {
    const std::uint64_t size = std::uint64_t{1} << order;
    for (std::uint64_t page = 0; page < used.size(); page += size) {
      bool is_free = true;
      for (std::uint64_t at = page; at < page + size; ++at)
        is_free = is_free && states[at / kSection] == State::online && !used[at] &&
                  (movable_zone_too || zone_of[at / kSection] == kNormal);
      if (is_free) return true;
    }
    return false;
  }

  std::vector<State> states;
  std::vector<std::uint32_t> zone_of;
  std::vector<bool> used;
  std::vector<std::uint32_t> movers;
  std::vector<Held> fixed;
};

template <Geometry G, class Policy>
void runs_in_lockstep() {
  Run<G, Policy> run{*rc::gen::element(HandOver::at_once, HandOver::deferred)};
  RC_ASSERT(run.ok);
  const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  for (const std::uint32_t step : steps) {
    const unsigned order = (step >> 4) % (G.max_order_ + 1);
    const std::uint64_t number = step >> 8;
    std::string wrong;
    switch (step % 8) {
      case 0: wrong = run.plug(number % kSections, (step & 16) != 0); break;
      case 1: wrong = run.unplug(number % kSections, (step & 16) != 0); break;
      case 2:
      case 3:
      case 4: wrong = run.alloc_movable(order); break;
      case 5:
        wrong = run.alloc_fixed(order, (number & 1) != 0 ? MigrateType::unmovable : MigrateType::reclaimable);
        break;
      default: wrong = run.free(number);
    }
    if (wrong.empty()) wrong = run.look();
    if (!wrong.empty()) RC_FAIL(wrong);
  }
}

}  // namespace

RC_GTEST_PROP(HotplugModel, TinySectionsRunInLockstep, ()) { runs_in_lockstep<kTiny, LinuxPolicy>(); }
RC_GTEST_PROP(HotplugModel, SectionsRunInLockstep, ()) { runs_in_lockstep<k16KSparse, LinuxPolicy>(); }
RC_GTEST_PROP(HotplugModel, TinyCompactSectionsRunInLockstep, ()) {
  runs_in_lockstep<kTiny, CompactPolicy>();
}
RC_GTEST_PROP(HotplugModel, CompactSectionsRunInLockstep, ()) {
  runs_in_lockstep<k16KSparse, CompactPolicy>();
}

}  // namespace quarry::buddy
