// tests/kmap_world.hpp: for tests, windows on high memory beside an obvious list of them, walkers that know the manuals
// only, and cores that remember every translation they ever used until they are told.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quarry/vm/kmap_machine_test.hpp"
#include "tests/walked_formats.hpp"

namespace quarry::vm {

// 3G/1G: the pool ends where the direct map begins; one of its windows is another's neighbour in the same table.
struct Split3G : walker::WalkedLpae {
  static constexpr KmapPlaces kPlaces{VirtAddr{0xbfe0'0000}, VirtAddr{0xffc8'0000}};
};
struct Split2G : Split3G {
  static constexpr KmapPlaces kPlaces{VirtAddr{0x7fe0'0000}, VirtAddr{0xffc8'0000}};
};

template <class F, std::uint32_t kWindows, std::uint32_t kSlots>
class KmapWorld {
  using Machine = KmapMachine<F, kWindows, kSlots>;
  using Low = typename Machine::Low;
  static constexpr std::uint64_t kPage = 4096;
  struct Window {
    std::optional<Pfn> frame;  // that it shows, to users or to nobody
    unsigned users = 0;
  };

 public:
  KmapWorld() { note(bool{machine_.open()}, "windows were not opened"); }

  // Empty: nothing is wrong.
  const std::string& wrong() const { return wrong_; }
  // Above 4 GiB, as only LPAE has them on 32 bits; and below.
  static Pfn high(std::uint64_t number) {
    return Pfn{(number & 1) == 0 ? 0x10'0000 + number : 0x9'0000 + number};
  }

  void kmap(unsigned core, Pfn frame) {
    if (!may_be_told(core)) return;
    const Result<VirtAddr> got = machine_.pool.kmap(frame);
    const unsigned told = machine_.told - told_;
    told_ = machine_.told;
    unsigned free = 0, idle = 0;
    for (Window& window : windows_) {
      if (window.frame == frame) {
        ++window.users;
        note(got && got.value() == at(window) && told == 0, "a frame that is shown is not found");
        return look();
      }
      free += window.frame ? 0u : 1u;
      idle += window.frame && window.users == 0 ? 1u : 0u;
    }
    if (free == 0 && idle == 0) {
      note(!got && got.error() == Error::no_room && told == 0, "a frame is shown and there is no room");
      return look();
    }
    note(told == (free == 0 ? 1u : 0u), "processors are told when they need not, or not when they must");
    if (free == 0) forget_idle();
    note(bool{got}, "a frame is not shown and there is room");
    if (!got) return;
    const std::uint64_t number = (got.value() - machine_.pool_range.begin()).raw / kPage;
    note(number < kWindows && !windows_[number].frame, "a window shows another frame");
    if (number < kWindows) windows_[number] = {frame, 1};
    look();
  }
  void kunmap(unsigned core, Pfn frame) {
    machine_state_.now = core;
    const Result<Done> done = machine_.pool.kunmap(frame);
    for (Window& window : windows_) {
      if (window.frame != frame) continue;
      note(window.users != 0 ? bool{done} : !done && done.error() == Error::wrong_owner,
           "kunmap answers wrongly");
      window.users -= window.users == 0 ? 0 : 1;
      return look();
    }
    note(!done && done.error() == Error::not_found, "kunmap of what is not shown");
    look();
  }
  void flush(unsigned core) {
    if (!may_be_told(core)) return;
    unsigned idle = 0;
    for (const Window& window : windows_) idle += window.frame && window.users == 0 ? 1u : 0u;
    note(machine_.pool.flush() == idle, "a flush frees as many as were idle");
    note(machine_.told - told_ == (idle == 0 ? 0u : 1u), "a flush tells once, if anything was idle");
    told_ = machine_.told;
    forget_idle();
    look();
  }
  void kmap_local(unsigned core, Pfn frame) {
    machine_state_.now = core;
    auto& stack = stacks_[core];
    if (stack.empty()) guards_[core] = std::make_unique<TestCores::Guard>(machine_.low.cores());
    const Result<VirtAddr> got = machine_.local.kmap_local(*guards_[core], frame);
    if (stack.size() == kSlots) {
      note(!got && got.error() == Error::no_room, "a core has more windows than it has");
    } else {
      note(got && got.value() == local(core, stack.size()), "the next local window is another");
      stack.push_back(frame);
    }
    look();
  }
  // The window `number` of `core`, by a core that has a guard.
  void kunmap_local(unsigned core, std::size_t number) {
    auto& stack = stacks_[core];
    if (!guards_[core]) return;
    machine_state_.now = core;
    const unsigned told_here = machine_.told_here;
    const Result<Done> done = machine_.local.kunmap_local(*guards_[core], local(core, number));
    const bool is_last = number + 1 == stack.size();
    note(number >= stack.size() ? !done && done.error() == Error::wrong_owner
         : is_last              ? bool{done}
                                : !done && done.error() == Error::bad_argument,
         "a local window goes out of its turn");
    note(machine_.told_here - told_here == (is_last ? 1u : 0u),
         "a core forgets what it need not, or not what it must");
    if (is_last) stack.pop_back();
    if (stack.empty()) guards_[core].reset();
    look();
  }
  // Somebody else's page, in the same table as the windows or not.
  void map_beside(unsigned core, VirtAddr at) {
    if (!may_be_told(core)) return;
    if (machine_.tree.lookup(at))
      note(bool{machine_.tree.unmap({at, at + Bytes{kPage}})}, "a page beside the windows is not unmapped");
    else
      note(bool{machine_.tree.map(at, PhysRange::sized(PhysAddr{kPage}, Bytes{kPage}), {})},
           "no page beside the windows");
    told_ = machine_.told;
    look();
  }
  VirtAddr beside() const { return machine_.pool_range.end(); }
  void audit() { note(machine_.is_sound(), "a law is broken"); }
  void end() {
    audit();
    for (unsigned core = 0; core < kKmapCores; ++core)
      while (!stacks_[core].empty()) kunmap_local(core, stacks_[core].size() - 1);
    for (const Window& window : windows_)
      while (window.users != 0 && wrong_.empty()) kunmap(0, *window.frame);
    flush(0);
    machine_.tree.release();
    note(machine_.low.taken == 0, "a table is lost");
  }

