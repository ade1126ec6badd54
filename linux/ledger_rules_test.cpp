// The ledger's names and rules: what events are called, what options decide, and that docs/ledger.md lists every bucket.
#include "linux/ledger_rules.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace quarry::lnx {
namespace {

using early::Action;
using early::Event;

TEST(LedgerRules, a_rule_is_the_function_the_step_and_the_option) {
  const Occasion crash{boot::Arch::x86_64, "reserve_crashkernel", "quiet crashkernel=256M root=/dev/sda"};
  const Claim reserved = claim_of({.action = Action::alloc, .owner = "crashkernel"}, crash);
  EXPECT_EQ(reserved.owner, "crashkernel");
  EXPECT_EQ(reserved.rule, "memblock_phys_alloc_range in reserve_crashkernel, crashkernel=256M");
  const Occasion hashes{boot::Arch::x86_64, "vfs_caches_init_early", ""};
  EXPECT_EQ(claim_of({.action = Action::alloc, .owner = "dentry hash table"}, hashes).rule,
            "alloc_large_system_hash in vfs_caches_init_early");
  const Occasion brk{boot::Arch::x86_64, "reserve_brk", ""};
  EXPECT_EQ(claim_of({.action = Action::reserve, .owner = "kernel brk"}, brk).rule, "reserve_brk");
}

TEST(LedgerRules, the_function_depends_on_step_and_architecture) {
  const auto rule = [](boot::Arch arch, std::string_view step) {
    return claim_of({.action = Action::alloc, .owner = "page tables"}, {arch, step, ""}).rule;
  };
  EXPECT_EQ(rule(boot::Arch::x86_64, "init_mem_mapping"), "alloc_low_pages in init_mem_mapping");
  EXPECT_EQ(rule(boot::Arch::arm64, "paging_init"), "early_pgtable_alloc in paging_init");
  EXPECT_EQ(rule(boot::Arch::arm, "paging_init"), "early_alloc in paging_init");
}

TEST(LedgerRules, what_nobody_knows_has_memblocks_own_function) {
  const Occasion occasion{boot::Arch::arm64, "early_init_fdt_scan_reserved_mem", ""};
  EXPECT_EQ(claim_of({.action = Action::reserve, .owner = "pool@9000"}, occasion).rule,
            "memblock_reserve in early_init_fdt_scan_reserved_mem");
  EXPECT_EQ(claim_of({.action = Action::reserve}, occasion).owner, "unnamed");
  EXPECT_EQ(claim_of({.action = Action::grow, .owner = "reserved"}, occasion).owner, "memblock tables");
  const Claim hidden = claim_of({.action = Action::mark, .flags = early::Flags::nomap}, occasion);
  EXPECT_EQ(hidden.owner, "no-map");
  EXPECT_EQ(hidden.rule, "memblock_mark_nomap in early_init_fdt_scan_reserved_mem");
  const Occasion tables{boot::Arch::x86_64, "acpi_boot_table_init", ""};
  EXPECT_EQ(claim_of({.action = Action::reserve, .owner = "DSDT"}, tables).owner, "ACPI table DSDT");
}

TEST(LedgerRules, memory_taken_out_says_by_whose_wish) {
  const Event cap{.action = Action::remove, .owner = "memblock_cap_memory_range"};
  const Claim told = claim_of(cap, {boot::Arch::arm64, "arm64_memblock_init", "mem=1G"});
  EXPECT_EQ(told.owner, "taken out again, mem=1G");
  EXPECT_EQ(told.rule, "memblock_cap_memory_range in arm64_memblock_init, mem=1G");
  EXPECT_EQ(claim_of(cap, {boot::Arch::arm64, "early_init_dt_scan_nodes", "mem=1G"}).owner,
            "taken out again, linux,usable-memory-range");
  const Event trim{.action = Action::remove, .owner = "memblock_trim_memory"};
  EXPECT_EQ(claim_of(trim, {boot::Arch::x86_64, "e820__memblock_setup", "mem=1G"}).owner, "taken out again");
}

TEST(LedgerRules, options_are_those_with_a_value_and_no_more_than_two) {
  EXPECT_EQ(options_in("mem quiet memmap=1M$2M mem=4G", {"mem", "memmap"}), "memmap=1M$2M, mem=4G");
  EXPECT_EQ(options_in("mem=1M mem=2M mem=3M", {"mem"}), "mem=1M, mem=2M, ...");
  EXPECT_EQ(options_in("quiet", {"mem"}), "");
}

TEST(LedgerRules, each_bucket_has_a_name_of_its_own_and_words) {
  std::set<std::string_view> names;
  for (const Bucket& bucket : buckets()) {
    EXPECT_TRUE(names.insert(bucket.owner).second) << bucket.owner;
    EXPECT_FALSE(bucket.about.empty()) << bucket.owner;
    EXPECT_EQ(bucket_of(bucket.owner), &bucket);
    EXPECT_EQ(bucket.owner.ends_with(", given back"), !bucket.back.empty() && bucket.owner != Ledger::kFree &&
                                                          !bucket.option.starts_with("cma") &&
                                                          bucket.owner != "gigantic pages")
        << bucket.owner;
  }
  EXPECT_EQ(bucket_of("kernel"), nullptr);
  EXPECT_EQ(bucket_of("never taken in, mem=4G"), bucket_of("never taken in"));
  EXPECT_NE(bucket_of("initrd, last page"), bucket_of("initrd"));
  EXPECT_EQ(bucket_of("free, as a node may be called"), nullptr);
  ASSERT_NE(bucket_of("CMA area linux,cma"), nullptr);
  EXPECT_EQ(bucket_of("CMA area linux,cma")->owner, "CMA area *");
}

std::string row_of(const Bucket& bucket) {
  const auto code = [](std::string_view word) {
    return word.empty() ? std::string{} : fmt::format("`{}`", word);
  };
  const std::string option = bucket.option.empty() ? "" : fmt::format("`{}=`", bucket.option);
  return fmt::format("| {} | {} | {} | {} | {} |", bucket.owner, bucket.about, code(bucket.function), option,
                     code(bucket.back));
}

TEST(LedgerRules, the_documentation_has_a_row_for_each_bucket_and_no_other) {
  std::ifstream file{QUARRY_SOURCE "/docs/ledger.md"};
  ASSERT_TRUE(file);
  std::string expected, found, line;
  for (const Bucket& bucket : buckets()) expected += row_of(bucket) + "\n";
  bool is_in_table = false;
  while (std::getline(file, line)) {
    if (line.starts_with("| bucket |")) is_in_table = true;
    if (is_in_table && line.starts_with("| ") && !line.starts_with("| bucket |")) found += line + "\n";
  }
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace quarry::lnx
