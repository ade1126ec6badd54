#include "cli/replay_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "linux/file_bytes.hpp"
#include "linux/replay.hpp"

namespace quarry::cli {
namespace {

using Json = nlohmann::ordered_json;
using lnx::Replay;
using lnx::ReplayDifference;

lnx::Expected<std::vector<std::byte>> read_log(const std::string& name) {
  std::filesystem::path path = name == "-" ? "/dev/stdin" : name;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) path /= "dmesg.txt";
  auto bytes = lnx::read_file(path);
  if (!bytes)
    return lnx::Problem{lnx::ExitStatus::bad_arguments,
                        fmt::format("{}: cannot be read: expected a kernel's log or a case directory", name)};
  return *std::move(bytes);
}

std::string address(std::optional<PhysAddr> at) { return at ? fmt::format("{:#x}", at->raw) : "nothing"; }

std::string percent(std::size_t part, std::size_t whole) {
  // Never rounded up to all.
  return whole == 0 ? "-" : fmt::format("{}.{:02} %", part * 100 / whole, part * 10000 / whole % 100);
}

std::string kinds_text(const Replay& replay) {
  std::size_t width = 9;
  for (const auto& [name, counts] : replay.kinds) width = std::max(width, name.size());
  std::string text = fmt::format("{:{}}  {:>10}  {:>8}  {:>8}  {:>8}\n", "operation", width, "operations",
                                 "compared", "matched", "skipped");
  const auto cell = [](std::size_t value) { return value == 0 ? std::string{"-"} : std::to_string(value); };
  for (const auto& [name, counts] : replay.kinds)
    text += fmt::format("{:{}}  {:>10}  {:>8}  {:>8}  {:>8}\n", name, width, counts.operations,
                        cell(counts.compared), counts.compared == 0 ? "-" : std::to_string(counts.matched),
                        cell(counts.skipped));
  return text;
}

std::string difference_text(const ReplayDifference& at) {
  std::string text = fmt::format("  line {}: {}\n", at.line, at.operation);
  if (at.what == ReplayDifference::What::configuration) return text + fmt::format("    {}\n", at.reason);
  return text + fmt::format("    the kernel got {}, quarry {}\n    likely: {}\n", address(at.kernel),
                            address(at.ours), at.reason);
}

std::string to_text(const Replay& replay, const std::string& name, Verbosity verbosity) {
  std::string text = fmt::format("{}: kernel {}, {}\n\n", name,
                                 replay.release.empty() ? "of unknown version" : replay.release,
                                 replay.machine == "unknown" ? "unknown machine" : replay.machine);
  text += kinds_text(replay);
  if (replay.configurations != 0) text += fmt::format("\nMEMBLOCK configurations: {}", replay.configurations);
  if (replay.configurations_compared != 0)
    text += fmt::format("; reserved bytes equal in {} of {} that follow from the operations before",
                        replay.configurations_equal, replay.configurations_compared);
  if (replay.configurations != 0) text += "\n";
  if (replay.growths != 0)
    text +=
        fmt::format("tables that doubled: {}; at the same place {}\n", replay.growths, replay.growths_equal);
  if (!replay.reasons.empty()) text += "\nskipped, because\n";
  for (const auto& [reason, count] : replay.reasons)
    text += fmt::format("{:6}  {}\n", count, words_of(reason));
  if (verbosity == Verbosity::verbose && !replay.skips.empty()) {
    text += "\nskipped\n";
    for (const auto& at : replay.skips)
      text += fmt::format("  line {}: {}\n    {}\n", at.line, at.operation, words_of(at.reason));
  }
  if (!replay.notes.empty()) text += "\nnotes\n";
  for (const auto& note : replay.notes) text += fmt::format("  {}\n", note);
  if (!replay.differences.empty()) text += "\ndifferences\n";
  for (const auto& at : replay.differences) text += difference_text(at);
  const auto& total = replay.total;
  text += total.compared == 0
              ? std::string{"\nthe log determines no allocation\n"}
              : fmt::format("\n{} of what the log determines\n", percent(total.matched, total.compared));
  return text + fmt::format("replay: matched {} of {} allocations ({} operations, {} skipped)\n",
                            total.matched, total.compared, total.operations, total.skipped);
}

const char* name_of(ReplayDifference::What what) {
  switch (what) {
    case ReplayDifference::What::allocation: return "allocation";
    case ReplayDifference::What::table: return "table";
    case ReplayDifference::What::configuration: break;
  }
  return "configuration";
}

Json to_json(const lnx::ReplayCounts& counts) {
  return Json{{"operations", counts.operations},
              {"compared", counts.compared},
              {"matched", counts.matched},
              {"skipped", counts.skipped}};
}

constexpr std::uint64_t kLargest = (std::uint64_t{1} << 53) - 1;

// Addresses are integers that every reader of JSON keeps exactly; those beyond are cut to the last such.
Json to_json(std::optional<PhysAddr> at) { return at ? Json(std::min(at->raw, kLargest)) : Json(nullptr); }

std::string to_json(const Replay& replay, Verbosity verbosity) {
  Json root{{"schema", "quarry.replay/1"}, {"release", replay.release}, {"machine", replay.machine}};
  root["total"] = to_json(replay.total);
  root["kinds"] = Json::object();
  for (const auto& [name, counts] : replay.kinds) root["kinds"][name] = to_json(counts);
  root["configurations"] = Json{{"printed", replay.configurations},
                                {"compared", replay.configurations_compared},
                                {"equal", replay.configurations_equal}};
  root["tables"] = Json{{"doubled", replay.growths}, {"equal", replay.growths_equal}};
  root["reasons"] = Json::array();
  for (const auto& [reason, count] : replay.reasons)
    root["reasons"].push_back(Json{{"reason", words_of(reason)}, {"count", count}});
  root["differences"] = Json::array();
  for (const auto& at : replay.differences)
    root["differences"].push_back(Json{{"what", name_of(at.what)},
                                       {"line", at.line},
                                       {"operation", at.operation},
                                       {"kernel", to_json(at.kernel)},
                                       {"quarry", to_json(at.ours)},
                                       {"reason", at.reason}});
  if (verbosity == Verbosity::verbose) {
    root["skips"] = Json::array();
    for (const auto& at : replay.skips)
      root["skips"].push_back(
          Json{{"line", at.line}, {"operation", at.operation}, {"reason", words_of(at.reason)}});
  }
  root["notes"] = replay.notes;
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

const char* const kReplayExamples = R"(Examples:
  quarry replay dmesg.txt                 the operations of a log that was taken with memblock=debug
  quarry replay dmesg.txt -v              and each one that is not compared, with the reason
  dmesg | quarry replay -                 this machine's, if it was booted with memblock=debug
  quarry replay x86-pc-2g                 the log of a case directory
  quarry replay dmesg.txt --format json   for scripts

A log is good for this when it begins with the first line of the boot and ends after 'Memory:'.
Exit status: 0 nothing differs, 1 a difference, 2 unusable arguments, 3 no operation of memblock in the log.)";

int run_replay(const ReplayOptions& options) {
  const auto bytes = read_log(options.log);
  if (!bytes) return complain(bytes.problem());
  const auto log = lnx::read_memblock_log(*bytes);
  if (log.operations() == 0)
    return complain(
        {lnx::ExitStatus::malformed_input,
         fmt::format("{}: no memblock operations: expected the log of a kernel that was booted with "
                     "memblock=debug",
                     options.log)});
  const Replay replay = lnx::replay(log);
  const std::string text = options.format == Format::json ? to_json(replay, options.verbosity)
                                                          : to_text(replay, options.log, options.verbosity);
  if (const auto problem = write_output(options.output_file, text)) return complain(*problem);
  return replay.is_clean() ? 0 : 1;
}

}  // namespace quarry::cli
