#include "cli/shell_console.hpp"

#include <fmt/format.h>
#include <histedit.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/text.hpp"
#include "shell/shell.hpp"

namespace quarry::cli {
namespace {

std::vector<std::string> complete(const shell::Words& words, TextView begin) {
  std::vector<std::string> candidates;
  shell::Shell::complete(words, begin,
                         {&candidates, [](void* self, TextView word) noexcept {
                            static_cast<std::vector<std::string>*>(self)->push_back(to_string(word));
                          }});
  return candidates;
}

}  // namespace

// libedit.
struct ShellConsole::Editor {
  static constexpr int kHistory = 1000;

  Editor() {
    line = el_init("quarry", stdin, stdout, stderr);
    past = history_init();
    HistEvent event;
    history(past, &event, H_SETSIZE, kHistory);
    history(past, &event, H_SETUNIQUE, 1);
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
    const LineInfo* const typed = el_line(edit);
    const std::string before{typed->buffer, typed->cursor};
    shell::Words words{view_of(before)};
    std::string begin;
    if (!before.empty() && before.back() != ' ' && !words.empty()) {
      begin = to_string(words[words.size() - 1]);
      words = words.without_last();
    }
    const auto candidates = complete(words, view_of(begin));
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
};

ShellConsole::ShellConsole(const TextStyle& style) : style_{style} {
  if (::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) editor_ = std::make_unique<Editor>();
}

ShellConsole::~ShellConsole() = default;

bool ShellConsole::read_line() {
  if (!editor_) return static_cast<bool>(std::getline(std::cin, line_));
  int size = 0;
  const char* const typed = el_gets(editor_->line, &size);
  if (typed == nullptr || size <= 0) {
    write("\n");
    return false;
  }
  line_.assign(typed, static_cast<std::size_t>(size));
  while (!line_.empty() && (line_.back() == '\n' || line_.back() == '\r')) line_.pop_back();
  HistEvent event;
  if (!shell::Words{view_of(line_)}.empty()) history(editor_->past, &event, H_ENTER, line_.c_str());
  return true;
}

std::optional<TextView> ShellConsole::next() noexcept {
  if (!read_line()) return std::nullopt;
  return view_of(line_);
}

void ShellConsole::write(TextView text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (text.ends_with("\n")) std::fflush(stdout);
}

void ShellConsole::complain(TextView text) noexcept {
  complaint_.append(text.data(), text.size());
  if (!text.ends_with("\n")) return;
  std::fflush(stdout);
  std::fwrite(complaint_.data(), 1, complaint_.size(), stderr);
  complaint_.clear();
}

// Keys come one by one, unseen, and none of them interrupts, until it is over.
bool ShellConsole::wait(unsigned milliseconds) noexcept {
  if (!editor_) return false;
  std::fflush(stdout);
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return false;
  termios keys = before;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const bool is_quiet = ::poll(&input, 1, static_cast<int>(milliseconds)) == 0;
  if (!is_quiet) {
    char pressed[64];
    static_cast<void>(::read(STDIN_FILENO, pressed, sizeof pressed) != 0);
  }
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
  return is_quiet;
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
