#include "shell/shell.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/memory/bring_up.hpp"
#include "quarry/memory/metadata.hpp"
#include "shell/stage.hpp"
#include "tests/granted.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::shell {
namespace {

constexpr PageSize k4K{12};

// Four megabytes of this program that stand for a machine's RAM from 1 MiB up.
struct Ram {
  static constexpr std::uint64_t kBase = 1u << 20;
  alignas(4096) std::byte bytes[4u << 20];

  std::byte* at(PhysRange range) noexcept {
    if (range.empty() || range.begin().raw < kBase || kBase + sizeof bytes < range.end().raw) return nullptr;
    return bytes + static_cast<std::size_t>(range.begin().raw - kBase);
  }
};

struct Platform {
  static constexpr auto kFeatures = port::Feature::none;
  Ram* ram;
  std::byte* map(PfnRange pages) const noexcept {
    return ram->at({k4K.address_of(pages.begin()), k4K.address_of(pages.end())});
  }
  Result<Pfn> pfn_of(const void* pointer) const noexcept {
    const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(pointer) - ram->bytes);
    if (offset >= sizeof ram->bytes) return Error::out_of_range;
    return k4K.pfn_down(PhysAddr{Ram::kBase + offset});
  }
};

using System = memory::PageSystem<k4KSparse, Platform, StepWatcher>;

class SmallMachine final : public Stage<System, Platform> {
 public:
  using Stage<System, Platform>::Stage;
  std::uint64_t free_pages_in_all() const noexcept {
    std::uint64_t free = 0;
    for (std::uint32_t zone = 0; zone < early().layout().zones.size(); ++zone)
      if (early().layout().zones[zone].is_populated())
        free += stats(zone).free.raw + stats(zone).on_cores.raw;
    return free;
  }
  // The shell's notes out of the machine's own pages.
  Memory own_pages() noexcept {
    return {this,
            [](void* self, std::size_t bytes) noexcept -> std::byte* {
              auto& me = *static_cast<SmallMachine*>(self);
              const auto page = me.alloc_pages(order_of(bytes), {.urgency = buddy::Urgency::unlimited});
              return page ? me.memory_of({page.value(), page.value() + order_of(bytes).pages()}) : nullptr;
            },
            [](void* self, std::byte* memory, std::size_t bytes) noexcept {
              auto& me = *static_cast<SmallMachine*>(self);
              const auto page = Platform{me.ram}.pfn_of(memory);
              check(page && me.free_pages(page.value(), order_of(bytes)), "a page of the shell's");
            }};
  }
  Ram* ram = nullptr;

 private:
  static Order order_of(std::size_t bytes) noexcept {
    unsigned order = 0;
    while ((std::size_t{4096} << order) < bytes) ++order;
    return Order{order};
  }
};

constinit Ram ram{};
constinit std::byte tables[256u << 10] = {};
constinit Granted<64u << 10> granted;

struct Bench {
  firmware::MapEntry map[2] = {{PhysAddr{Ram::kBase}, Bytes{sizeof ram.bytes}, firmware::MapType::usable},
                               {PhysAddr{0xf0000}, Bytes{0x10000}, firmware::MapType::reserved}};
  boot::Machine machine;
  Arena arena{tables};
  memory::EarlySystem* early = nullptr;

  Bench() noexcept {
    __builtin_memset(ram.bytes, 0, sizeof ram.bytes), __builtin_memset(tables, 0, sizeof tables);
    machine.arch = boot::Arch::x86_64;
    machine.geometry = k4KSparse;
    machine.map = map;
    machine.limits.real_mode_size = Bytes{0};
    memory::EarlyConfig config;
    config.direct_map = {
        &ram, [](void* self, PhysRange range) noexcept { return static_cast<Ram*>(self)->at(range); }};
    early = memory::EarlySystem::make(machine, arena, config).value();
  }
};

// Lines from an array; what is said and what is complained of, each kept.
struct Script final : Console {
  std::span<const TextView> lines;
  test::Page<32u << 10>* said;
  test::Page<8u << 10> complaints;

  explicit Script(std::span<const TextView> script) noexcept : lines{script}, said{&page} {
    page.size = 0, page.cut = false;
  }
  std::optional<TextView> next() noexcept override {
    if (lines.empty()) return std::nullopt;
    const TextView line = lines.front();
    lines = lines.subspan(1);
    return line;
  }
  void write(TextView text) noexcept override { said->sink().put(text); }
  void complain(TextView text) noexcept override { complaints.sink().put(text); }
  Style style() const noexcept override { return {.colour = false, .unicode = false, .width = 80}; }

  static test::Page<32u << 10> page;
};
constinit test::Page<32u << 10> Script::page = {};

bool has(TextView text, TextView wanted) noexcept {
  for (std::size_t at = 0; at + wanted.size() <= text.size(); ++at)
    if (text.part(at, wanted.size()) == wanted) return true;
  return false;
}
std::size_t lines_of(TextView text) noexcept {
  std::size_t lines = 0;
  for (const char c : text)
    if (c == '\n') ++lines;
  return lines;
}

// Runs the lines on a machine that has just booted, with what it grants or with other memory.
template <std::size_t N, class Look>
void on_small_machine(const TextView (&lines)[N], const Memory* memory, Look look) noexcept {
  Bench bench;
  StepTeller teller;
  StepWatcher watcher;
  watcher.to = &teller;
  System system{*bench.early, Platform{&ram}, memory::metadata_in_ram(*bench.early), {}, watcher};
  memory::Stage reached = memory::Stage::early;
  expect(static_cast<bool>(memory::bring_up(*bench.early, system, reached)));
  SmallMachine machine{*bench.early, system, Platform{&ram}};
  machine.ram = &ram;
  const std::uint64_t before = machine.free_pages_in_all();
  Script script{lines};
  {
    Shell shell{machine, script, teller, memory == nullptr ? machine.own_pages() : *memory};
    shell.run();
    look(shell, script, machine.free_pages_in_all(), before);
  }
  machine.drain(std::nullopt);
  expect(!machine.audit());
}

}  // namespace

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
    expect(has(script.page.view(), "  128 bytes can be used\n"));
    expect(has(script.page.view(), "\n9 blocks taken back\nevery law holds\npolicy linux: "));
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
  const TextView lines[] = {"alloc_pages 0",  "alloc_bulk 3", "alloc_exact 2", "kmalloc 10",
                            "buddyinfo",      "meminfo",      "iomem",         "held",
                            "alloc_pages 10", "why",          "audit"};
  const Memory nothing{nullptr, [](void*, std::size_t) noexcept -> std::byte* { return nullptr; },
                       [](void*, std::byte*, std::size_t) noexcept {}};
  on_small_machine(
      lines, &nothing, [](Shell& shell, Script& script, std::uint64_t free, std::uint64_t before) {
        expect_equal(free, before);
        expect(script.page.view() == TextView{"nothing\nnothing was refused yet\nevery law holds\n"});
        expect_equal(lines_of(script.complaints.view()), 8u);
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
                            "kfree 4096",
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
  expect_equal(offered("help", "alloc_p"), 1u);
  expect_equal(offered("alloc_pages 4", "zone="), 5u);
  expect_equal(offered("alloc_pages", "zone="), 0u);
  expect_equal(offered("alloc_range 0 512", "m"), 1u);
  expect_equal(offered("step", "o"), 2u);
}

}  // namespace quarry::shell
