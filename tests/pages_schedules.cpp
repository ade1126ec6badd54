// tests/pages_schedules.cpp: the page allocator under every schedule of a few cores, to a stated number of preemptions.
//
//   pages_schedules [PREEMPTIONS]      2 unless told
//
// Each scene is a few calls on two or three cores: refills beside spills, frees of another core's pages, drains, isolation,
// ranges, and a section that leaves. After each run nobody has a page twice, all laws hold, and nothing is lost.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_state.hpp"
#include "quarry/page/sparse_hotplug_impl.hpp"
#include "quarry/page/sparse_map_impl.hpp"
#include "tests/schedules.hpp"

namespace quarry::buddy {
namespace {

using testing::Schedules;
constexpr Geometry kSmall{{.page_shift = 12, .max_order = 2, .pageblock_order = 1, .section_bits = 15}};
using zones::ZoneType;

// Sixteen pages of Normal and eight, one section, of Movable.
template <class Policy>
class Scene {
  using Machine = TestMachine<kSmall, NoObserver, Policy, testing::ScheduledCores>;
  static constexpr PfnRange kLast{Pfn{16}, Pfn{24}};
  static constexpr std::uint64_t kPages = 24;

 public:
  void begin() {
    depths_ = {};
    wrong_.clear();
    for (unsigned& owner : owners_) owner = 0;
    for (auto& pages : held_) pages.clear();
    machine_.reset();
    machine_.emplace(testing::ScheduledCores{3, depths_});
    machine_->add_zone(0, ZoneType::normal, 0, 4);
    machine_->add_zone(0, ZoneType::movable, 4, 6);
    auto& pages = machine_->allocator;
    is_good(machine_->start() && pages.release(PfnRange{Pfn{0}, Pfn{kPages}}) &&
                pages.start_cpu_lists(machine_->source()),
            "no machine");
    for (const ZoneType type : {ZoneType::normal, ZoneType::movable})
      Saboteur::limit(pages, Machine::zone(0, type), {.batch = 2, .high = 4});
  }
  std::string end() {
    for (auto& pages : held_)
      for (const Pfn page : pages) free(page);
    machine_->allocator.drain_all();
    if (const Finding found = machine_->allocator.audit(); found && wrong_.empty())
      wrong_ = std::string{"a law is broken: "} + name_of(found.broken).data();
    for (const ZoneType type : {ZoneType::normal, ZoneType::movable}) {
      const std::uint32_t zone = Machine::zone(0, type);
      if (machine_->allocator.free_pages_of(zone) != machine_->layout.zones[zone].managed && wrong_.empty())
        wrong_ = "pages are lost";
    }
    return wrong_;
  }

  // --- Calls of one core --------------------------------------------------------------------------------
  void alloc(unsigned who, ZoneType highest = ZoneType::normal, MigrateType type = MigrateType::movable) {
    const auto page = machine_->allocator.alloc_pages(
        Order{0}, {.highest = highest, .type = type, .effort = Effort::no_wait});
    if (!page) return;
    is_good(owners_[page.value().raw] == 0, "a page has two owners");
    owners_[page.value().raw] = who + 1;
    held_[who].push_back(page.value());
  }
  void free_one(unsigned who) {
    if (held_[who].empty()) return;
    const Pfn page = held_[who].back();
    held_[who].pop_back();
    free(page);
  }
  void drain() { machine_->allocator.drain_all(); }
  void isolate() {
    const PfnRange pageblock{Pfn{2}, Pfn{4}};
    auto& pages = machine_->allocator;
    if (!pages.isolate(pageblock)) return;
    for (Pfn page = pageblock.begin(); page < pageblock.end(); page = page + PageCount{1}) {
      const auto& head = machine_->map.at(page);
      is_good(head.state() != page::State::per_cpu, "an isolated page stays on a core");
      is_good(head.state() != page::State::allocated || head.list() == MigrateType::movable,
              "a pageblock is isolated with a page that must stay");
    }
    pages.undo_isolation(pageblock);
  }
  void range() {
    const PfnRange pages{Pfn{1}, Pfn{5}};
    if (!machine_->allocator.alloc_range(pages, MigrateType::movable)) return;
    for (Pfn page = pages.begin(); page < pages.end(); page = page + PageCount{1})
      is_good(std::exchange(owners_[page.raw], 9) == 0, "a range has a page of somebody's");
    for (Pfn page = pages.begin(); page < pages.end(); page = page + PageCount{1}) owners_[page.raw] = 0;
    is_good(static_cast<bool>(machine_->allocator.free_range(pages)), "a range was not taken back");
  }
  void replug() {
    if (!machine_->allocator.offline(kLast)) return;
    for (std::uint64_t page = kLast.begin().raw; page < kLast.end().raw; ++page)
      is_good(owners_[page] == 0, "a page in use leaves");
    is_good(machine_->map.remove_sections(kLast, machine_->source()) &&
                machine_->map.add_sections(kLast, NodeId::first, machine_->source()) &&
                machine_->allocator.online(Machine::zone(0, ZoneType::movable), kLast),
            "a section does not come back");
  }
  void take_before(unsigned who, unsigned count) {
    for (unsigned i = 0; i < count; ++i) alloc(who);
  }

