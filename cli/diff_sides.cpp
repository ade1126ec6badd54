#include "cli/diff_sides.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "linux/corpus_case.hpp"
#include "linux/file_bytes.hpp"
#include "linux/kernel_file.hpp"
#include "linux/outcomes.hpp"
#include "linux/unpack.hpp"

namespace quarry::cli {
namespace {

namespace fs = std::filesystem;
using lnx::ExitStatus;
using lnx::Expected;
using lnx::Problem;
using Content = std::vector<std::byte>;

enum class What { other_machine, machine, kernel, command_line };

// A word, looked at: what it is, and what was read of it on the way.
struct Seen {
  What what = What::machine;
  std::string text;              // of a command line
  std::optional<Content> bytes;  // of a file, or of standard input
};

bool is_builtin(std::string_view name) {
  const auto all = lnx::builtins();
  return std::any_of(all.begin(), all.end(),
                     [&](const lnx::Builtin& builtin) { return builtin.name == name; });
}

// "ffffffff81000000 T _text"
bool is_symbol_line(std::string_view line) {
  const std::size_t blank = line.find(' ');
  return (blank == 8 || blank == 16) && line.size() > blank + 3 && line[blank + 2] == ' ' &&
         line.find_first_not_of("0123456789abcdef") == blank;
}

bool is_kernel(std::span<const std::byte> bytes) {
  const std::string_view text = lnx::text_of(bytes);
  const std::string_view line = text.substr(0, text.find('\n'));
  if (text.starts_with("\x7f"
                       "ELF") ||
      lnx::packing_of(bytes) || lnx::is_boot_image(bytes))
    return true;
  if (is_symbol_line(line) || text.starts_with("arch = \"")) return true;
  constexpr std::string_view of_profiles[] = {"\narch = \"", "\n[symbols]", "\n[config]", "\n[sizes]"};
  return std::any_of(std::begin(of_profiles), std::end(of_profiles),
                     [&](std::string_view words) { return text.find(words) != std::string_view::npos; });
}

// One line of printable characters, and short as a kernel takes it.
bool is_command_line(std::string_view text) {
  constexpr std::size_t most = 4096;
  if (text.ends_with('\n')) text.remove_suffix(1);
  return !text.empty() && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Seen see_bytes(Content bytes) {
  constexpr std::string_view tree_magic = "\xd0\x0d\xfe\xed";
  const std::string_view text = lnx::text_of(bytes);
  Seen seen;
  if (text.starts_with(tree_magic)) {
    seen.what = What::machine;
  } else if (is_kernel(bytes)) {
    seen.what = What::kernel;
  } else if (!lnx::looks_like_boot_log(bytes) && is_command_line(text)) {
    seen.what = What::command_line;
    seen.text = text.substr(0, text.find('\n'));
  }
  if (seen.what == What::machine) seen.bytes = std::move(bytes);
  return seen;
}

Expected<Seen> see(const std::string& word) {
  Seen seen;
  std::error_code error;
  if (word.empty()) {
    seen.what = What::other_machine;
    return seen;
  }
  if (word == "-") {
    auto bytes = lnx::read_all(std::cin);
    if (!bytes) return Problem{ExitStatus::bad_arguments, "standard input: cannot be read"};
    return see_bytes(*std::move(bytes));
  }
  if (word == "host" || is_builtin(word) || fs::is_directory(word, error)) return seen;
  if (fs::exists(word, error)) {
    auto bytes = lnx::read_file(word);
    if (!bytes) {  // larger than any description: a kernel with its debugging information, if anything
      seen.what = What::kernel;
      return seen;
    }
    return see_bytes(*std::move(bytes));
  }
  if (word.find('=') != std::string::npos || word.find(' ') != std::string::npos) {
    seen.what = What::command_line;
    seen.text = word;
  }
  return seen;
}

// The first built-in machine of an architecture.
std::string machine_for(boot::Arch arch) {
  if (arch == boot::Arch::arm64) return "arm64-virt-8g";
  return arch == boot::Arch::arm ? "arm-highmem-2g" : std::string{lnx::kDefaultMachine};
}

RealTotals real_of(const std::string& word, const Seen& seen) {
  std::error_code error;
  lnx::Outcomes outcomes;
  if (seen.what == What::machine && fs::is_directory(word, error))
    outcomes =
        lnx::read_outcomes([&](std::string_view file) { return lnx::read_file(fs::path{word} / file); });
  else if (seen.bytes && lnx::looks_like_boot_log(*seen.bytes))
    outcomes.log = lnx::read_log_outcomes(*seen.bytes);
  return {outcomes.meminfo.mem_total_kib, outcomes.meminfo.cma_total_kib, outcomes.meminfo.high_total_kib,
          outcomes.log.managed_kib};
}

Expected<lnx::MachineDescription> describe(const std::string& word, const std::optional<Content>& bytes,
                                           const lnx::DescribeOptions& options) {
  if (word != "-" || !bytes) return lnx::describe(word, options);
  return lnx::describe_bytes(*bytes, "standard input", options);
}

std::string joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + " " + b;
}

// One side, with the machine it is put on where it names none.
Expected<Side> read_side(const SideWords& words, const Seen& seen, const std::string& base,
                         const std::optional<Content>& base_bytes) {
  Side side;
  lnx::DescribeOptions options = words.describe;
  std::string machine = words.word;
  std::optional<Content> bytes = seen.bytes;
  side.name = words.word;
  if (seen.what != What::machine) {
    machine = base;
    bytes = base_bytes;
    side.name = seen.what == What::other_machine ? base : fmt::format("{} with {}", base, words.word);
  }
  if (seen.what == What::kernel) {
    if (options.kernel_file)
      return Problem{ExitStatus::bad_arguments,
                     fmt::format("{}: a kernel, and --kernel {} is another: expected one of them", words.word,
                                 *options.kernel_file)};
    options.kernel_file = words.word;
  }
  if (seen.what == What::command_line && !words.command_line) options.command_line = seen.text;
  if (words.command_line) options.command_line = words.command_line;
  auto described = describe(machine, bytes, options);
  if (!described) return described.problem();
  side.machine = *std::move(described);
  side.machine.command_line = joined(side.machine.command_line, words.append);
  if (!words.options.empty()) side.name += " " + words.options;
  if (seen.what == What::machine && !words.is_changed) side.real = real_of(words.word, seen);
  return side;
}

// The machine that a side without one is put on: the other's, or a built-in one.
Expected<std::string> base_for(const SideWords& own, const Seen& seen, const SideWords& other,
                               const Seen& others) {
  if (others.what == What::machine) return other.word;
  // A kernel, or one beside it, says which processor there is.
  for (const auto& [words, looked] : {std::pair{&own, &seen}, std::pair{&other, &others}}) {
    if (looked->what != What::kernel) continue;
    const auto kernel = lnx::read_kernel_file(words->word, words->describe.config_file);
    if (!kernel) return kernel.problem();
    return machine_for(kernel->arch);
  }
  return std::string{lnx::kDefaultMachine};
}

}  // namespace

Expected<Sides> read_sides(SideWords a, SideWords b) {
  if (a.word == "-" && b.word == "-")
    return Problem{ExitStatus::bad_arguments, "diff - -: expected standard input on one side only"};
  const auto seen_a = see(a.word);
  if (!seen_a) return seen_a.problem();
  const auto seen_b = see(b.word);
  if (!seen_b) return seen_b.problem();
  for (const auto& [words, seen] : {std::pair{&a, &seen_a}, std::pair{&b, &seen_b}})
    if (words->word == "-" && (*seen)->what == What::kernel)
      return Problem{ExitStatus::bad_arguments, "diff: a kernel on standard input: expected its file"};
  const auto base_a = base_for(a, *seen_a, b, *seen_b);
  if (!base_a) return base_a.problem();
  const auto base_b = base_for(b, *seen_b, a, *seen_a);
  if (!base_b) return base_b.problem();
  auto first = read_side(a, *seen_a, *base_a, seen_b->bytes);
  if (!first) return first.problem();
  auto second = read_side(b, *seen_b, *base_b, seen_a->bytes);
  if (!second) return second.problem();
  return Sides{*std::move(first), *std::move(second)};
}

}  // namespace quarry::cli
