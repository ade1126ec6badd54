#include "cli/shell_console.hpp"

#include <fmt/format.h>
#include <histedit.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/shell_words.hpp"

namespace quarry::cli {

// libedit, whose hooks find their way back by its client data.
struct Console::Editor {
  static constexpr int kHistory = 1000;

  explicit Editor(Complete from) : complete{std::move(from)} {
    line = el_init("quarry", stdin, stdout, stderr);
    past = history_init();
    HistEvent event;
    history(past, &event, H_SETSIZE, kHistory);
    history(past, &event, H_SETUNIQUE, 1);
    el_set(line, EL_CLIENTDATA, this);
    el_set(line, EL_SIGNAL, 1);
    el_set(line, EL_EDITOR, "emacs");
    el_set(line, EL_HIST, history, past);
    el_set(line, EL_PROMPT, +[](EditLine*) -> const char* { return "quarry> "; });
    el_set(line, EL_ADDFN, "quarry-complete", "complete the word", &Editor::tab);
    el_set(line, EL_BIND, "^I", "quarry-complete", nullptr);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;
  ~Editor() {
    history_end(past);
    el_end(line);
  }

  static unsigned char tab(EditLine* edit, int) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    const LineInfo* const typed = el_line(edit);
    const std::string before{typed->buffer, typed->cursor};
    std::vector<std::string> words = words_of_line(before);
    std::string begin;
    if (!before.empty() && before.back() != ' ' && !words.empty()) {
      begin = words.back();
      words.pop_back();
    }
    const auto candidates = static_cast<Editor*>(self)->complete(words, begin);
    const std::string more = completion(candidates, begin);
    if (!more.empty()) {
      el_insertstr(edit, more.c_str());
      return CC_REFRESH;
    }
    if (candidates.size() < 2) return CC_ERROR;
    std::string list = "\n";
    for (const auto& candidate : candidates) list += candidate + "  ";
    fmt::print("{}\n", list);
    return CC_REDISPLAY;
  }

  EditLine* line = nullptr;
  History* past = nullptr;
  Complete complete;
};

Console::Console(const TextStyle& style, Complete complete) : style_{style} {
  if (::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0)
    editor_ = std::make_unique<Editor>(std::move(complete));
}

Console::~Console() = default;

std::optional<std::string> Console::next() {
  if (!editor_) {
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    return line;
  }
  int size = 0;
  const char* const typed = el_gets(editor_->line, &size);
  if (typed == nullptr || size <= 0) {
    write("\n");
    return std::nullopt;
  }
  std::string line{typed, static_cast<std::size_t>(size)};
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  HistEvent event;
  if (!words_of_line(line).empty()) history(editor_->past, &event, H_ENTER, line.c_str());
  return line;
}

void Console::write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Console::complain(const std::string& text) {
  std::fflush(stdout);
  fmt::print(stderr, "{}\n", style_.in(Ink::warning, text));
}

std::string completion(const std::vector<std::string>& candidates, const std::string& begin) {
  if (candidates.empty()) return {};
  std::string shared = candidates.front();
  for (const auto& candidate : candidates) {
    std::size_t same = 0;
    while (same < shared.size() && same < candidate.size() && shared[same] == candidate[same]) ++same;
    shared.resize(same);
  }
  if (shared.size() < begin.size()) return {};
  std::string more = shared.substr(begin.size());
  if (candidates.size() == 1 && !shared.ends_with('=')) more += ' ';
  return more;
}

}  // namespace quarry::cli
