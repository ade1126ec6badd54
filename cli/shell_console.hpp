// cli/shell_console.hpp: standard input and output as the shell's console: a terminal with a line editor, or a pipe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/terminal.hpp"
#include "shell/console.hpp"

namespace quarry::cli {

class ShellConsole final : public shell::Console {
 public:
  // Editing, history, completion and the prompt are there only when both ends are a terminal.
  explicit ShellConsole(const TextStyle& style);
  ~ShellConsole();
  ShellConsole(const ShellConsole&) = delete;
  ShellConsole& operator=(const ShellConsole&) = delete;

  std::optional<TextView> next() noexcept override;
  void write(TextView text) noexcept override;
  // On standard error, a line at a time.
  void complain(TextView text) noexcept override;
  bool is_terminal() const noexcept override { return editor_ != nullptr; }
  bool wait(unsigned milliseconds) noexcept override;
  shell::Style style() const noexcept override {
    return {style_.colour, style_.unicode, style_.width, terminal_height()};
  }
  const TextStyle& text_style() const { return style_; }

 private:
  struct Editor;
  bool read_line();

  std::unique_ptr<Editor> editor_;  // null: a pipe
  TextStyle style_;
  std::string line_;       // that next() gave last
  std::string complaint_;  // of which the end is still to come
};

// What to type so that `begin` becomes one of `candidates`: the rest that they share, and a blank where there is one alone.
std::string completion(const std::vector<std::string>& candidates, const std::string& begin);

}  // namespace quarry::cli
