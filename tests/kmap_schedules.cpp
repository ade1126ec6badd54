// tests/kmap_schedules.cpp: windows on high memory under every schedule of a few cores, to a stated number of preemptions.
//
//   kmap_schedules [PREEMPTIONS]      2 unless told
//
// Each scene is a few calls on two or three cores, on a pool of two windows: frames that two show at once, flushes beside users,
// users that come back while their window is flushed, a pool that runs out, windows of one core beside flushes that tell it. Each
// core remembers every translation that it used until it is told. After each run no window showed another frame while any
// core remembered the last one, nobody reached a frame but the one it asked for, and all laws hold.
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "quarry/vm/kmap_machine_test.hpp"
#include "tests/schedules.hpp"

namespace quarry::vm {
namespace {

using quarry::testing::ScheduledCores;
using quarry::testing::ScheduledLock;
using quarry::testing::Schedules;

constexpr std::uint32_t kWindows = 2, kSlots = 2;
using Machine = KmapMachine<ArmLpae, kWindows, kSlots, ScheduledCores, ScheduledLock>;
using Frames = LowFrames<ScheduledCores>;

enum class Waiting : bool { nobody, cores };  // when every window is in use

class Scene {
 public:
  void begin(Waiting waiting) {
    depths_ = {};
    KmapWait wait{
        this, [](void* self, std::uint32_t seen) noexcept -> Result<Done> {
          auto& scene = *static_cast<Scene*>(self);
          ++scene.waited_;
          quarry::testing::schedules->point([&scene, seen] { return scene.machine_->pool.idled() != seen; });
          return Done{};
        }};
    if (waiting == Waiting::nobody) wait = {};
    machine_.emplace(memory_, ScheduledCores{kKmapCores, depths_}, KmapPlaces{}, wait);
    note(bool{machine_->open()}, "windows were not opened");
  }
  std::string end() {
    Machine& machine = *machine_;
    machine.is_sound();
    note(machine.pool.stats().windows.used == 0, "a window is in use that nobody has");
    machine.pool.flush();
    note(machine.pool.stats().windows == KmapCounts{.free = kWindows}, "a window is lost");
    for (unsigned core = 0; core < kKmapCores; ++core)
      for (std::uint64_t i = 0; i < kWindows; ++i)
        note(machine.tlbs.find(core, machine.pool_range.begin() + Bytes{4096 * i}) == nullptr,
             "a core remembers a window after all were flushed");
    machine.is_sound();
    return machine.wrong.first == nullptr ? "" : machine.wrong.first;
  }
  std::uint64_t waited() const { return waited_; }
  std::uint64_t refused() const { return refused_; }

