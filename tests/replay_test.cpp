// Logs of memblock=debug, replayed: the recorded boots in full, one small log in all its forms, and logs that are broken.
//
// Goal    every allocation that a log determines gets the kernel's address; what it does not determine is counted with
//         a reason and never compared.
// Method  dmesg.txt of each case, as `quarry replay` reads it; then one log retyped as mailers, consoles and other
//         kernels would have written it, cut at each character, and damaged on purpose.
#include "linux/replay.hpp"

#include <gtest/gtest.h>

#include <map>

#include "linux/memblock_lines.hpp"
#include "linux/replay_start.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }
Replay replay_of(std::string_view text) { return replay(read_memblock_log(bytes_of(text))); }

// An x86 machine of 2 MiB in a few lines: two configurations, allocations high, low, by node, one that fails.
constexpr std::string_view kLog = R"([    0.000000] Linux version 6.1.0-1 (x@y)
[    0.000000] Command line: memblock=debug
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x00000000001fffff] usable
[    0.001000] memblock_add: [0x0000000000001000-0x00000000001fffff] e820__memblock_setup+0x65/0x7d
[    0.001000] MEMBLOCK configuration:
[    0.001000]  memory size = 0x00000000001ff000 reserved size = 0x0000000000010000
[    0.001000]  memory.cnt  = 0x1
[    0.001000]  memory[0x0]	[0x0000000000001000-0x00000000001fffff], 0x00000000001ff000 bytes flags: 0x0
[    0.001000]  reserved.cnt  = 0x1
[    0.001000]  reserved[0x0]	[0x0000000000010000-0x000000000001ffff], 0x0000000000010000 bytes flags: 0x0
[    0.002000] memblock_phys_alloc_range: 8192 bytes align=0x1000 from=0x0000000000000000 max_addr=0x0000000000010000 reserve_real_mode+0x50/0x89
[    0.002000] memblock_reserve: [0x000000000000e000-0x000000000000ffff] memblock_alloc_range_nid+0xb0/0x13d
[    0.002000] memblock_reserve: [0x00000000001fe000-0x00000000001fffff] setup_arch+0x7d6/0xd40
[    0.003000] memblock_reserve: [0x00000000001fd000-0x00000000001fdfff] memblock_alloc_range_nid+0xb0/0x13d
[    0.003000] NODE_DATA(0) allocated [mem 0x001fd000-0x001fdfff]
[    0.003000] MEMBLOCK configuration:
[    0.003000]  memory size = 0x00000000001ff000 reserved size = 0x0000000000015000
[    0.003000]  memory.cnt  = 0x1
[    0.003000]  memory[0x0]	[0x0000000000001000-0x00000000001fffff], 0x00000000001ff000 bytes on node 0 flags: 0x0
[    0.003000]  reserved.cnt  = 0x2
[    0.003000]  reserved[0x0]	[0x000000000000e000-0x000000000001ffff], 0x0000000000012000 bytes on node 0 flags: 0x0
[    0.003000]  reserved[0x1]	[0x00000000001fd000-0x00000000001fffff], 0x0000000000003000 bytes on node 0 flags: 0x0
[    0.004000] memblock_alloc_try_nid: 100 bytes align=0x40 nid=0 from=0x0000000000000000 max_addr=0x0000000000000000 start_kernel+0x14f/0x6fc
[    0.004000] memblock_reserve: [0x00000000001fcf80-0x00000000001fcfe3] memblock_alloc_range_nid+0xb0/0x13d
[    0.004000] memblock_phys_free: [0x00000000001fcf80-0x00000000001fcfe3] setup_arch+0x1bc/0x318
[    0.004000] memblock_alloc_exact_nid_raw: 8388608 bytes align=0x1000 nid=0 from=0x0000000000000000 max_addr=0x0000000000000000 sparse_init_nid+0x11f/0x34d
[    0.004000] memblock_alloc_try_nid_raw: 4096 bytes align=0x1000 nid=-1 from=0x0000000000000000 max_addr=0x0000000000000000 pcpu_embed_first_chunk+0x69/0x70f
[    0.004000] memblock_reserve: [0x00000000001fc000-0x00000000001fcfff] memblock_alloc_range_nid+0xb0/0x13d
[    0.005000] Memory: 1024K/2044K available (1K kernel code)
[    0.005000] memblock_free_late: [0x0000000000010000-0x000000000001ffff] efi_free_boot_services+0x1/0x2
)";

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}
// Each line changed by `change`, which gets it without its end.
template <class Change>
std::string by_line(std::string_view text, Change change) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    result += change(text.substr(0, end)) + "\n";
    text.remove_prefix(end + 1);
  }
  return result;
}
std::string without_lines(std::string_view text, std::string_view with) {
  return by_line(
      text, [&](std::string_view line) { return std::string{line.find(with) == line.npos ? line : ""}; });
}

