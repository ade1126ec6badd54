// Command lines, word by word: a part of mix_parts.hpp.
//
//   from      quiet mem=1G root=/dev/vda
//   to        mem=2G root=/dev/vda cma=64M          -quiet   mem=1G -> mem=2G   +cma=64M
#include <algorithm>
#include <memory>
#include <string_view>

#include "linux/mix_parts.hpp"

namespace quarry::lnx {
namespace {

// Blanks within quotes do not part words.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  bool is_quoted = false, is_word = false;
  for (const char c : line) {
    if (c == '"') is_quoted = !is_quoted;
    const bool is_blank = (c == ' ' || c == '\t' || c == '\n' || c == '\r') && !is_quoted;
    if (!is_blank && !is_word) words.emplace_back();
    if (!is_blank) words.back() += c;
    is_word = !is_blank;
  }
  return words;
}

std::string_view name_in(std::string_view word) { return word.substr(0, word.find('=')); }

// One step from the one line to the other: a word that stays, goes or comes.
struct Step {
  enum class Does { stay, go, come } does;
  std::string word;
  std::size_t difference = 0;  // of words that go or come
};

// A longer line is one difference: nobody reads it word by word.
constexpr std::size_t kMostWords = 400;

// The fewest words that go and come.
//
// Cost      O(words of the one * words of the other).
std::vector<Step> steps_between(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::vector<std::vector<std::size_t>> common(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = from.size(); i-- > 0;)
    for (std::size_t j = to.size(); j-- > 0;)
      common[i][j] =
          from[i] == to[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  std::vector<Step> steps;
  std::size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && j < to.size() && from[i] == to[j]) {
      steps.push_back({Step::Does::stay, from[i], 0});
      ++i, ++j;
    } else if (j == to.size() || (i < from.size() && common[i + 1][j] >= common[i][j + 1])) {
      steps.push_back({Step::Does::go, from[i++], 0});
    } else {
      steps.push_back({Step::Does::come, to[j++], 0});
    }
  }
  return steps;
}

// A word that goes and one of the same name that comes are one difference.
std::vector<Difference> differences_in(std::vector<Step>& steps) {
  std::vector<Difference> differences;
  std::vector<bool> is_paired(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].does == Step::Does::stay || is_paired[i]) continue;
    steps[i].difference = differences.size();
    Difference difference{DifferenceKind::command_line, steps[i].word, {}, {}};
    (steps[i].does == Step::Does::go ? difference.before : difference.after) = steps[i].word;
    for (std::size_t j = i + 1; j < steps.size(); ++j) {
      if (is_paired[j] || steps[j].does == Step::Does::stay || steps[j].does == steps[i].does ||
          name_in(steps[j].word) != name_in(steps[i].word))
        continue;
      is_paired[j] = true;
      steps[j].difference = differences.size();
      (steps[j].does == Step::Does::go ? difference.before : difference.after) = steps[j].word;
      difference.what = steps[i].word == steps[j].word ? "the place of " + steps[i].word
                                                       : std::string{name_in(steps[i].word)};
      break;
    }
    differences.push_back(std::move(difference));
  }
  return differences;
}

}  // namespace

MixPart command_line_part(const MachineDescription& from, const MachineDescription& to) {
  MixPart part;
  if (from.command_line == to.command_line) {
    part.take = [](const Chosen&, MachineDescription&) { return true; };
    return part;
  }
  const auto before = words_of(from.command_line), after = words_of(to.command_line);
  const auto steps = std::make_shared<std::vector<Step>>();
  const bool is_long = before.size() > kMostWords || after.size() > kMostWords;
  if (is_long)
    part.differences.push_back({DifferenceKind::command_line, "the command line",
                                std::to_string(before.size()) + " words",
                                std::to_string(after.size()) + " words"});
  else
    *steps = steps_between(before, after);
  if (!is_long) part.differences = differences_in(*steps);
  if (part.differences.empty())
    part.differences.push_back({DifferenceKind::command_line, "blanks between words", "some", "others"});
  part.take = [steps, &to](const Chosen& chosen, MachineDescription& into) {
    if (none_of(chosen)) return true;
    if (all_of(chosen)) {
      into.command_line = to.command_line;
      return true;
    }
    std::string line;
    for (const Step& step : *steps) {
      if (step.does != Step::Does::stay && chosen[step.difference] != (step.does == Step::Does::come))
        continue;
      line += (line.empty() ? "" : " ") + step.word;
    }
    into.command_line = line;
    return true;
  };
  return part;
}

}  // namespace quarry::lnx