  static Pfn frame(unsigned number) { return Pfn{0x10'0000 + number}; }

  // --- Calls of one core --------------------------------------------------------------------------------
  std::optional<VirtAddr> show(unsigned core, unsigned number) {
    const Result<VirtAddr> at = machine_->pool.kmap(frame(number));
    if (!at) {
      note(at.error() == Error::no_room, "no window, for no reason");
      ++refused_;
      return {};
    }
    look(core, number, at.value());
    return at.value();
  }
  void look(unsigned core, unsigned number, VirtAddr at) {
    quarry::testing::schedules->point();
    note(machine_->reach(core, at).raw == frame(number).raw << 12, "a core reaches another frame");
  }
  void give_back(unsigned number) {
    note(bool{machine_->pool.kunmap(frame(number))}, "a frame that is shown is not known");
  }
  void use(unsigned core, unsigned number) {
    const auto at = show(core, number);
    if (!at) return;
    look(core, number, *at);
    give_back(number);
  }
  void use_two(unsigned core, unsigned first, unsigned second) {
    const auto at = show(core, first);
    use(core, second);
    if (!at) return;
    look(core, first, *at);
    give_back(first);
  }
  // Two windows, one inside the other.
  void use_local(unsigned core, unsigned first, unsigned second) {
    const ScheduledCores::Guard guard{machine_->low.cores()};
    const auto outer = machine_->local.kmap_local(guard, frame(first)),
               inner = machine_->local.kmap_local(guard, frame(second));
    note(outer && inner, "no local window");
    if (!outer || !inner) return;
    look(core, second, inner.value());
    note(bool{machine_->local.kunmap_local(guard, inner.value())}, "a local window is not known");
    look(core, first, outer.value());
    note(bool{machine_->local.kunmap_local(guard, outer.value())}, "a local window is not known");
  }
  // What was given back before the flush is reached by nobody after it.
  void use_and_flush(unsigned core, unsigned number) {
    use(core, number);
    machine_->pool.flush();
    for (unsigned any = 0; any < kKmapCores; ++any)
      for (std::uint64_t i = 0; i < kWindows; ++i) {
        const PhysAddr* const known =
            machine_->tlbs.find(any, machine_->pool_range.begin() + Bytes{4096 * i});
        note(known == nullptr || known->raw != frame(number).raw << 12,
             "a frame is reached after it was flushed");
      }
  }
  void audit() { note(!machine_->pool.audit(), "a law is broken half way"); }

 private:
  void note(bool is_good, const char* what) { machine_->wrong.note(is_good, what); }

  Frames::Memory memory_;
  ScheduledCores::Depths depths_;
  std::optional<Machine> machine_;
  std::uint64_t waited_ = 0, refused_ = 0;  // in all runs
};

struct Play {
  const char* name;
  Waiting waiting;
  std::vector<std::function<void()>> cores;
};

std::vector<Play> plays_of(Scene& on) {
  const auto use = [&on](unsigned core, std::vector<unsigned> frames) {
    return [&on, core, frames] {
      for (const unsigned frame : frames) on.use(core, frame);
    };
  };
  constexpr auto kCores = Waiting::cores;
  return {
      {"two frames", kCores, {use(0, {1, 1}), use(1, {2, 2})}},
      {"one frame", kCores, {use(0, {1, 1}), use(1, {1, 1}), use(2, {1})}},
      {"a flush beside users", kCores, {use(0, {1, 2, 3}), use(1, {1, 1})}},
      {"two that flush", kCores, {use(0, {1, 2, 3}), use(1, {4, 5})}},
      {"two that look for one frame when none is free",
       kCores,
       {use(0, {1, 2, 3}), use(1, {3}), use(2, {3})}},
      {"flushes on request",
       kCores,
       {[&on] { on.use_and_flush(0, 1); }, use(1, {2, 3}), [&on] { on.use_and_flush(2, 4); }}},
      {"a pool that runs out", kCores, {[&on] { on.use_two(0, 1, 2); }, use(1, {3}), use(2, {4})}},
      {"a pool that runs out for who shows one already",
       kCores,
       {[&on] { on.use_two(0, 1, 2); }, use(1, {2, 3})}},
      {"a pool that runs out, and nobody waits",
       Waiting::nobody,
       {[&on] { on.use_two(0, 1, 2); }, use(1, {3}), use(2, {4})}},
      {"local windows beside flushes",
       kCores,
       {[&on] { on.use_local(0, 1, 2), on.use_local(0, 2, 1); }, use(1, {1, 2, 3}),
        [&on] { on.use_local(2, 3, 3); }}},
      {"a look at all windows", kCores, {use(0, {1, 2, 3}), use(1, {2}), [&on] { on.audit(); }}},
  };
}

bool run(unsigned preemptions) {
  Scene scene;
  Schedules all;
  quarry::testing::schedules = &all;
  unsigned passed = 0, failed = 0;
  for (const Play& play : plays_of(scene)) {
    const auto begin = [&] { scene.begin(play.waiting); };
    const bool is_good =
        quarry::testing::play(all, play.name, play.cores, preemptions, begin, [&] { return scene.end(); });
    ++(is_good ? passed : failed);
  }
  const bool ran_out = scene.waited() != 0 && scene.refused() != 0;
  if (!ran_out) std::printf("FAILED: the pool never ran out\n");
  ++(ran_out ? passed : failed);
  std::printf("%u passed, %u failed\n", passed, failed);
  return failed == 0;
}

}  // namespace
}  // namespace quarry::vm

int main(int count, char** words) {
  return quarry::vm::run(count > 1 ? static_cast<unsigned>(std::atoi(words[1])) : 2) ? 0 : 1;
}