void expect_counts(const Replay& replay, std::size_t matched, std::size_t compared, std::size_t operations,
                   std::size_t skipped) {
  EXPECT_EQ(replay.total.matched, matched);
  EXPECT_EQ(replay.total.compared, compared);
  EXPECT_EQ(replay.total.operations, operations);
  EXPECT_EQ(replay.total.skipped, skipped);
}
void expect_as_the_original(const std::string& text) {
  const Replay replay = replay_of(text);
  expect_counts(replay, 4, 4, 9, 1);
  EXPECT_TRUE(replay.is_clean());
  EXPECT_EQ(replay.configurations_equal, 1u);
}
std::size_t skipped_as(const Replay& replay, SkipReason reason) {
  const auto found = replay.reasons.find(reason);
  return found == replay.reasons.end() ? 0 : found->second;
}

TEST(Replay, every_determined_allocation_of_the_recorded_boots_is_at_the_kernels_address) {
  std::map<std::string, ReplayCounts> by_machine;
  std::map<std::string, std::size_t> cases;
  std::map<SkipReason, std::size_t> reasons;
  std::size_t growths = 0, equal_growths = 0;
  for (const auto& folder : corpus::cases_with("dmesg.txt")) {
    const auto bytes = corpus::bytes_of(folder / "dmesg.txt");
    const Replay done = replay(read_memblock_log(bytes));
    ReplayCounts& sum = by_machine[done.machine];
    sum.operations += done.total.operations;
    sum.compared += done.total.compared;
    sum.matched += done.total.matched;
    sum.skipped += done.total.skipped;
    ++cases[done.machine];
    growths += done.growths;
    equal_growths += done.growths_equal;
    for (const auto& [reason, count] : done.reasons) reasons[reason] += count;
    EXPECT_TRUE(done.is_clean()) << folder;
    EXPECT_EQ(done.configurations_equal, done.configurations_compared) << folder;
    for (const auto& at : done.differences) ADD_FAILURE() << folder << ':' << at.line << ' ' << at.operation;
  }
  const auto expect = [&](const char* machine, std::size_t many, std::size_t compared, std::size_t skipped) {
    SCOPED_TRACE(machine);
    EXPECT_EQ(cases[machine], many);
    EXPECT_EQ(by_machine[machine].compared, compared);
    EXPECT_EQ(by_machine[machine].matched, compared);
    EXPECT_EQ(by_machine[machine].skipped, skipped);
  };
  EXPECT_EQ(by_machine.size(), 3u);
  expect("x86", 77, 4732, 116);
  expect("arm64", 58, 4775, 127);
  expect("arm", 39, 1513, 45);
  EXPECT_EQ(growths, 2u);
  EXPECT_EQ(equal_growths, 2u);
  const std::map<SkipReason, std::size_t> expected{{SkipReason::arguments_not_printed, 278},
                                                   {SkipReason::before_configuration, 7},
                                                   {SkipReason::limit_unknown, 1},
                                                   {SkipReason::changed_silently, 1},
                                                   {SkipReason::impossible_request, 1}};
  EXPECT_EQ(reasons, expected);
}

TEST(Replay, the_small_log_is_replayed_in_full) {
  expect_as_the_original(std::string{kLog});
  const Replay replay = replay_of(kLog);
  EXPECT_EQ(replay.machine, "x86");
  EXPECT_EQ(replay.release, "6.1.0-1");
  EXPECT_EQ(replay.kinds.at("memblock_alloc_exact_nid_raw").matched, 1u);  // the one that found nothing
  EXPECT_EQ(skipped_as(replay, SkipReason::arguments_not_printed), 1u);
}

