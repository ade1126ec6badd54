// tests/vmalloc_schedules.cpp: vmalloc under every schedule of a few cores, to a stated number of preemptions.
//
//   vmalloc_schedules [PREEMPTIONS]      2 unless told
//
// Each scene is a few calls on two or three cores, each of which remembers every translation that it used, and the tables on the
// way, until it is told to forget. Nobody is given a frame or an address that some core remembers; who is told that there is no
// memory is told so in earnest; after each run all laws hold and every page comes back.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>

#include "tests/vmalloc_machine.hpp"

namespace quarry::vm {
namespace {

using quarry::testing::Schedules;

class Scene {
 public:
  void begin(const Setting& setting) {
    complaint_ = {};
    shared_.clear();
    for (auto& areas : held_) areas.clear();
    machine_.emplace(setting, complaint_);
  }
  std::string end() {
    for (unsigned who = 0; who < kCores; ++who)
      while (!held_[who].empty()) free_one(who);
    vm().purge();
    const VmallocStats stats = vm().stats();
    expect(!vm().audit(), "a law of the areas is broken");
    expect(!machine_->tree.audit(), "a law of the tables is broken");
    expect(stats.areas.live == 0 && stats.areas.retired == 0, "areas are left");
    expect(stats.frames.raw == 0 && machine_->tree.tables() == 1, "frames or tables are left");
    expect(machine_->frames.taken() == 1 + shared_.size(), "pages are lost");
    for (const Remembered& processor : machine_->frames.processors)
      expect(processor.known.empty(), "a core remembers what is gone");
    return complaint_.what;
  }

  // --- Calls of one core --------------------------------------------------------------------------------
  enum class Refusal { never, possible };
  void alloc(unsigned who, std::uint64_t pages, Refusal refusal = Refusal::never) {
    const auto got = vm().vmalloc({.size = Bytes{pages * kPage}});
    if (!got) return expect(refusal == Refusal::possible, "no memory, though there is some");
    for (const Remembered& processor : machine_->frames.processors)
      for (std::uint64_t i = 0; i < pages; ++i)
        expect(!processor.known.contains(got.value().raw / kPage + i),
               "an address has a new owner that a core remembers");
    held_[who].push_back({got.value(), pages, ++serial_});
    for (std::uint64_t i = 0; i < pages; ++i) *reach(who, got.value().raw + i * kPage) = stamp(who, i);
  }
  // Reads all of the last area of `whose`, as core `who`.
  void read(unsigned who, unsigned whose) {
    if (held_[whose].empty()) return;
    const Held area = held_[whose].back();
    for (std::uint64_t i = 0; i < area.pages; ++i)
      expect(*reach(who, area.at.raw + i * kPage) == stamp(whose, i), "an area shows somebody else's memory");
  }
  void free_one(unsigned who) {
    if (held_[who].empty()) return;
    read(who, who);
    const VirtAddr at = held_[who].back().at;
    held_[who].pop_back();
    expect(bool{vm().vfree(at)}, "an area was not taken back");
  }
  // Two may free the same: one of them is told that it is not there.
  void free_same(VirtAddr at) { freed_ += bool{vm().vfree(at)}; }
  void purge() { vm().purge(); }
  void find(VirtAddr at) {
    const auto found = vm().find(at);
    if (!found) return expect(found.error() == Error::not_found, "an area is not found, for no reason");
    expect(found.value().range.contains(at), "an area is found where it is not");
    expect(found.value().state == AreaState::live, "an area is found that was given back");
  }
  // All areas in order, as /proc/vmallocinfo lists them.
  void walk() {
    std::array<PageCount, 1> on_nodes;
    VirtAddr from{};
    while (const auto area = vm().next(from, on_nodes)) {
      expect(from <= area.value().range.begin(), "areas are not in order");
      expect(on_nodes[0] == area.value().pages, "an area's frames are not counted");
      from = area.value().range.end();
    }
  }
  // Frames of one's own, shown, used, hidden and purged: from then on nobody remembers them.
  void show(unsigned who) {
    const std::array<Pfn, 2> frames{take_shared(), take_shared()};
    const auto at = vm().vmap(frames, {.write = true});
    if (!at) return expect(false, "no memory to show frames with");
    *reach(who, at.value().raw + kPage) = 5;
    expect(machine_->frames.word(frames[1].raw * kPage) == 5, "a mapping leads elsewhere");
    expect(bool{vm().vunmap(at.value())}, "a mapping was not taken back");
    vm().purge();
    for (const Pfn frame : frames)
      for (const Remembered& processor : machine_->frames.processors)
        expect(!processor.remembers(frame.raw), "a purge left something that is remembered");
  }

  VirtAddr last_of(unsigned who) const { return held_[who].back().at; }
  void forget_last_of(unsigned who) { held_[who].pop_back(); }
  void expect_freed(unsigned times) { expect(std::exchange(freed_, 0) == times, "an area was freed twice"); }

