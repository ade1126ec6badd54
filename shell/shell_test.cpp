#include "shell/shell.hpp"

#include "tests/shell_machine.hpp"

namespace quarry::shell {

using namespace testing;

TEST(a_shell_hands_out_and_takes_back) {
  const TextView lines[] = {"alloc_pages 3 reclaimable",
                            "alloc_bulk 5 movable",
                            "alloc_exact 3",
                            "held",
                            "kmalloc 100",
                            "free_all",
                            "drain",
                            "audit",
                            "policy",
                            "quit",
                            "never"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell& shell, Script& script, std::uint64_t, std::uint64_t) {
    expect(has(script.page.view(), "  order 3, 32 KiB, at 0x"));
    expect(has(script.page.view(), "5 of 5 pages, from 0x"));
    expect(has(script.page.view(), "  3 pages, each a block of its own, node 0 DMA\n"));
    expect(has(script.page.view(), "  128 bytes can be used, of kmalloc-128\n"));
    expect(has(script.page.view(), "\n9 blocks and 1 object taken back\nevery law holds\npolicy linux: "));
    expect(has(script.page.view(), "pages of 4 KiB, blocks up to order 10, pageblocks of order 9, 1 CPU\n"));
    expect(script.complaints.view().empty() && !shell.has_bad_lines() && !shell.has_findings());
  });
  expect_equal(granted.out(), 0u);
}

// Goal: the shell shows a kernel's memory to the last page out of that same memory.
// Method: all pages are taken, views and explanation are still there, all pages come back.
TEST(a_shell_lives_on_the_pages_that_it_shows) {
  const TextView lines[] = {"alloc_bulk 860 unlimited",
                            "step on",
                            "alloc_bulk 100 unlimited",
                            "why",
                            "buddyinfo",
                            "meminfo",
                            "stats",
                            "step off",
                            "free_all",
                            "drain",
                            "audit"};
  on_small_machine(lines, nullptr,
                   [](Shell& shell, Script& script, std::uint64_t free, std::uint64_t before) {
                     expect(has(script.page.view(), "860 of 860 pages, from 0x"));
                     expect(has(script.page.view(), "Node 0, zone      DMA "));
                     expect(has(script.page.view(), " blocks taken back\nevery law holds\n"));
                     expect(has(script.page.view(), ", mode:0x20cc0(GFP_KERNEL|__GFP_MEMALLOC)"));
                     expect(has(script.page.view(), "Node 0 DMA: 0 pages are free, 1 would have to be: "));
                     expect(has(script.complaints.view(), " of 100 pages were to be had; 'why' explains\n"));
                     // Notes of 900 blocks, of the zones and of a refusal, and no more.
                     expect(free < before && before - free < 40);
                     expect(!shell.has_bad_lines());
                   });
}

TEST(a_shell_without_memory_refuses_and_hands_nothing_out) {
  const TextView lines[] = {
      "alloc_pages 0",  "alloc_bulk 3", "alloc_exact 2", "kmalloc 10", "kmem_cache_create inode 600",
      "slabtop",        "buddyinfo",    "meminfo",       "iomem",      "held",
      "alloc_pages 10", "why",          "audit"};
  const Memory nothing{nullptr, [](void*, std::size_t) noexcept -> std::byte* { return nullptr; },
                       [](void*, std::byte*, std::size_t) noexcept {}};
  on_small_machine(
      lines, &nothing, [](Shell& shell, Script& script, std::uint64_t free, std::uint64_t before) {
        expect_equal(free, before);
        expect(script.page.view() == TextView{"nothing\nnothing was refused yet\nevery law holds\n"});
        expect_equal(lines_of(script.complaints.view()), 10u);
        expect(!shell.has_bad_lines());
      });
}

// The first page that a fresh machine gives is the same each time.
TEST(a_block_is_forgotten_when_it_is_taken_back) {
  const TextView first[] = {"alloc_pages 2"};
  const Memory memory = granted.memory();
  TextView page;
  on_small_machine(first, &memory, [&](Shell&, Script& script, std::uint64_t, std::uint64_t) {
    page = script.page.view().part(0, script.page.view().find(' '));
    expect(page.starts_with("0x"));
  });
  test::Page<64> free, wrong;
  free.sink().put("free_pages ").put(page);
  wrong.sink().put("free_pages ").put(page).put(" 1");
  const TextView lines[] = {"alloc_pages 2", wrong.view(), "held",  free.view(),
                            "held",          free.view(),  "drain", "audit"};
  on_small_machine(lines, &memory, [](Shell& shell, Script& script, std::uint64_t, std::uint64_t) {
    expect(has(script.page.view(), "  order 2, node 0 DMA, unmovable\nnothing\nevery law holds\n"));
    expect(has(script.complaints.view(), ": wrong order\n"));
    expect(has(script.complaints.view(), ": not handed out here; say the ORDER too\n") &&
           shell.has_bad_lines());
  });
}