TEST(Replay, prefixes_line_ends_and_folds_change_nothing) {
  const std::string log{kLog};
  const auto bare = by_line(log, [](std::string_view line) { return std::string{line.substr(15)}; });
  expect_as_the_original(bare);
  expect_as_the_original(replaced(log, "\n", "\r\n"));
  expect_as_the_original(by_line(
      log, [](std::string_view line) { return "Feb 14 15:05:13 host kernel: " + std::string{line}; }));
  expect_as_the_original(by_line(log, [](std::string_view line) { return "<6>" + std::string{line}; }));
  expect_as_the_original(replaced(log, "]\t[", "]   ["));
}

TEST(Replay, a_mailer_may_have_folded_lines) {
  std::string log = replaced(std::string{kLog}, " from=", "\nfrom=");
  log = replaced(log, "] memblock_alloc_range_nid", "]\nmemblock_alloc_range_nid");
  log = replaced(log, "max_addr=0x0000000000000000 ", "max_addr=0x0000000000000000\n");
  expect_as_the_original(log);
}

TEST(Replay, older_and_newer_kernels_say_the_same_in_other_words) {
  std::string old =
      replaced(std::string{kLog}, "memblock_alloc_try_nid:", "memblock_virt_alloc_try_nid_nopanic:");
  old = replaced(old, "memblock_phys_free:", "   __memblock_free_early:");
  old = replaced(old, "] setup_arch", "] flags 0x0 setup_arch");
  old = replaced(old, "] memblock_alloc_range_nid", "] flags 0x0 memblock_virt_alloc_internal");
  expect_as_the_original(old);
  std::string young = replaced(std::string{kLog}, "memblock_reserve:", "__memblock_reserve:");
  young = replaced(young, "] memblock_alloc_range_nid", "] nid=-1 flags=20 memblock_alloc_range_nid");
  expect_as_the_original(young);
  expect_as_the_original(replaced(std::string{kLog}, " bytes flags: 0x0", " bytes"));
}

// A cut log has less to compare, and nothing in it is wrong or compared by guess.
TEST(Replay, no_truncation_makes_a_difference_where_there_is_none) {
  std::size_t last_matched = 0;
  for (std::size_t size = 0; size <= kLog.size(); ++size) {
    const Replay replay = replay_of(kLog.substr(0, size));
    ASSERT_TRUE(replay.is_clean()) << size << ' ' << replay.differences.front().operation;
    ASSERT_EQ(replay.total.matched, replay.total.compared) << size;
    ASSERT_LE(last_matched, replay.total.matched + 1) << size;
    last_matched = replay.total.matched;
  }
  EXPECT_EQ(last_matched, 4u);
}

TEST(Replay, another_address_is_a_difference_and_the_replay_goes_on_from_the_kernels) {
  const std::string log = replaced(std::string{kLog}, "[0x00000000001fcf80-0x00000000001fcfe3]",
                                   "[0x00000000001fce80-0x00000000001fcee3]");
  const Replay replay = replay_of(log);
  expect_counts(replay, 3, 4, 9, 1);
  ASSERT_EQ(replay.differences.size(), 1u);
  const ReplayDifference& at = replay.differences.front();
  EXPECT_EQ(at.what, ReplayDifference::What::allocation);
  EXPECT_EQ(at.line, 23u);
  EXPECT_EQ(at.kernel, PhysAddr{0x1fce80});
  EXPECT_EQ(at.ours, PhysAddr{0x1fcf80});
  EXPECT_NE(at.reason.find("0x1fcf80 is free here"), std::string::npos);
}

TEST(Replay, an_answer_where_the_kernel_got_none_is_a_difference) {
  const Replay replay = replay_of(replaced(std::string{kLog}, "8388608 bytes", "4096 bytes"));
  ASSERT_EQ(replay.differences.size(), 1u);
  EXPECT_EQ(replay.differences.front().kernel, std::nullopt);
  EXPECT_EQ(replay.differences.front().ours, PhysAddr{0x1fc000});
}

TEST(Replay, a_configuration_that_has_more_than_the_operations_made_is_a_difference) {
  const Replay replay = replay_of(without_lines(kLog, "setup_arch+0x7d6"));
  ASSERT_EQ(replay.differences.size(), 1u);
  EXPECT_EQ(replay.differences.front().what, ReplayDifference::What::configuration);
  EXPECT_NE(replay.differences.front().reason.find("only the kernel has reserved [0x1fe000-0x1fffff]"),
            std::string::npos);
  EXPECT_EQ(replay.total.matched, replay.total.compared);
}

