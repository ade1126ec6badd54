#include "shell/shell.hpp"
#include "tests/shell_machine.hpp"

namespace quarry::shell {

using namespace testing;

namespace {

// The word behind the n-th `before`, counted from 1, in what was said: an address, mostly.
TextView word_after(TextView said, TextView before, unsigned n) noexcept {
  for (std::size_t at = 0; at + before.size() <= said.size(); ++at)
    if (said.part(at, before.size()) == before && --n == 0) {
      const TextView rest = said.part(at + before.size());
      return rest.part(0, rest.find(' '));
    }
  return {};
}

// The same words on the same machine hand out the same addresses: what one shell is told the next can name.
struct Address {
  test::Page<64> text;

  template <std::size_t N>
  explicit Address(const TextView (&lines)[N], unsigned n) noexcept {
    const Memory memory = granted.memory();
    on_small_machine(lines, &memory, [&](Shell&, Script& script, std::uint64_t, std::uint64_t) {
      text.sink().put(word_after(script.page.view(), "0x", n));
    });
    expect(text.size != 0);
  }
};

struct CommandLine : test::Page<128> {
  CommandLine(TextView command, const Address& address, TextView rest = {}) noexcept {
    sink().put(command).put(" 0x").put(address.text.view()).put(rest);
  }
};

}  // namespace

TEST(a_cache_is_made_used_and_unmade) {
  const TextView lines[] = {"kmem_cache_create inode 600 align=16 hwcache_align reclaim",
                            "kmem_cache_alloc inode 40",
                            "held",
                            "slabinfo",
                            "kmem_cache_free inode",
                            "held",
                            "kmem_cache_destroy inode",
                            "slabinfo",
                            "audit"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell& shell, Script& script, std::uint64_t, std::uint64_t) {
    const TextView said = script.page.view();
    expect(has(said, "inode: 600 bytes, one every 640, aligned to 64; 12 to a slab of 8 KiB\n"));
    expect(has(said, "40 of 40 objects of inode, from 0x"));
    expect(has(said, "  600 bytes of inode\n"));
    expect(has(said, "\ninode                 "));
    expect(has(said, "40 objects taken back\nnothing\nslabinfo"));
    expect(has(said, "every law holds\n"));
    expect(script.complaints.view().empty() && !shell.has_bad_lines());
    expect_equal(count_of(said, "\ninode  "), 1u);  // of the two tables the first has it
  });
  expect_equal(granted.out(), 0u);
}

TEST(a_cache_like_another_becomes_one_with_it) {
  const TextView lines[] = {"kmem_cache_create first 200",
                            "kmem_cache_create second 196",
                            "kmem_cache_create third 200 nomerge",
                            "kmem_cache_alloc second",
                            "kmem_cache_destroy first",
                            "kmem_cache_alloc first",
                            "kmem_cache_destroy second",
                            "kmem_cache_free second",
                            "kmem_cache_destroy second",
                            "kmem_cache_destroy third",
                            "audit"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell&, Script& script, std::uint64_t, std::uint64_t) {
    const TextView said = script.page.view(), refused = script.complaints.view();
    expect(has(said, "second: merged into first, which now serves 2 creations; 200 bytes, "));
    expect(has(said, "\nthird: 200 bytes, "));
    expect(has(said, "first leaves; first stays for 1 other\n"));
    // It still goes by the name that left, which is no name of this shell's any more but the cache's own.
    expect(has(refused, "second: 2 objects are in use, in 1 slab; the cache lives on\n"));
    expect(has(said, "2 objects taken back\nevery law holds\n"));
    expect_equal(lines_of(refused), 1u);
  });
  expect_equal(granted.out(), 0u);
}