 private:
  void is_good(bool holds, const char* what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }
  void free(Pfn page) {
    owners_[page.raw] = 0;
    is_good(static_cast<bool>(machine_->allocator.free_pages(page, Order{0})), "a page was not taken back");
  }

  testing::ScheduledCores::Depths depths_;
  std::optional<Machine> machine_;
  std::string wrong_;
  unsigned owners_[kPages] = {};
  std::vector<Pfn> held_[4];
};

struct Play {
  const char* name;
  unsigned taken_before;  // pages that core 0 has at the beginning
  std::vector<std::function<void()>> cores;
};

template <class Policy>
std::vector<Play> plays_of(Scene<Policy>& on) {
  const auto churn = [&on](unsigned who, unsigned times) {
    return [&on, who, times] {
      for (unsigned i = 0; i < times; ++i) on.alloc(who);
      for (unsigned i = 0; i < times; ++i) on.free_one(who);
    };
  };
  const auto visit = [&on](unsigned who) {
    return [&on, who] {
      for (unsigned i = 0; i < 2; ++i) on.alloc(who, ZoneType::movable), on.free_one(who);
    };
  };
  return {
      {"refills beside spills", 0, {churn(0, 3), churn(1, 3)}},
      {"frees of another core's pages",
       4,
       {churn(1, 2),
        [&on] {
          for (unsigned i = 0; i < 4; ++i) on.free_one(0);
        }}},
      {"drains of cores at work", 0, {churn(0, 2), churn(1, 2), [&on] { on.drain(); }}},
      {"isolation of a pageblock",
       3,
       {churn(1, 2),
        [&on] {
          for (unsigned i = 0; i < 3; ++i) on.free_one(0);
        },
        [&on] { on.isolate(); }}},
      {"isolation beside requests that must stay",
       0,
       {[&on] {
          const auto stay = [&on] { on.alloc(0, ZoneType::normal, MigrateType::unmovable); };
          stay(), stay(), on.free_one(0), on.free_one(0), stay(), stay(), stay();
        },
        [&on] { on.isolate(); }}},
      {"two that isolate the same", 0, {[&on] { on.isolate(); }, [&on] { on.range(); }}},
      {"a range out of pages that come and go",
       2,
       {churn(1, 2), [&on] { on.free_one(0), on.free_one(0); }, [&on] { on.range(); }}},
      {"a section that leaves and comes", 0, {visit(0), visit(1), [&on] { on.replug(); }}},
  };
}

template <class Policy>
bool run(const char* policy, unsigned preemptions) {
  Scene<Policy> scene;
  Schedules all;
  testing::schedules = &all;
  bool good = true;
  for (const Play& play : plays_of(scene)) {
    const auto begin = [&] {
      scene.begin();
      scene.take_before(0, play.taken_before);
    };
    const std::string name = std::string{policy} + ", " + play.name;
    if (!testing::play(all, name, play.cores, preemptions, begin, [&] { return scene.end(); })) good = false;
  }
  return good;
}

}  // namespace
}  // namespace quarry::buddy

int main(int count, char** words) {
  const unsigned preemptions = count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 2;
  const bool compact = quarry::buddy::run<quarry::buddy::CompactPolicy>("compact", preemptions);
  const bool as_linux = quarry::buddy::run<quarry::buddy::LinuxPolicy>("linux", preemptions);
  std::printf("%d passed, %d failed\n", compact + as_linux, 2 - compact - as_linux);
  return compact && as_linux ? 0 : 1;
}