TEST(Replay, after_a_damaged_line_nothing_is_compared_until_the_next_configuration) {
  const Replay early = replay_of(replaced(std::string{kLog}, "memblock_add: [0x0", "memblock_add: [0y0"));
  EXPECT_EQ(skipped_as(early, SkipReason::damaged_line), 1u);
  expect_counts(early, 4, 4, 9, 2);  // the configuration after it tells everything
  const Replay late = replay_of(replaced(std::string{kLog}, "memblock_phys_free: [", "memblock_phys_free: "));
  EXPECT_EQ(skipped_as(late, SkipReason::damaged_line), 1u);
  EXPECT_EQ(skipped_as(late, SkipReason::after_damage), 2u);
  EXPECT_TRUE(late.is_clean());
}

TEST(Replay, dropped_messages_and_run_together_lines_end_the_comparison) {
  const std::string log{kLog};
  const Replay lost = replay_of(replaced(log, "[    0.004000] memblock_phys_free",
                                         "** 3 printk messages dropped **\n[    0.004000] x"));
  EXPECT_EQ(skipped_as(lost, SkipReason::after_loss), 2u);
  EXPECT_TRUE(lost.is_clean());
  const Replay mixed = replay_of(
      replaced(log, "] memblock_reserve: [0x00000000001fe", "] usb 1memblock_reserve: [0x00000000001fe"));
  EXPECT_EQ(skipped_as(mixed, SkipReason::damaged_line), 1u);
  EXPECT_TRUE(mixed.is_clean());
}

TEST(Replay, an_answer_of_another_size_belongs_to_another_allocation) {
  const Replay replay =
      replay_of(replaced(std::string{kLog}, "100 bytes align=0x40 nid=0", "200 bytes align=0x40 nid=0"));
  EXPECT_EQ(skipped_as(replay, SkipReason::answer_not_printed), 3u);
  EXPECT_TRUE(replay.is_clean());
}

TEST(Replay, a_log_without_configurations_determines_nothing) {
  const Replay replay = replay_of(replaced(std::string{kLog}, "MEMBLOCK configuration:", "MEMBLOCK:"));
  EXPECT_EQ(replay.total.compared, 0u);
  EXPECT_EQ(skipped_as(replay, SkipReason::no_configuration), 4u);
}

TEST(Replay, only_the_first_boot_of_a_log_is_replayed) {
  const std::string twice = std::string{kLog} + std::string{kLog};
  expect_as_the_original(twice);
  EXPECT_EQ(replay_of(twice).notes.size(), 1u);
}

TEST(Replay, the_direction_of_an_unknown_machine_is_told_by_the_first_answer_that_depends_on_it) {
  std::string log = without_lines(kLog, "e820");
  log = replaced(log, "Command line: ", "Somebody said: ");
  const Replay down = replay_of(log);
  EXPECT_EQ(skipped_as(down, SkipReason::limit_unknown), 4u);  // not even the width of its addresses is known
  log = replaced(log, "[    0.004000] memblock_alloc_try_nid:",
                 "[    0.004000] Zone ranges:\n[    0.004000] Movable zone start for each node\n"
                 "[    0.004000] memblock_alloc_try_nid:");
  const Replay told = replay_of(log);
  EXPECT_EQ(skipped_as(told, SkipReason::told_direction), 1u);
  EXPECT_EQ(told.total.matched, 3u);
  EXPECT_TRUE(told.is_clean());
}

TEST(Replay, movable_node_goes_up_until_nodes_are_known_and_not_at_all_before_5_11) {
  const std::string option = replaced(std::string{kLog}, "memblock=debug", "memblock=debug movable_node");
  const std::string up =
      replaced(option, "[0x000000000000e000-0x000000000000ffff]", "[0x0000000000001000-0x0000000000002fff]");
  const Replay replay = replay_of(replaced(up, "[0x000000000000e000-0x000000000001ffff], 0x0000000000012000",
                                           "[0x0000000000010000-0x000000000001ffff], 0x0000000000010000"));
  EXPECT_EQ(replay.total.matched, 4u);
  const Replay old = replay_of(replaced(option, "6.1.0-1", "5.10.0"));
  EXPECT_EQ(skipped_as(old, SkipReason::old_bottom_up), 1u);
}