 private:
  void note(bool is_good, const char* what) {
    if (!is_good && wrong_.empty()) wrong_ = what;
  }
  // Processors are told by a core that has no local window.
  bool may_be_told(unsigned core) {
    machine_state_.now = core;
    return stacks_[core].empty();
  }
  void forget_idle() {
    for (Window& window : windows_)
      if (window.users == 0) window.frame.reset();
  }
  VirtAddr at(const Window& window) const {
    return machine_.pool_range.begin() + Bytes{static_cast<std::uint64_t>(&window - windows_.data()) * kPage};
  }
  VirtAddr local(unsigned core, std::size_t number) const {
    return machine_.local_range.begin() + Bytes{(core * kSlots + number) * kPage};
  }
  // By the manual, and by what each core remembers.
  void look_at(VirtAddr at, const std::optional<Pfn>& frame) {
    const auto found = F::walk(machine_.tree.root().raw, at.raw,
                               [&](std::uint64_t word) { return machine_.low.word(word); });
    note(found.has_value() == frame.has_value(), "a window is open or shut, and should not be");
    if (!found || !frame) return;
    note(found->at == frame->raw * kPage && found->page_bytes == kPage, "a window leads elsewhere");
    note(found->write && !found->execute && !found->user && found->type == 0,
         "a window allows something else");
  }
  void look() {
    for (const Window& window : windows_) {
      look_at(at(window), window.frame);
      for (unsigned core = 0; window.frame && core < kKmapCores; ++core)
        note(machine_.reach(core, at(window)).raw == window.frame->raw * kPage,
             "a core reaches another frame");
    }
    for (unsigned core = 0; core < kKmapCores; ++core)
      for (std::size_t i = 0; i < kSlots; ++i) {
        const auto& stack = stacks_[core];
        look_at(local(core, i), i < stack.size() ? std::optional{stack[i]} : std::nullopt);
        if (i < stack.size())
          note(machine_.reach(core, local(core, i)).raw == stack[i].raw * kPage,
               "a core reaches another's frame");
      }
    note(!machine_.pool.audit() && !machine_.local.audit(), "a law of the windows is broken");
    if (machine_.wrong.first != nullptr) note(false, machine_.wrong.first);
  }

  std::unique_ptr<typename Low::Memory> memory_ = std::make_unique_for_overwrite<typename Low::Memory>();
  TestCores::State machine_state_;
  Machine machine_{*memory_, TestCores{machine_state_}, F::kPlaces};
  std::array<Window, kWindows> windows_;
  std::array<std::vector<Pfn>, kKmapCores> stacks_;
  std::array<std::unique_ptr<TestCores::Guard>, kKmapCores> guards_;
  unsigned told_ = 0;
  std::string wrong_;
};

}  // namespace quarry::vm
