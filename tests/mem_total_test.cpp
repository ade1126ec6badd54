// MemTotal without booting, held against what recorded boots showed: with the kernel known, with its release alone, and with
// no more than a version, where it is an interval. What the model has fitted is fitted on two thirds and held on the rest.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "cli/boot_machine.hpp"
#include "cli/mem_total_bounds.hpp"
#include "linux/corpus_case.hpp"
#include "linux/describe.hpp"
#include "linux/file_bytes.hpp"
#include "linux/outcomes.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

// The budgets of a prediction with the kernel known. Units     percent.
constexpr double kMedianBudget = 0.05, kWorstBudget = 0.5, kZoneBudget = 1;
// Of intervals: how wide in percent of RAM, and how many of them at least.
constexpr double kWidthBudget = 1.5, kNarrowShare = 90;

double percent(std::uint64_t ours, std::uint64_t theirs) {
  const double difference = static_cast<double>(ours) - static_cast<double>(theirs);
  return theirs == 0 ? (ours == 0 ? 0 : 100) : 100 * std::abs(difference) / static_cast<double>(theirs);
}

// --- A recorded boot, and what it teaches ------------------------------------------------------------------

struct Recorded {
  fs::path directory;
  std::string name, release, kernel;  // kernel: the text of kernel.txt
  Outcomes shown;
};

const std::vector<Recorded>& recorded() {
  static const std::vector<Recorded> all = [] {
    std::vector<Recorded> found;
    for (const fs::path& directory : corpus::cases_in(QUARRY_CORPUS)) {
      const FileSource files = [&](std::string_view name) { return read_file(directory / name); };
      Recorded one{directory,
                   directory.filename().string(),
                   {},
                   corpus::text_of(directory / "kernel.txt"),
                   read_outcomes(files)};
      if (const auto kernel = read_kernel_profile(one.kernel)) one.release = kernel->release;
      // One kernel panicked.
      if (one.shown.meminfo.mem_total_kib) found.push_back(std::move(one));
    }
    return found;
  }();
  return all;
}

// What a boot of a kernel says of that kernel: its file, and sizes that its log has. Nothing of the machine.
struct Lesson {
  std::string kernel;
  std::map<std::string, std::uint64_t, std::less<>> sizes;
  friend auto operator<=>(const Lesson&, const Lesson&) = default;
};

Lesson lesson_of(const Recorded& boot) {
  Lesson lesson{.kernel = boot.kernel, .sizes = {}};
  const LogOutcomes& log = boot.shown.log;
  if (log.percpu) {
    lesson.sizes["percpu_static"] = log.percpu->static_bytes;
    lesson.sizes["percpu_reserved"] = log.percpu->reserved_bytes;
  }
  if (!log.node_data.empty()) lesson.sizes["node_data"] = log.node_data.front().range.size().raw;
  return lesson;
}

using Lessons = std::map<std::string, Lesson>;  // by release

Lessons learn(const std::vector<const Recorded*>& boots) {
  Lessons lessons;
  for (const Recorded* const boot : boots) {
    const Lesson lesson = lesson_of(*boot);
    Lesson& known = lessons[boot->release];
    known.kernel = lesson.kernel;
    for (const auto& [name, bytes] : lesson.sizes) known.sizes[name] = bytes;
  }
  return lessons;
}

TEST(MemTotal, each_boot_teaches_the_same_of_its_kernel) {
  std::map<std::string, Lesson> taught;
  for (const Recorded& boot : recorded()) {
    Lesson& known = taught[boot.release];
    const Lesson lesson = lesson_of(boot);
    if (known.kernel.empty()) known.kernel = lesson.kernel;
    EXPECT_EQ(known.kernel, lesson.kernel) << boot.name;
    for (const auto& [name, bytes] : lesson.sizes)
      EXPECT_EQ(known.sizes.emplace(name, bytes).first->second, bytes) << boot.name << ": " << name;
  }
  EXPECT_EQ(taught.size(), 6U);
}

// --- With the kernel known -----------------------------------------------------------------------------------

struct Errors {
  std::vector<double> mem_total;
  double cma = 0, high = 0, zone = 0;
  double worst() const { return *std::max_element(mem_total.begin(), mem_total.end()); }
  double median() {
    std::sort(mem_total.begin(), mem_total.end());
    return mem_total[mem_total.size() / 2];
  }
};

