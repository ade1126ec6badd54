// cli/shell_console.hpp: where the shell's lines come from and its words go: a terminal with a line editor, or a pipe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace quarry::cli {

// The words that may continue a line; `words` are those before the one being typed, `begin` is what is there of it.
using Complete =
    std::function<std::vector<std::string>(const std::vector<std::string>& words, const std::string& begin)>;

class Console {
 public:
  // Reads standard input. Editing, history, completion and the prompt are there only when both ends are a terminal.
  Console(const TextStyle& style, Complete complete);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // The next line without its end; none: there is no more.
  std::optional<std::string> next();
  void write(const std::string& text);
  // One line on standard error.
  void complain(const std::string& text);
  bool is_terminal() const { return editor_ != nullptr; }
  const TextStyle& style() const { return style_; }

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;  // null: a pipe
  TextStyle style_;
};

// What to type so that `begin` becomes one of `candidates`: the rest that they share, and a blank where there is one alone.
std::string completion(const std::vector<std::string>& candidates, const std::string& begin);

}  // namespace quarry::cli