// Goal: nothing that a person types as an address does harm.
// Method: an object freed twice, one of another cache, an address inside one, no object at all.
TEST(an_address_that_is_no_object_is_refused) {
  const TextView first[] = {"kmem_cache_create inode 600", "kmem_cache_alloc inode", "kmalloc 100"};
  const Address object{first, 1}, other{first, 2};
  const CommandLine free_it{"kmem_cache_free", object}, free_twice{"kfree", object},
      foreign{"kmem_cache_free inode", other}, inside{"kfree", other, "0"}, size{"ksize", object},
      grow{"krealloc", object, " 700"};
  const TextView lines[] = {first[0],
                            first[1],
                            first[2],
                            free_it.view(),
                            free_twice.view(),
                            foreign.view(),
                            inside.view(),
                            size.view(),
                            grow.view(),
                            "kfree 0x100000",
                            "kfree 0x7ffffffff000",
                            "kmem_cache_free 0x100008 0x100010",
                            "audit"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell& shell, Script& script, std::uint64_t, std::uint64_t) {
    const TextView refused = script.complaints.view();
    expect(has(refused, ": freed already, or never handed out: of inode\n"));
    expect(has(refused, ": of kmalloc-128, not of inode\n"));
    expect(has(refused, ": it lies outside of memory\n"));
    expect_equal(lines_of(refused), 9u);
    expect(has(script.page.view(), "every law holds\n") && !shell.has_bad_lines());
  });
  expect_equal(granted.out(), 0u);
}

TEST(memory_grows_and_moves_with_what_is_known_of_it) {
  const TextView first[] = {"kmalloc 100"};
  const Address object{first, 1};
  const CommandLine stay{"krealloc", object, " 120"}, move{"krealloc", object, " 9000"},
      gone{"ksize", object};
  const TextView lines[] = {first[0],    stay.view(), move.view(),
                            gone.view(), "held",      "kzalloc 50 reclaimable",
                            "meminfo",   "free_all",  "held"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell&, Script& script, std::uint64_t, std::uint64_t) {
    const TextView said = script.page.view();
    expect(has(said, "128 bytes can be used, of kmalloc-128\n0x"));
    expect(has(said, "moved from 0x"));
    expect(has(said, "  16384 bytes can be used, a block of pages\n"));
    expect(has(said, "  9000 bytes by kmalloc\n"));
    expect(has(said, "64 bytes can be used, of kmalloc-rcl-64\n"));
    expect(has(said, "\nSReclaimable:          4 kB\n"));
    expect(has(said, "\n0 blocks and 2 objects taken back\nnothing\n"));
    expect(has(script.complaints.view(), ": freed already, or never handed out: of kmalloc-128\n"));
  });
  expect_equal(granted.out(), 0u);
}

// The machine outlives the shell, and so do caches that it does not know to be the shell's.
TEST(a_shell_that_ends_takes_its_caches_along) {
  const TextView lines[] = {"kmem_cache_create a 72", "kmem_cache_create b 72", "kmem_cache_destroy a",
                            "kmem_cache_alloc b 300", "kmem_cache_create c 5000 dma"};
  on_small_machine(lines, nullptr, [](Shell&, Script& script, std::uint64_t free, std::uint64_t before) {
    expect(script.complaints.view().empty());
    expect(free < before);
  });
}

TEST(slabtop_puts_the_largest_cache_first) {
  const TextView lines[] = {"kmem_cache_create tiny 8", "kmem_cache_alloc tiny 3000", "slabtop", "slabtop 2",
                            "slabtop 0"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell& shell, Script& script, std::uint64_t, std::uint64_t) {
    const TextView said = script.page.view();
    expect_equal(count_of(said, " Active / Total Objects (% used)    : "), 2u);
    expect(has(said, "CACHE SIZE NAME\n  3072   30"));
    // Nobody looks at a terminal: nothing is drawn twice, and nothing is moved.
    expect(!has(said, "\033"));
    expect(has(script.complaints.view(), "ROUNDS 0: expected 1 or more\n") && shell.has_bad_lines());
  });
  expect_equal(granted.out(), 0u);
}

// Goal: a live view leaves the machine as it found it.
// Method: a person watches for as many pictures as there are keys not pressed.
TEST(a_live_view_redraws_until_a_key_is_pressed) {
  const TextView lines[] = {"kmem_cache_create mine 100", "slabtop", "slabtop 3", "held", "audit"};
  const Memory memory = granted.memory();
  on_small_machine(
      lines, &memory,
      [](Shell&, Script& script, std::uint64_t, std::uint64_t) {
        const TextView said = script.page.view();
        expect_equal(count_of(said, "\033[H"), 4u + 3u);
        expect(has(said, "\033[J0 allocations and frees so far; a key ends\033[K\n"));
        expect(has(said, "\033[?25hnothing\nevery law holds\n"));
        expect(!script.page.cut && script.complaints.view().empty());
      },
      3);
  expect_equal(granted.out(), 0u);
}

}  // namespace quarry::shell
