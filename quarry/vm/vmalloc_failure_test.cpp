// Every allocation that vmalloc, vmap and ioremap make is refused once: nothing may be left behind.
#include "quarry/vm/vmalloc_machine_test.hpp"

namespace quarry::vm {
namespace {

// Calls `attempt` with the first, second, third ... call for frames refused, until none is, and once with no record.
//
// Returns   how many calls could be refused.
template <class Attempt>
std::uint64_t refuse_each(VmallocMachine& machine, Attempt attempt, std::uint64_t pages) noexcept {
  const auto before = machine.held();
  machine.records.may_take = 0;
  const Result<VirtAddr> unrecorded = attempt();
  expect(!unrecorded && unrecorded.error() == Error::no_memory);
  machine.records.may_take = UINT64_MAX;
  expect(machine.held() == before);
  for (std::uint64_t nth = 1;; ++nth) {
    machine.frames.fail_call = machine.frames.calls + nth;
    const Result<VirtAddr> got = attempt();
    const bool was_refused = machine.frames.calls >= machine.frames.fail_call;
    machine.frames.fail_call = 0;
    if (got) machine.use(got, pages);
    // A huge block that is refused is made of frames.
    if (got && !was_refused) return nth - 1;
    if (got) return nth;
    expect(got.error() == Error::no_memory);
    expect(machine.held() == before);
    expect(machine.is_sound());
  }
}

TEST(memory_that_fails_at_any_page_leaves_nothing_behind) {
  VmallocMachine machine;
  // 9 frames, a page for the list of the last 5, and three tables.
  const auto calls =
      refuse_each(machine, [&]() noexcept { return machine.vm.vmalloc({.size = pages_of(9)}); }, 9);
  expect_equal(calls, 9u + 1 + 3);
  expect_equal(machine.processor.told, 0u);  // what fails before the first entry tells nobody
}

TEST(memory_whose_tables_fail_half_way_is_unmapped_and_told) {
  VmallocMachine machine;
  // The area lies across two tables, and its frames are apart: the second table is missed when the first pages are mapped.
  const VirtAddr before = machine.vm.vmap(std::array<Pfn, 1>{Pfn{1}}, {}).value();
  std::array<Pfn, 506> many{};
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = Pfn{100 + 2 * i};
  expect(bool{machine.vm.vmap(many, {})});
  constexpr std::array<Pfn, 6> apart{Pfn{9}, Pfn{20}, Pfn{11}, Pfn{30}, Pfn{13}, Pfn{40}};
  const auto calls = refuse_each(machine, [&]() noexcept { return machine.vm.vmap(apart, {}); }, 6);
  expect_equal(calls, 1u);
  expect_equal(machine.processor.told, 1u);
  expect(bool{machine.tree.lookup(before)});
  expect(machine.is_sound());
}

TEST(devices_whose_tables_fail_leave_nothing_behind) {
  VmallocMachine machine;
  const auto attempt = [&]() noexcept { return machine.vm.ioremap(phys(0xe000'0000, kHugePage + 4096)); };
  expect_equal(refuse_each(machine, attempt, 1), 3u);
}

TEST(a_huge_block_that_is_refused_is_made_of_frames_or_refused_itself) {
  VmallocMachine machine;
  const auto before = machine.held();
  machine.frames.fail_call = machine.frames.calls + 1;
  const Result<VirtAddr> got = machine.vm.vmalloc({.size = Bytes{kHugePage}});
  expect(!got && got.error() == Error::no_memory);  // there are not so many
  expect(machine.held() == before);
  for (std::uint64_t nth = 2; nth <= 3; ++nth) {
    machine.frames.fail_call = machine.frames.calls + nth;
    expect(!machine.vm.vmalloc({.size = Bytes{kHugePage}}));
    expect(machine.held() == before);
  }
  machine.frames.fail_call = 0;
  machine.use(machine.vm.vmalloc({.size = Bytes{kHugePage}}), 512);
}

TEST(a_failure_is_tried_again_when_the_backlog_had_something) {
  VmallocMachine machine;
  const VirtAddr old = machine.use(machine.vm.vmalloc({.size = pages_of(3)}), 3);
  expect(bool{machine.vm.vfree(old)});
  machine.frames.fail_call = machine.frames.calls + 2;
  expect_equal(machine.use(machine.vm.vmalloc({.size = pages_of(3)}), 3), old);
  expect_equal(machine.vm.stats().areas.retired, 0u);
}

}  // namespace
}  // namespace quarry::vm
