// The same machines booted with memblock and with bootmem: what is free and what is taken is the same RAM.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "host/early_memory.hpp"
#include "host/virtual_arena.hpp"
#include "linux/describe.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/metadata.hpp"

namespace quarry {
namespace {

enum class Mode { linux_mode, native };

// One flag a page frame.
class Pages {
 public:
  // Returns   whether all of them are new.
  bool add(PfnRange pages) {
    bool is_new = true;
    if (pages.end().raw > flags_.size()) flags_.resize(pages.end().raw);
    for (std::uint64_t i = pages.begin().raw; i < pages.end().raw; ++i) {
      is_new = is_new && !flags_[i];
      flags_[i] = true;
    }
    return is_new;
  }
  void remove(PfnRange pages) {
    for (std::uint64_t i = pages.begin().raw; i < pages.end().raw && i < flags_.size(); ++i)
      flags_[i] = false;
  }
  bool has(std::uint64_t page) const { return page < flags_.size() && flags_[page]; }
  std::uint64_t size() const { return flags_.size(); }
  std::uint64_t count() const {
    return static_cast<std::uint64_t>(std::count(flags_.begin(), flags_.end(), true));
  }

 private:
  std::vector<bool> flags_;
};

// What a boot came to at the hand-over, page by page.
struct Outcome {
  Pages memory;    // whole pages of regions that may be mapped
  Pages released;  // what the page allocator got
  Pages reserved;  // pages that a reservation or an allocation touches
  Pages lost;      // what bootmem says that it did not look at
  Pages bitmaps;
  std::uint64_t lost_count = 0;
  bool is_released_once = true;
};

// Tells an outcome what the page allocator gets.
struct Listener : buddy::NoObserver {
  Outcome* outcome;
  explicit Listener(Outcome* to) noexcept : outcome{to} {}
  void released(PfnRange pages) noexcept {
    outcome->is_released_once = outcome->released.add(pages) && outcome->is_released_once;
  }
};

template <Geometry G>
void read(memory::EarlySystem& early, Outcome& outcome) {
  for (const auto& memory : early.memblock().memory_ranges())
    outcome.memory.add(PfnRange::inside(memory.range, G.page_size()));
  for (const auto& region : early.memblock().reserved().view())
    outcome.reserved.add(PfnRange::covering(region.range(), G.page_size()));
  if (early.bootmem() == nullptr) return;
  for (const auto& node : early.bootmem()->nodes()) {
    outcome.bitmaps.add({*node.map_at, *node.map_at + early.bootmem()->bootmap_pages(node.pages.size())});
    outcome.lost.add(early.bootmem()->never_seen(node));
  }
}

template <Geometry G>
Outcome boot(const lnx::MachineDescription& description, Mode mode, boot::EarlyChoice choice) {
  using System = memory::PageSystem<G, hosted::PagedHost, Listener>;
  const boot::Machine machine = description.machine();
  hosted::VirtualArena arena{std::size_t{1} << 32};
  hosted::PagedRam ram{std::span{&hosted::kEverything, 1}, G.page_size(), Bytes{std::uint64_t{16} << 30}};
  lnx::LinuxAllocations allocations{description.kernel};
  Outcome outcome;
  memory::EarlyConfig config{.early = choice, .bitmap_map = hosted::direct_map_of(ram)};
  config.bootmem_observer = {&outcome, [](void* self, const early::Event& event) noexcept {
                               Pages& reserved = static_cast<Outcome*>(self)->reserved;
                               if (event.action == early::Action::alloc)
                                 reserved.add(PfnRange::covering(event.range, G.page_size()));
                               if (event.action == early::Action::free)
                                 reserved.remove(PfnRange::inside(event.range, G.page_size()));
                             }};
  if (mode == Mode::native)
    config.direct_map = hosted::direct_map_of(ram);
  else
    config.hooks = allocations.hooks();
  const auto early = memory::EarlySystem::make(machine, arena.arena(), config);
  EXPECT_TRUE(early);
  const auto metadata = mode == Mode::native ? memory::metadata_in_ram(*early.value())
                                             : memory::metadata_outside(arena.arena());
  System system{*early.value(), hosted::PagedHost{ram}, metadata, {}, Listener{&outcome}};
  EXPECT_TRUE(early.value()->run_flow()) << early.value()->state().failure.step;
  EXPECT_TRUE(early.value()->cut_zones());
  EXPECT_TRUE(system.describe_pages());
  EXPECT_EQ(early.value()->bootmem() != nullptr, choice == boot::EarlyChoice::bootmem);
  if (early.value()->bootmem() != nullptr) {
    EXPECT_FALSE(early.value()->bootmem()->audit());
  }
  EXPECT_TRUE(system.hand_over());
  EXPECT_FALSE(system.allocator().audit());
  EXPECT_FALSE(early.value()->memblock().audit());
  outcome.lost_count = system.counts().from_bootmem.counts.lost.raw;
  read<G>(*early.value(), outcome);
  return outcome;
}

// Each page of memory is released, reserved or lost, and only a bitmap's are two of them: reserved, then released.
void expect_that_each_page_is_somewhere(const Outcome& outcome) {
  EXPECT_TRUE(outcome.is_released_once);
  std::uint64_t lost = 0;
  for (std::uint64_t page = 0; page < outcome.memory.size(); ++page) {
    if (!outcome.memory.has(page)) {
      ASSERT_FALSE(outcome.released.has(page)) << "no memory: page " << page;
      continue;
    }
    const bool is_released = outcome.released.has(page), is_reserved = outcome.reserved.has(page);
    if (outcome.bitmaps.has(page)) {
      ASSERT_TRUE(is_released && is_reserved) << "of a bitmap: page " << page;
    } else if (outcome.lost.has(page)) {
      ASSERT_FALSE(is_released) << "lost: page " << page;
      lost += is_reserved ? 0 : 1;
    } else {
      ASSERT_NE(is_released, is_reserved) << "page " << page;
    }
  }
  EXPECT_EQ(lost, outcome.lost_count);
}

void expect_the_same_ram(const std::string& machine, Mode mode) {
  SCOPED_TRACE(machine + (mode == Mode::native ? ", native" : ""));
  const auto description = lnx::describe(machine);
  ASSERT_TRUE(description);
  const bool is_known = with_geometry(description->kernel.geometry, [&]<Geometry G>() {
    const Outcome memblock = boot<G>(*description, mode, boot::EarlyChoice::memblock);
    const Outcome bootmem = boot<G>(*description, mode, boot::EarlyChoice::bootmem);
    expect_that_each_page_is_somewhere(memblock);
    expect_that_each_page_is_somewhere(bootmem);
    EXPECT_EQ(memblock.memory.count(), bootmem.memory.count());
    EXPECT_EQ(memblock.lost_count, 0u);
    EXPECT_GT(bootmem.bitmaps.count(), 0u);
    EXPECT_GT(memblock.released.count(), memblock.memory.count() / 2);
    EXPECT_GT(bootmem.released.count(), bootmem.memory.count() / 2);
  });
  EXPECT_TRUE(is_known);
}

TEST(EarlyAllocators, both_give_away_or_keep_each_page_of_the_built_in_machines) {
  for (const auto& builtin : lnx::builtins())
    for (const Mode mode : {Mode::linux_mode, Mode::native})
      expect_the_same_ram(std::string{builtin.name}, mode);
}

// Odd ends, holes, several nodes and high memory.
TEST(EarlyAllocators, both_give_away_or_keep_each_page_of_crooked_machines) {
  for (const char* const name :
       {"x86-q35-odd-size", "x86-e820-unaligned", "x86-numa4-uneven", "x86-numa4-memoryless",
        "arm64-banks-unaligned", "arm64-numa-interleave", "arm64-rsv-many", "armhf-banks-odd-end",
        "armhf-rsv-highmem", "armhf-lpae-2g"})
    expect_the_same_ram(std::string{QUARRY_CORPUS "/"} + name, Mode::linux_mode);
}

}  // namespace
}  // namespace quarry