void add_errors(const cli::BootReport& ours, const Recorded& boot, Errors& errors) {
  const MeminfoOutcome& theirs = boot.shown.meminfo;
  errors.mem_total.push_back(percent(ours.mem_total_kib, *theirs.mem_total_kib));
  errors.cma = std::max(errors.cma, percent(ours.cma_total_kib, theirs.cma_total_kib.value_or(0)));
  errors.high = std::max(errors.high, percent(ours.high_total_kib, theirs.high_total_kib.value_or(0)));
  ASSERT_TRUE(boot.shown.zones) << boot.name;
  unsigned compared = 0;
  for (const ZoneOutcome& zone : *boot.shown.zones) {
    if (!zone.is_populated()) continue;
    const auto mine = [&]() -> std::optional<std::uint64_t> {
      for (const auto& node : ours.nodes)
        for (const auto& candidate : node.zones)
          if (static_cast<unsigned>(node.id) == zone.node && candidate.name == zone.name)
            return candidate.managed_pages;
      return std::nullopt;
    }();
    ASSERT_TRUE(mine) << boot.name << ": node " << zone.node << " " << zone.name;
    errors.zone = std::max(errors.zone, percent(*mine, *zone.managed));
    ++compared;
  }
  EXPECT_NE(compared, 0U) << boot.name;
}

void expect_within_budgets(Errors& errors, const std::string& what) {
  const double median = errors.median(), worst = errors.worst();
  std::printf(
      "%s: %zu boots: MemTotal median %.4f %%, worst %.4f %%; CmaTotal %.4f %%, HighTotal %.4f %%, "
      "managed pages of a zone %.4f %%\n",
      what.c_str(), errors.mem_total.size(), median, worst, errors.cma, errors.high, errors.zone);
  EXPECT_LE(median, kMedianBudget) << what;
  EXPECT_LE(worst, kWorstBudget) << what;
  EXPECT_LE(errors.cma, kZoneBudget) << what;
  EXPECT_LE(errors.high, kZoneBudget) << what;
  EXPECT_LE(errors.zone, kZoneBudget) << what;
}

// The boot of that machine by what was learned of its kernel from others.
const cli::BootReport& taught_boot(const Recorded& boot, const Lesson& lesson) {
  static std::map<std::pair<std::string, Lesson>, cli::BootReport> known;
  const auto [at, is_new] = known.try_emplace({boot.name, lesson});
  if (!is_new) return at->second;
  const FileSource files = [&](std::string_view name) -> std::optional<std::vector<std::byte>> {
    if (name != "kernel.txt") return read_file(boot.directory / name);
    const auto bytes = std::as_bytes(std::span{lesson.kernel});
    return std::vector<std::byte>{bytes.begin(), bytes.end()};
  };
  auto machine = read_corpus_case(files, boot.name);
  if (!machine) throw std::runtime_error{machine.problem().text};
  machine->kernel.sizes = lesson.sizes;
  auto report = cli::boot_to_read(*machine);
  if (!report) throw std::runtime_error{report.problem().text};
  at->second = *std::move(report);
  return at->second;
}

cli::BootReport version_boot(const Recorded& boot, const std::string& release) {
  const auto machine = describe(boot.directory.string(), {.release = release});
  if (!machine) throw std::runtime_error{machine.problem().text};
  auto report = cli::boot_to_read(*machine);
  if (!report) throw std::runtime_error{report.problem().text};
  return *std::move(report);
}

// A case whose kernel no other of the two thirds had has an interval, which must have the truth.
TEST(MemTotal, fitted_on_two_thirds_it_holds_on_the_rest) {
  const auto& all = recorded();
  ASSERT_GE(all.size(), 170U);
  std::mt19937 random{1};
  unsigned strangers = 0;
  for (unsigned round = 0; round < 12; ++round) {
    std::vector<const Recorded*> boots;
    for (const Recorded& boot : all) boots.push_back(&boot);
    if (round >= 3) std::shuffle(boots.begin(), boots.end(), random);
    // The first three rounds hold each third in turn.
    const std::size_t third = boots.size() / 3;
    std::rotate(boots.begin(), boots.begin() + static_cast<std::ptrdiff_t>(third * (round % 3)), boots.end());
    const Lessons lessons = learn({boots.begin() + static_cast<std::ptrdiff_t>(third), boots.end()});
    Errors errors;
    for (std::size_t i = 0; i < third; ++i) {
      const auto lesson = lessons.find(boots[i]->release);
      if (lesson != lessons.end()) {
        add_errors(taught_boot(*boots[i], lesson->second), *boots[i], errors);
        continue;
      }
      ++strangers;
      const auto report = version_boot(*boots[i], "6.1");
      ASSERT_TRUE(report.mem_total_bounds);
      EXPECT_LE(report.mem_total_bounds->low_kib, *boots[i]->shown.meminfo.mem_total_kib) << boots[i]->name;
      EXPECT_GE(report.mem_total_bounds->high_kib, *boots[i]->shown.meminfo.mem_total_kib) << boots[i]->name;
    }
    expect_within_budgets(errors, fmt::format("two thirds, round {}", round + 1));
  }
  EXPECT_NE(strangers, 0U) << "no round has left all boots of a kernel out";
}