TEST(steps_are_told_as_they_happen) {
  const TextView lines[] = {"step on", "alloc_pages 4 reclaimable", "alloc_pages 4 reclaimable", "free_all"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell&, Script& script, std::uint64_t, std::uint64_t) {
    expect(has(script.page.view(), "  split  5 -> 4  |"));
    expect(has(script.page.view(), "  hand out 0x"));
    expect(has(script.page.view(), "  take back 0x"));
    expect(has(script.page.view(), "  merge  4 -> 5  |"));
  });
}

// Goal: what a machine does not have is refused, and no line stops the shell.
TEST(every_command_is_refused_or_answered_by_a_machine_that_has_nothing) {
  struct Bare final : Machine {
    explicit Bare(const memory::EarlySystem& early) noexcept : Machine{early} {}
  };
  const TextView lines[] = {"alloc_pages 3",
                            "free_pages 1 0",
                            "alloc_bulk 4",
                            "alloc_exact 4",
                            "free_exact 1 2",
                            "free_all",
                            "held",
                            "kmalloc 5",
                            "kzalloc 5",
                            "krealloc 4096 5",
                            "kfree 4096",
                            "ksize 4096",
                            "kmem_cache_create none 64",
                            "kmem_cache_destroy none",
                            "kmem_cache_alloc none",
                            "kmem_cache_free none",
                            "kmem_cache_free 4096",
                            "kmem_cache_shrink",
                            "slabtop",
                            "drain",
                            "drain 0",
                            "cpu 0",
                            "isolate 0 512",
                            "undo_isolation 0 512",
                            "alloc_range 0 5",
                            "free_range 0 5",
                            "cma",
                            "cma_alloc 0 5",
                            "cma_release 0 0 5",
                            "step",
                            "step off",
                            "why",
                            "page 5",
                            "buddyinfo",
                            "pagetypeinfo",
                            "zoneinfo",
                            "slabinfo",
                            "extfrag",
                            "unusable",
                            "meminfo",
                            "memblock",
                            "iomem",
                            "stats",
                            "policy",
                            "audit",
                            "help",
                            "help step",
                            "nonsense",
                            "alloc_pages 99",
                            "cpu 7",
                            "policy now",
                            "quit"};
  Bench bench;
  expect(bench.early->run_flow() && bench.early->cut_zones());
  Bare machine{*bench.early};
  StepTeller teller;
  Script script{lines};
  {
    Shell shell{machine, script, teller, granted.memory()};
    shell.run();
    expect(shell.has_bad_lines() && !shell.has_findings());
  }
  expect(script.lines.empty() && !script.page.cut && !script.complaints.cut);
  expect(has(script.complaints.view(), "nonsense: there is no such command; 'help' lists them\n"));
  expect(has(script.complaints.view(),
             "ORDER 99: expected 0 to 10\nCPU 7: expected 0 to 0\npolicy: expected nothing behind it\n"));
  expect(has(script.page.view(), "  free_pages PFN [ORDER]               take a block back\n"));
  expect_equal(granted.out(), 0u);
}

TEST(words_are_completed_where_they_fit) {
  struct Count {
    unsigned words = 0;
  };
  const auto offered = [](TextView before, TextView begin) noexcept {
    Count count;
    Shell::complete(Words{before}, begin,
                    {&count, [](void* self, TextView) noexcept { ++static_cast<Count*>(self)->words; }});
    return count.words;
  };
  expect_equal(offered("", "alloc_"), 4u);
  expect_equal(offered("", "kmem_cache_"), 5u);
  expect_equal(offered("kmem_cache_create inode 600", ""), 7u);
  expect_equal(offered("help", "alloc_p"), 1u);
  expect_equal(offered("alloc_pages 4", "zone="), 5u);
  expect_equal(offered("alloc_pages", "zone="), 0u);
  expect_equal(offered("alloc_range 0 512", "m"), 1u);
  expect_equal(offered("step", "o"), 2u);
}

}  // namespace quarry::shell
