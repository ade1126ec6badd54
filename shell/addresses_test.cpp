#include "tests/shell_machine.hpp"

namespace quarry::shell {

using namespace testing;

TEST(a_machine_without_page_tables_says_so) {
  const TextView lines[] = {"vmalloc 8192", "vfree 0xffffc90000000000",
                            "vmap 0x180",   "ioremap 0xfed00000 1K",
                            "vmallocinfo",  "translate 0",
                            "purge",        "held",
                            "audit"};
  const Memory memory = granted.memory();
  on_small_machine(
      lines, &memory, [](Shell& shell, Script& script, std::uint64_t free, std::uint64_t before) {
        expect_equal(count_of(script.complaints.view(), "there are no page tables for this machine here\n"),
                     7u);
        expect(script.page.view() == TextView{"nothing\nevery law holds\n"});
        expect(!shell.has_bad_lines() && !shell.has_findings());
        expect_equal(free, before);
      });
}

TEST(a_request_for_addresses_that_makes_no_sense_is_refused_before_anything_is_mapped) {
  const TextView lines[] = {
      "vmalloc 0",     "vmalloc many", "vzalloc 4096 fast", "ioremap 0xfed00000 0", "ioremap 0x100000 4096",
      "vmap 0x7ffffff"};
  const Memory memory = granted.memory();
  on_small_machine(lines, &memory, [](Shell& shell, Script& script, std::uint64_t, std::uint64_t) {
    const TextView said = script.complaints.view();
    expect(has(said, "BYTES 0: there would be nothing to show\n"));
    expect(has(said, "BYTES many: expected a number"));
    expect(has(said, "fast: expected node= or nohuge\n"));
    expect(has(said, "BYTES 0: expected some, up to the end of physical memory\n"));
    expect(has(said, "0x100000: that is RAM; 'vmap' shows its pages\n"));
    expect(has(said, "0x7ffffff: there is no such page\n"));
    expect_equal(lines_of(said), 6u);
    expect(shell.has_bad_lines());
  });
}

}  // namespace quarry::shell