TEST(Replay, sentences_and_code_about_memblock_are_no_operations) {
  for (const char* const text :
       {"memblock_reserve(0x0, 0x1000 + 0x100*64);", "+	memblock_reserve(ebase_pa, vec_size);",
        "memblock: bottom-up allocation failed, memory hotremove may be affected",
        "memblock allocations around",
        "provide an appropriate call to memblock_reserve():", "Linux version 6.1"})
    EXPECT_EQ(read_memblock_log(bytes_of(text)).operations(), 0u) << text;
  EXPECT_EQ(read_memblock_log({}).events.size(), 0u);
}

// What arm may allocate while low memory, which ends at 0x30000000, is being mapped.
TEST(ReplayStart, arm_maps_low_memory_from_below_the_first_bank_that_is_not_aligned) {
  const auto limit = [](const std::vector<PhysRange>& banks, PhysRange unmapped) {
    ReplayMemblock holder{{.kernelcore_mirror = early::KernelcoreMirror::on}, {.memory = 16, .reserved = 16}};
    for (const PhysRange bank : banks) EXPECT_TRUE(holder.memblock().add(bank, "bank"));
    EXPECT_TRUE(holder.memblock().mark_nomap(unmapped));
    return arm_mapping_limit(holder.memblock(), PhysAddr{0x30000000}).raw;
  };
  const auto bank = [](std::uint64_t begin, std::uint64_t end) {
    return PhysRange{PhysAddr{begin}, PhysAddr{end}};
  };
  EXPECT_EQ(limit({bank(0, 0x10000000)}, {}), 0x10000000u);
  EXPECT_EQ(limit({bank(0, 0x40000000)}, {}), 0x30000000u);  // the rest is high memory
  EXPECT_EQ(limit({bank(0, 0x1ff7f000)}, {}), 0x1fe00000u);  // an end inside an entry
  EXPECT_EQ(limit({bank(0, 0x10000000), bank(0x10300000, 0x20000000)}, {}),
            0x10200000u);  // a start inside one
  EXPECT_EQ(limit({bank(0, 0x10001000), bank(0x10300000, 0x20000000)}, {}),
            0x10000000u);                                        // the first decides
  EXPECT_EQ(limit({bank(0, 0x3e000000)}, bank(0, 0x1000)), 0u);  // Raspberry Pi 2 under UEFI, Linux 5.2
  EXPECT_EQ(limit({bank(0x40000000, 0x50000000)}, {}), 0u);      // no low memory at all
}

TEST(MemblockLines, an_empty_range_is_empty_and_a_removal_may_wrap) {
  const auto range = [](std::string_view text) {
    const auto line = parse_memblock_line(text);
    const auto* const parsed = std::get_if<RangeLine>(&line);
    return parsed == nullptr ? std::optional<PhysRange>{}
                             : PhysRange::sized(parsed->call.base, parsed->call.size);
  };
  EXPECT_EQ(range("memblock_phys_free: [0x5000-0x4fff] a+0x1/0x2"),
            (PhysRange{PhysAddr{0x5000}, PhysAddr{0x5000}}));
  EXPECT_EQ(range("memblock_reserve: [0x0-0xffffffffffffffff] a+0x1/0x2"),
            (PhysRange{PhysAddr{0}, PhysAddr{0}}));
  EXPECT_EQ(range("memblock_remove: [0x0001000000000000-0x0000fffffffffffe] a+0x1/0x2"),
            (PhysRange{PhysAddr{std::uint64_t{1} << 48}, PhysAddr{UINT64_MAX}}));
  EXPECT_EQ(range("memblock_remove: [0x40000000-0x3ffffffe] a+0x1/0x2"),
            (PhysRange{PhysAddr{0x40000000}, PhysAddr{0x13fffffff}}));
  EXPECT_EQ(range("memblock_reserve: [0x5000-0x1000] a+0x1/0x2"), std::nullopt);
  EXPECT_EQ(range("memblock_reserve: [0x5000 0x6000] a+0x1/0x2"), std::nullopt);
  EXPECT_EQ(range("memblock_steal: [0x5000-0x5fff] a+0x1/0x2"), std::nullopt);
}

}  // namespace
}  // namespace quarry::lnx