 private:
  struct Held {
    VirtAddr at;
    std::uint64_t pages, serial;
  };
  Vmalloc<Tree, Frames, ScheduledLock>& vm() { return machine_->vm; }
  void expect(bool holds, const char* is_wrong) { complaint_.unless(holds, is_wrong); }
  std::uint64_t stamp(unsigned who, std::uint64_t page) const {
    return held_[who].back().serial << 16 | page;
  }
  Pfn take_shared() {
    const auto frame = machine_->frames.alloc_pages(Order{0}, {});
    check(bool{frame}, "no frame to show");
    shared_.insert(frame.value().raw);
    return frame.value();
  }
  // The first word of a page, by what the core remembers, or by a walk like a processor's, with no lock.
  std::uint64_t* reach(unsigned who, std::uint64_t at) {
    Frames& frames = machine_->frames;
    auto& known = frames.processors[who].known;
    auto found = known.find(at / kPage);
    if (found == known.end()) {
      const auto way = walker::walk_x86(4, machine_->tree.root().raw, at,
                                        [&](std::uint64_t entry) { return frames.word(entry); });
      if (!way) {
        expect(false, "an area is not mapped");
        static std::uint64_t nowhere;
        return &nowhere;
      }
      Remembered::Way remembered{way->at / kPage, {}};
      for (const std::uint64_t table : way->tables)
        if (table != machine_->tree.root().raw) remembered.tables.push_back(table / kPage);
      found = known.emplace(at / kPage, remembered).first;
    }
    return &frames.word(found->second.frame * kPage);
  }

  std::optional<Machine> machine_;
  Complaint complaint_;
  std::uint64_t serial_ = 0;
  unsigned freed_ = 0;
  std::set<std::uint64_t> shared_;  // frames that a scene itself has
  std::vector<Held> held_[kCores];
};

struct Play {
  const char* name;
  Setting setting;
  std::function<void()> before;
  std::vector<std::function<void()>> cores;
  std::function<void()> after = [] {};
};

std::vector<Play> plays_of(Scene& on) {
  const auto nothing = [] {};
  const auto churn = [&on](unsigned who) {
    return [&on, who] {
      on.alloc(who, 2);
      on.read(who, who);
      on.free_one(who);
    };
  };
  // Something waits in the backlog, and core 2 remembers it.
  const auto retired = [&on] {
    on.alloc(0, 6);
    on.read(2, 0);
    on.free_one(0);
  };
  static VirtAddr at;
  const auto one_area = [&on] {
    on.alloc(0, 2);
    at = on.last_of(0);
  };
  return {
      {"areas come and go", {}, nothing, {churn(0), churn(1)}},
      {"areas come and go, each free purges", {.backlog = 0}, nothing, {churn(0), churn(1)}},
      {"a purge beside frees and requests",
       {},
       retired,
       {[&on] { on.purge(); }, churn(1), [&on] { on.alloc(2, 1); }}},
      {"two purges", {}, retired, {[&on] { on.purge(); }, [&on] { on.purge(); }, churn(2)}},
      // Frames for six pages, their list, three tables and the root.
      {"frames that another purge brings",
       {.frames = 11},
       retired,
       {[&on] { on.purge(); }, [&on] { on.alloc(1, 6); }}},
      {"addresses that another purge brings",
       {.pages = 8},
       retired,
       {[&on] { on.purge(); }, [&on] { on.alloc(1, 7); }}},
      {"two that find no room and purge",
       {.pages = 10},
       retired,
       {[&on] { on.alloc(0, 4); }, [&on] { on.alloc(1, 4); }}},
      {"frames that end under two requests",
       {.frames = 14},
       nothing,
       {[&on] { on.alloc(0, 6, Scene::Refusal::possible); },
        [&on] { on.alloc(1, 6, Scene::Refusal::possible); }}},
      {"the same area freed by two",
       {},
       one_area,
       {[&on] { on.free_same(at); }, [&on] { on.free_same(at); }, [&on] { on.find(at + Bytes{kPage}); }},
       [&on] {
         on.forget_last_of(0);
         on.expect_freed(1);
       }},
      {"an area looked for while it goes",
       {.backlog = 0},
       one_area,
       {[&on] { on.free_one(0); }, [&on] { on.find(at); }, [&on] { on.walk(); }}},
      {"a walk beside a purge", {}, retired, {[&on] { on.walk(); }, [&on] { on.purge(); }, churn(2)}},
      {"frames shown while others look", {}, nothing, {[&on] { on.show(0); }, [&on] { on.walk(); }}},
      {"frames shown while others purge", {}, retired, {[&on] { on.show(0); }, [&on] { on.purge(); }}},
  };
}

bool run(unsigned preemptions) {
  Schedules all;
  quarry::testing::schedules = &all;
  Scene scene;
  bool is_good = true;
  int played = 0, well = 0;
  for (const Play& play : plays_of(scene)) {
    const unsigned most = play.cores.size() > 2 && preemptions > 1 ? preemptions - 1 : preemptions;
    const bool holds = quarry::testing::play(
        all, play.name, play.cores, most,
        [&] {
          scene.begin(play.setting);
          play.before();
        },
        [&] {
          play.after();
          return scene.end();
        });
    ++played;
    well += holds;
    is_good = is_good && holds;
  }
  std::printf("%d passed, %d failed\n", well, played - well);
  return is_good;
}

}  // namespace
}  // namespace quarry::vm

int main(int count, char** words) {
  return quarry::vm::run(count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 2) ? 0 : 1;
}