TEST(MemTotal, the_release_alone_is_enough_for_a_kernel_that_is_built_in) {
  Errors errors;
  for (const Recorded& boot : recorded()) {
    const auto report = version_boot(boot, boot.release);
    EXPECT_FALSE(report.mem_total_bounds) << boot.name;
    add_errors(report, boot, errors);
  }
  expect_within_budgets(errors, "release alone");
}

// --- With no more than a version -------------------------------------------------------------------------------

struct Intervals {
  unsigned count = 0, hold = 0, narrow = 0;
  void add(const MemTotalRange& range, std::uint64_t ram_kib, const Recorded& boot) {
    const std::uint64_t truth = *boot.shown.meminfo.mem_total_kib;
    const double width = 100 * static_cast<double>(range.high - range.low) / static_cast<double>(ram_kib);
    ++count;
    hold += range.low <= truth && truth <= range.high ? 1U : 0U;
    narrow += width <= kWidthBudget ? 1U : 0U;
    EXPECT_LE(range.low, truth) << boot.name;
    EXPECT_GE(range.high, truth) << boot.name;
    EXPECT_FALSE(range.reasons.empty()) << boot.name;
  }
  double narrow_share() const { return 100.0 * narrow / count; }
};

// All that is known of this very kernel is taken away, so that others of its flavour speak for it. The stand-in's boot is
// the same: only what is expected of the image differs.
TEST(MemTotal, a_release_that_nobody_has_seen_gives_a_narrow_interval_that_has_the_truth) {
  Intervals intervals;
  for (const Recorded& boot : recorded()) {
    auto machine = describe(boot.directory.string(), {.release = boot.release});
    ASSERT_TRUE(machine) << machine.problem().text;
    machine->kernel.stands_for = boot.release;
    const auto report = cli::boot_to_read(*machine);
    ASSERT_TRUE(report) << report.problem().text;
    std::vector<KnownKernel> others{known_kernels().begin(), known_kernels().end()};
    const auto has_sibling = [&](const KnownKernel& kernel) {
      const auto one = read_release_name(kernel.release), own = read_release_name(boot.release);
      return kernel.release != boot.release && one && own && *one == *own;
    };
    // Of arm64 and arm one build of each flavour was seen: it is its own sibling.
    if (std::any_of(others.begin(), others.end(), has_sibling))
      std::erase_if(others, [&](const KnownKernel& kernel) { return kernel.release == boot.release; });
    const auto range = mem_total_range(*machine, cli::stand_in_boot(*report), others);
    ASSERT_TRUE(range) << boot.name;
    intervals.add(*range, report->ram_bytes >> 10, boot);
  }
  std::printf("unseen release: %u of %u hold, %.1f %% at most %.1f %% of RAM wide\n", intervals.hold,
              intervals.count, intervals.narrow_share(), kWidthBudget);
  EXPECT_GE(intervals.narrow_share(), kNarrowShare);
}

TEST(MemTotal, a_bare_version_gives_an_interval_that_has_the_truth) {
  Intervals intervals;
  for (const Recorded& boot : recorded()) {
    const auto report = version_boot(boot, "6.1");
    ASSERT_TRUE(report.mem_total_bounds) << boot.name;
    const auto& bounds = *report.mem_total_bounds;
    MemTotalRange range{.low = bounds.low_kib, .high = bounds.high_kib, .reasons = {}};
    std::int64_t low = static_cast<std::int64_t>(report.mem_total_kib), high = low;
    std::int64_t before = INT64_MAX;
    for (const auto& reason : bounds.reasons) {
      EXPECT_LE(reason.low, reason.high) << reason.what;
      EXPECT_LE(reason.high - reason.low, before) << "the widest first: " << reason.what;
      EXPECT_FALSE(reason.source.empty()) << reason.what;
      before = reason.high - reason.low;
      low += reason.low, high += reason.high;
      range.reasons.push_back({reason.what, reason.source, reason.low, reason.high});
    }
    EXPECT_EQ(low, static_cast<std::int64_t>(bounds.low_kib)) << "the reasons add up: " << boot.name;
    EXPECT_EQ(high, static_cast<std::int64_t>(bounds.high_kib)) << "the reasons add up: " << boot.name;
    intervals.add(range, report.ram_bytes >> 10, boot);
  }
  std::printf("bare version: %u of %u hold, %.1f %% at most %.1f %% of RAM wide\n", intervals.hold,
              intervals.count, intervals.narrow_share(), kWidthBudget);
}

}  // namespace
}  // namespace quarry::lnx
